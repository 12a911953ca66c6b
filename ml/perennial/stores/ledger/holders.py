"""Attempts whose process is gone. SQL: sql/queries/holders.sql.

Whoever runs an attempt holds its lock over a connection of its own (`Database.hold`), which PostgreSQL closes with the process,
however that ends. A row is visible only once its lock is held, and the lock is let go only once the row says how it ended.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from perennial.stores.ledger.statements import execute, fetch_all
from perennial.stores.sessions import Session


@dataclass(frozen=True)
class LostRun:
    """An attempt of a stage that nobody works on."""

    run_id: int
    model: str
    stage: str
    as_of: date
    recorded_at: datetime


def find_lost(session: Session, before: datetime) -> tuple[tuple[LostRun, ...], tuple[tuple[str, date, int], ...]]:
    """Attempts that nobody works on, and open publications (model, as_of, attempt) of nobody; nothing is changed.

    Two statements look at the runs, each at its own moment: what has ended between them is no finding.
    """
    seen = fetch_all(LostRun, session, "holders.lost_runs", model=None)
    again = {run.run_id for run in fetch_all(LostRun, session, "holders.lost_runs", model=None)}
    lost = tuple(run for run in seen if run.run_id in again)
    known = [run.run_id for run in lost]
    building = execute(session, "holders.lost_attempts", model=None, lost=known, before=before).all()
    return lost, tuple((row.model, row.as_of, row.attempt) for row in building)


def mark_lost_runs(session: Session, model: str | None = None) -> tuple[LostRun, ...]:
    """Let attempts whose lock nobody holds end as `lost`; of all models, if none is named.

    One that lives after all, because its connection was cut, still says how it ended.
    """
    found = fetch_all(LostRun, session, "holders.lost_runs", model=model)
    return fetch_all(LostRun, session, "holders.mark_lost", run_ids=[run.run_id for run in found])


def end_lost_attempts(session: Session, model: str | None, before: datetime) -> tuple[str, ...]:
    """Take from publications that nobody works for the right to publish; the models they were of.

    Args:
        before: shards wait between tasks: an attempt with several is given up when it began before this instant.
    """
    lost = execute(session, "holders.lost_attempts", model=model, lost=[], before=before).mappings().all()
    ended = execute(session, "holders.end_attempts", publication_ids=[row["publication_id"] for row in lost])
    return tuple(ended.scalars())
