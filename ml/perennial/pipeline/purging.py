"""What has become old goes: days, texts and files that the model file keeps no longer and that nothing needs.

What goes and why the rest stays is asked of one query (`purges.find_purgeable`), by a dry run, by the purge, and again inside
each transaction that takes something away. A purge that was killed is run again; what went before it is not found any more.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import groupby

from perennial import promote as protocol
from perennial.config import Declaration
from perennial.config.retention import Kept
from perennial.errors import WarehouseBusy
from perennial.pipeline.labelling import matured_days
from perennial.pipeline.opening import Stores
from perennial.records import Version
from perennial.records.purges import Purged, PurgeItem, PurgeKind
from perennial.stores import ledger
from perennial.stores.ledger import purges
from perennial.stores.registry import discard_files, find_kept, name_report
from perennial.stores.registry.loading import CACHE
from perennial.stores.sessions import FILES_FENCE, Session, share_lock, take_lock
from perennial.stores.warehouse import old_days

log = logging.getLogger(__name__)
TABLES: Mapping[PurgeKind, tuple[str, ...]] = {"snapshots": ("features", "labels"), "scores": ("scores",)}
WITH_RUNS: tuple[PurgeKind, ...] = ("files", "reports")
"""What stands with a run of MLflow, and not in the warehouse."""
OUT_OF_STEP = timedelta(hours=1)
"""Clocks of two machines that differ by more are worth a word."""
KEYS: Mapping[PurgeKind, str] = {
    "snapshots": "snapshots_days",
    "scores": "scores_days",
    "quarantine": "quarantine_days",
    "findings": "quarantine_days",
    "mail": "mail_days",
    "reports": "reports_days",
    "files": "files_days",
    "requests": "requests_days",
}
"""Kind -> the key of [retention] that says how long it is kept."""


def purge(stores: Stores, name: str, clock: datetime, *, actor: str = "perennial", dry_run: bool = False) -> Purged:
    """Take away what a model keeps no longer; a dry run says what would go, and deletes nothing.

    Ages count from the newest clock that the model has lived, and never from after `clock` or PostgreSQL's clock: of one that
    stands still, and of one that is replayed in the past, nothing grows old; nor by a clock that goes ahead.

    Raises:
        RegistryUnavailable: MLflow does not answer; what went before stands, the rest goes with the next attempt.
        WarehouseBusy: a stage holds a day, or somebody reads the table of a month that goes, for too long, or a backup is
            being taken; likewise.
    """
    purging = _Purging(stores, stores.declaration(name), clock, actor)
    with stores.warehouse.transaction() as session:
        until, wall = purging.find_until(session), purges.read_wall(session)
        found = purging.find(session) if until else ()
    if clock - wall > OUT_OF_STEP:
        log.warning(
            "%s: the clock here, %s, is ahead of PostgreSQL's, %s, from which ages count. Set the wrong one right.",
            *(name, clock, wall),
        )
    kept = tuple(item for item in found if item.why is not None)
    going = sorted((item for item in found if item.why is None), key=lambda item: item.kind in WITH_RUNS)  # a backup stops these
    gone = tuple(purging.measure(going) if dry_run else purging.take_away(going))
    if gone and not dry_run:
        log.info("%s: %d things went, about %d bytes", name, len(gone), sum(item.bytes for item in gone))
    return Purged(name, until, gone, kept)


def list_overdue(stores: Stores, name: str, clock: datetime) -> tuple[PurgeItem, ...]:
    """What is older than the model keeps it, needed by nothing, and still there; nothing after a purge. MLflow is not asked."""
    purging = _Purging(stores, stores.declaration(name), clock, "perennial")
    with stores.warehouse.transaction() as session:
        if purging.find_until(session) is None:
            return ()
        return tuple(item for item in purging.find(session) if item.why is None)


@dataclass(frozen=True)
class _Purging:
    """One purge of one model."""

    stores: Stores
    declaration: Declaration
    clock: datetime
    actor: str

    @property
    def model(self) -> str:
        return self.declaration.model.name

    @property
    def record(self) -> purges.Purge:
        return purges.Purge(self.model, self.actor, self.clock)

    def days_of(self, kind: PurgeKind) -> Kept:
        days: Kept = getattr(self.declaration.model.retention, KEYS[kind])
        return days

    def find_until(self, session: Session) -> datetime | None:
        """The instant from which ages count."""
        lived = purges.lived_until(session, self.model)
        return min(lived, self.clock, purges.read_wall(session)) if lived else None

    def find(self, session: Session) -> tuple[PurgeItem, ...]:
        """Everything that is older than the model keeps it, with why it stays if it does."""
        until = self.find_until(session)
        assert until is not None  # whoever asks has looked
        before: dict[str, date | datetime] = {
            KEYS[kind].removesuffix("_days"): _count_back(until, self.days_of(kind)).date() for kind in KEYS
        }
        before["files"] = _count_back(until, self.days_of("files"))
        before["outcomes"] = self._find_first_awaited(until)
        history = ledger.champion_history(session, self.model)
        needed = self._find_needed(session, until)
        return purges.find_purgeable(session, self.model, before, needed=needed, ways_back=_list_ways_back(history))

    def _find_needed(self, session: Session, until: datetime) -> list[date]:
        """The matured as_ofs that a training or comparison may read now, and every younger day."""
        model = self.declaration.model
        matured = matured_days(session, model, until)
        younger = ledger.valid_days(session, self.model, first=model.latest_matured(until), last=date.max)
        return sorted({*matured, *younger})

    def _find_first_awaited(self, until: datetime) -> date:
        """The first as_of whose outcome is still waited for.

        What no source has delivered until labels mature counts for them never; their day waits as long as its rows are kept.
        """
        first = min(_count_back(until, self.days_of(kind)).date() for kind in TABLES)
        label = self.declaration.model.label
        return first - min(timedelta(days=label.horizon_days + label.grace_days), first - date.min)

    # A dry run
    def measure(self, items: Iterable[PurgeItem]) -> Iterable[PurgeItem]:
        """The same things with the room that they take."""
        for (kind, _), group in groupby(items, _month_of):
            if kind in TABLES:
                with self.stores.warehouse.transaction() as session:
                    yield from self._measure_days(session, list(group))
            else:
                yield from (self._measure_files(item) if kind in WITH_RUNS else item for item in group)

    def _measure_days(self, session: Session, items: list[PurgeItem]) -> list[PurgeItem]:
        """Days of one month, with rows and bytes as they stand in the tables, whatever the ledger counted."""
        if not items:
            return []
        days = {item.as_of for item in items}
        found = [row for schema in TABLES[items[0].kind] for row in old_days.measure_days(session, schema, self.model, days)]
        rows, room = dict.fromkeys(days, 0), dict.fromkeys(days, 0)
        for each in found:
            rows[each.as_of] += each.rows
            room[each.as_of] += each.bytes
        return [replace(item, rows=rows[item.as_of], bytes=room[item.as_of]) for item in items]

    def _measure_files(self, item: PurgeItem) -> PurgeItem:
        path = name_report(item.as_of) if item.kind == "reports" else None
        return replace(item, bytes=self.stores.registry.measure_files(self._find_version(item).mlflow_run_id, path))

    def _find_version(self, item: PurgeItem) -> Version:
        assert item.version is not None
        with self.stores.warehouse.transaction() as session:
            return ledger.get_version(session, self.model, item.version)

    # The purge
    def take_away(self, items: Iterable[PurgeItem]) -> Iterable[PurgeItem]:
        """Each version, report, or month of days in a transaction of its own."""
        for (kind, _), group in groupby(items, _month_of):
            if kind in WITH_RUNS:
                yield from (gone for item in group for gone in self._take_files(item))
            else:
                yield from self._take_month(list(group))

    def _take_month(self, items: list[PurgeItem]) -> list[PurgeItem]:
        """The days of one month and kind; tables of the model lose it as a table where no other day stands in it."""
        kind = items[0].kind
        with self.stores.warehouse.transaction() as session:
            take_lock(session, "admission", self.model)  # whoever looks at matured as_ofs labels them as well
            old_days.lock_days(session, self.model, [item.as_of for item in items])
            going = self._look_again(session, items)
            if kind not in TABLES:
                for item in going:
                    purges.purge_day(session, self.record, item, self._limit(kind))
                return going
            going = self._measure_days(session, going)
            for item in going:
                purges.record_purge(session, self.record, item, self._limit(kind))
            days = [item.as_of for item in going]
            if kind == "snapshots":
                purges.mark_purged(session, self.model, days)
            for schema in TABLES[kind] if days else ():
                old_days.delete_days(session, schema, self.model, days)
        return going

    def _take_files(self, item: PurgeItem) -> list[PurgeItem]:
        """Deleted before it is recorded: killed between the two, it is found again, and has nothing left to delete."""
        with self.stores.warehouse.transaction() as session:
            if not share_lock(session, *FILES_FENCE):
                raise WarehouseBusy(
                    f"{self.model}: a backup is being taken, and files that its ledger names stay until it has ended. "
                    f"What went before stands; `perennial purge {self.model}` takes away the rest then."
                )
            take_lock(session, "promotion", self.model)  # nobody goes back to it meanwhile
            if not self._look_again(session, [item]):
                return []
            gone = self._delete_files(item)
            if item.kind == "reports":
                purges.unlink_report(session, self.model, item.as_of)
            purges.record_purge(session, self.record, gone, self._limit(item.kind))
        return [gone]

    def _delete_files(self, item: PurgeItem) -> PurgeItem:
        version = self._find_version(item)
        measured = self._measure_files(item)
        path = name_report(item.as_of) if item.kind == "reports" else None
        self.stores.registry.purge_files(version.mlflow_run_id, path, self.clock)
        if path is None:
            discard_files(find_kept(version, self.stores.settings.artifacts / CACHE))
        return measured

    def _look_again(self, session: Session, items: list[PurgeItem]) -> list[PurgeItem]:
        """What still goes, now that nobody else moves it."""
        planned = {(item.kind, item.as_of, item.version) for item in items}
        return [item for item in self.find(session) if item.why is None and (item.kind, item.as_of, item.version) in planned]

    def _limit(self, kind: PurgeKind) -> int:
        days = self.days_of(kind)
        assert days != "forever"  # of which nothing is found
        return days


def _count_back(until: datetime, days: Kept) -> datetime:
    return datetime.min.replace(tzinfo=UTC) if days == "forever" else until.astimezone(UTC) - timedelta(days=days)


def _month_of(item: PurgeItem) -> tuple[PurgeKind, tuple[int, int]]:
    return item.kind, (item.as_of.year, item.as_of.month)


def _list_ways_back(history: protocol.History) -> list[int]:
    """Who serves, and who served before it: the version before, and the newest of another recipe."""
    line = protocol.list_champions(history)
    recipes = {movement.version: movement.recipe for movement in history}
    others = [version for version in line if recipes[version] != recipes[line[-1]]]
    return [*line[-2:], *others[-1:]]
