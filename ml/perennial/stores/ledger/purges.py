"""What is older than a model keeps it, and what went. SQL: sql/queries/purges.sql, and `ledger.purge_day`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from perennial.records.purges import PurgeItem
from perennial.stores.ledger.statements import execute, fetch_all
from perennial.stores.sessions import Session


@dataclass(frozen=True)
class Purge:
    """One purge: of which model, by whom, on which clock."""

    model: str
    actor: str
    effective_at: datetime


def lived_until(session: Session, model: str) -> datetime | None:
    """The newest clock of the runs of a model, backfills aside; None before the first."""
    lived: datetime | None = execute(session, "purges.lived_until", model=model).scalar_one()
    return lived


def read_wall(session: Session) -> datetime:
    """PostgreSQL's clock, beyond which the owner's functions count no ages."""
    wall: datetime = execute(session, "purges.wall").scalar_one()
    return wall


def find_purgeable(
    session: Session, model: str, before: Mapping[str, date | datetime], *, needed: Sequence[date], ways_back: Sequence[int]
) -> tuple[PurgeItem, ...]:
    """Everything that is older than the model keeps it, with why it stays if it does.

    Args:
        before: of each key of [retention], without its `_days`, the first day that stays by its age; of files and runs the
            instant; of `outcomes` the first day whose outcome is still waited for.
        needed: as_ofs of which the next training, comparison or score may read rows.
        ways_back: versions that a rollback leads to, the champion among them.
    """
    values = {f"{name}_before": first for name, first in before.items()}
    return fetch_all(PurgeItem, session, "purges.find_items", model=model, needed=needed, ways_back=ways_back, **values)


def record_purge(session: Session, purge: Purge, item: PurgeItem, retention_days: int) -> None:
    """Keep that something went."""
    execute(session, "purges.record", **vars(item), **vars(purge), retention_days=retention_days)


def is_recorded(session: Session, model: str, item: PurgeItem) -> bool:
    """Whether a thing of this kind and day was kept as gone before."""
    found = execute(session, "purges.is_recorded", model=model, kind=item.kind, as_of=item.as_of)
    return bool(found.scalar_one())


def purge_day(session: Session, purge: Purge, item: PurgeItem, retention_days: int) -> int:
    """Take rejected rows, findings, mails or requests of one day away, and record it; how many went.

    The owner's function refuses a day that is not older than so many days before the newest run.
    """
    values = {"kind": item.kind, "as_of": item.as_of, "retention_days": retention_days}
    return int(execute(session, "purges.purge_day", **vars(purge), **values).scalar_one())


def mark_purged(session: Session, model: str, as_ofs: Sequence[date]) -> None:
    """Say of snapshots and labels of some days that their rows have gone."""
    execute(session, "purges.mark_snapshots", model=model, as_ofs=list(as_ofs))


def unlink_report(session: Session, model: str, as_of: date) -> None:
    """Say of the check of a day that its page has gone."""
    execute(session, "purges.unlink_report", model=model, as_of=as_of)


def drop_parts(session: Session, as_of: date) -> tuple[int, int]:
    """Delete parts of pages that were kept on a day and that no page wants any more: how many, and their bytes."""
    sizes = [row.bytes for row in execute(session, "purges.drop_parts", as_of=as_of)]
    return len(sizes), sum(sizes)


def purged_at(session: Session, kind: Literal["files", "runs"], model: str, version: int) -> datetime | None:
    """When the files, or the run, of a version were purged; None while they are there."""
    return execute(session, "purges.purged_at", kind=kind, model=model, version=version).scalar_one_or_none()


def purged_days(session: Session, model: str) -> frozenset[date]:
    """Days of which rows were purged."""
    return frozenset(execute(session, "purges.purged_days", model=model).scalars())
