"""What stands in MLflow: files of versions, pages of drift checks, and the runs themselves.

Everything is deleted before it is recorded: killed between the two, it is found again, and has nothing left to delete.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from typing import ClassVar

from perennial.errors import WarehouseBusy
from perennial.pipeline.purging.finding import Purging
from perennial.records import Version
from perennial.records.purges import PurgeItem, PurgeKind
from perennial.stores import ledger
from perennial.stores.ledger import purges
from perennial.stores.registry import OldRuns, discard_files, find_kept, name_report
from perennial.stores.registry.loading import CACHE
from perennial.stores.sessions import FILES_FENCE, Session, share_lock, take_lock

LED_TO = "an alias or another registered model in MLflow leads to it"


@contextmanager
def _fenced(purging: Purging, *lock: object) -> Iterator[Session]:
    """A transaction that no backup goes on beside, and that holds a lock of the model."""
    with purging.stores.warehouse.transaction() as session:
        if not share_lock(session, *FILES_FENCE):
            raise WarehouseBusy(
                f"{purging.model}: a backup is being taken, and files that its ledger names stay until it has ended. "
                f"What went before stands; `perennial purge {purging.model}` takes away the rest then."
            )
        take_lock(session, *lock)
        yield session


def _open_runs(purging: Purging) -> OldRuns:
    stores = purging.stores
    return OldRuns(stores.registry, purging.model, stores.settings.mlflow_database_url)


def _find_version(purging: Purging, item: PurgeItem) -> Version:
    assert item.version is not None
    with purging.stores.warehouse.transaction() as session:
        return ledger.get_version(session, purging.model, item.version)


@dataclass(frozen=True)
class FilesPurger:
    """Files of a version, and pages of a drift check, each in a transaction of its own."""

    purging: Purging
    kinds: ClassVar[tuple[PurgeKind, ...]] = ("files", "reports")

    def find(self) -> tuple[PurgeItem, ...]:
        """Everything that is older than the model keeps it."""
        with self.purging.stores.warehouse.transaction() as session:
            return self.purging.find(session, self.kinds)

    def measure(self, items: list[PurgeItem]) -> list[PurgeItem]:
        """With the room that they take in MLflow."""
        return [self._measure(item) for item in items]

    def take(self, items: list[PurgeItem]) -> list[PurgeItem]:
        """Those that still go."""
        return [gone for item in items for gone in self._take(item)]

    def _measure(self, item: PurgeItem) -> PurgeItem:
        run_id = _find_version(self.purging, item).mlflow_run_id
        return replace(item, bytes=_open_runs(self.purging).measure_files(run_id, _name_path(item)))

    def _take(self, item: PurgeItem) -> list[PurgeItem]:
        purging = self.purging
        with _fenced(purging, "promotion", purging.model) as session:  # nobody goes back to it meanwhile
            if not purging.look_again(session, [item]):
                return []
            gone = self._delete(item)
            if item.kind == "reports":
                purges.unlink_report(session, purging.model, item.as_of)
            purges.record_purge(session, purging.record, gone, purging.limit(item.kind))
        return [gone]

    def _delete(self, item: PurgeItem) -> PurgeItem:
        version, path, measured = _find_version(self.purging, item), _name_path(item), self._measure(item)
        _open_runs(self.purging).delete_files(version.mlflow_run_id, path, self.purging.clock)
        if path is None:
            discard_files(find_kept(version, self.purging.stores.settings.artifacts / CACHE))
        return measured


def _name_path(item: PurgeItem) -> str | None:
    return name_report(item.as_of) if item.kind == "reports" else None


@dataclass(frozen=True)
class RunsPurger:
    """Runs of versions whose files have gone, and of trainings of which no version came: a rerun logs those anew."""

    purging: Purging

    def find(self) -> tuple[PurgeItem, ...]:
        """Runs of versions as the ledger has them, then those that MLflow alone knows."""
        if self.purging.days_of("runs") == "forever":
            return ()
        with self.purging.stores.warehouse.transaction() as session:
            found = self.purging.find(session, ("runs",))
            strays = self._find_strays(session)
        versions = tuple(replace(item, why=LED_TO) if item.why is None and self._is_led_to(item) else item for item in found)
        return versions + tuple(PurgeItem("runs", day, None, len(runs), 0) for day, runs in strays.items())

    def measure(self, items: list[PurgeItem]) -> list[PurgeItem]:
        """With the room that files of trainings without a version take; those of versions have gone before."""
        return [item if item.version is not None else self._measure(item) for item in items]

    def take(self, items: list[PurgeItem]) -> list[PurgeItem]:
        """Those that still go."""
        return [
            gone for item in items for gone in (self._take_strays(item) if item.version is None else self._take_version(item))
        ]

    def _find_strays(self, session: Session) -> Mapping[date, tuple[str, ...]]:
        known = ledger.runs_of_versions(session, self.purging.model).values()
        before = self.purging.count_back(session, "runs").date()
        return _open_runs(self.purging).find_strays(before, frozenset(known))

    def _is_led_to(self, item: PurgeItem) -> bool:
        return _open_runs(self.purging).is_led_to(_find_version(self.purging, item).mlflow_run_id)

    def _measure(self, item: PurgeItem) -> PurgeItem:
        runs = _open_runs(self.purging)
        with self.purging.stores.warehouse.transaction() as session:
            strays = self._find_strays(session).get(item.as_of, ())
        return replace(item, bytes=sum(runs.measure_files(run_id) for run_id in strays))

    def _take_version(self, item: PurgeItem) -> list[PurgeItem]:
        purging = self.purging
        with _fenced(purging, "promotion", purging.model) as session:
            if not purging.look_again(session, [item]) or self._is_led_to(item):
                return []
            _open_runs(purging).delete_run(_find_version(purging, item).mlflow_run_id)
            purges.record_purge(session, purging.record, item, purging.limit("runs"))
        return [item]

    def _take_strays(self, item: PurgeItem) -> list[PurgeItem]:
        """Whoever trains this day registers under the same lock what it has logged."""
        purging, runs = self.purging, _open_runs(self.purging)
        with _fenced(purging, "training", purging.model, item.as_of) as session:
            strays = self._find_strays(session).get(item.as_of, ())
            if not strays:
                return []
            gone = replace(item, rows=len(strays), bytes=sum(runs.measure_files(run_id) for run_id in strays))
            for run_id in strays:
                runs.delete_files(run_id, None, purging.clock)
                runs.delete_run(run_id)
            purges.record_purge(session, purging.record, gone, purging.limit("runs"))
        return [gone]
