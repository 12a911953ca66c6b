"""One purge of one model: how old is too old, and what of it the ledger finds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from perennial import promote as protocol
from perennial.config import Declaration
from perennial.config.retention import Kept
from perennial.pipeline.labelling import matured_days
from perennial.pipeline.opening import Stores
from perennial.records.purges import PurgeItem, PurgeKind
from perennial.stores import ledger
from perennial.stores.ledger import purges
from perennial.stores.sessions import Session

TABLES: Mapping[PurgeKind, tuple[str, ...]] = {"snapshots": ("features", "labels"), "scores": ("scores",)}
KEYS: Mapping[PurgeKind, str] = {
    "snapshots": "snapshots_days",
    "scores": "scores_days",
    "quarantine": "quarantine_days",
    "findings": "quarantine_days",
    "mail": "mail_days",
    "reports": "reports_days",
    "parts": "reports_days",
    "files": "files_days",
    "runs": "runs_days",
    "requests": "requests_days",
    "studies": "studies_days",
    "logs": "logs_days",
}
"""Kind -> the key of [retention] that says how long it is kept."""
INSTANTS = ("files", "runs")
"""What the ledger keeps with an instant, and not with a day."""


def find_until(session: Session, model: str, clock: datetime) -> datetime | None:
    """The instant from which ages count; None before the first run of the model."""
    lived = purges.lived_until(session, model)
    return min(lived, clock, purges.read_wall(session)) if lived else None


@dataclass(frozen=True)
class Purging:
    """One purge of one model, which has lived.

    Attributes:
        logs: folders in which Airflow keeps logs of tasks on this machine.
    """

    stores: Stores
    declaration: Declaration
    clock: datetime
    actor: str
    logs: tuple[Path, ...] = ()

    @property
    def model(self) -> str:
        return self.declaration.model.name

    @property
    def record(self) -> purges.Purge:
        return purges.Purge(self.model, self.actor, self.clock)

    def days_of(self, kind: PurgeKind) -> Kept:
        days: Kept = getattr(self.declaration.model.retention, KEYS[kind])
        return days

    def limit(self, kind: PurgeKind) -> int:
        """The same of what was found."""
        days = self.days_of(kind)
        assert days != "forever"  # of which nothing is found
        return days

    def find_until(self, session: Session) -> datetime:
        """The instant from which ages count."""
        until = find_until(session, self.model, self.clock)
        assert until is not None  # whoever asks has looked
        return until

    def count_back(self, session: Session, kind: PurgeKind) -> datetime:
        """What is younger than this instant stays by its age."""
        return _count_back(self.find_until(session), self.days_of(kind))

    def find(self, session: Session, kinds: Iterable[PurgeKind]) -> tuple[PurgeItem, ...]:
        """What the ledger knows to be older than the model keeps it, with why it stays if it does."""
        until = self.find_until(session)
        before: dict[str, date | datetime] = {}
        for kind, key in KEYS.items():
            first = _count_back(until, self.days_of(kind))
            before[key.removesuffix("_days")] = first if kind in INSTANTS else first.date()
        before["outcomes"] = self._find_first_awaited(until)
        history = ledger.champion_history(session, self.model)
        needed = self._find_needed(session, until)
        found = purges.find_purgeable(session, self.model, before, needed=needed, ways_back=_list_ways_back(history))
        return tuple(item for item in found if item.kind in kinds and self.days_of(item.kind) != "forever")

    def look_again(self, session: Session, items: list[PurgeItem]) -> list[PurgeItem]:
        """What of it still goes, now that nobody else moves it."""
        planned = {(item.kind, item.as_of, item.version) for item in items}
        found = self.find(session, {item.kind for item in items})
        return [item for item in found if item.why is None and (item.kind, item.as_of, item.version) in planned]

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


def _count_back(until: datetime, days: Kept) -> datetime:
    return datetime.min.replace(tzinfo=UTC) if days == "forever" else until.astimezone(UTC) - timedelta(days=days)


def _list_ways_back(history: protocol.History) -> list[int]:
    """Who serves, and who served before it: the version before, and the newest of another recipe."""
    line = protocol.list_champions(history)
    recipes = {movement.version: movement.recipe for movement in history}
    others = [version for version in line if recipes[version] != recipes[line[-1]]]
    return [*line[-2:], *others[-1:]]
