"""How far a search for parameters is, wherever it runs, and which are old: trials are kept one by one in the schema `tuning`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from perennial.records import SearchProgress
from perennial.stores import queries
from perennial.stores.sessions import Session


@dataclass(frozen=True)
class OldStudies:
    """Studies of the trainings of one day, by name; `why` says what they stay for, and is None where nothing wants them."""

    as_of: date
    trials: int
    names: tuple[str, ...]
    why: str | None


def find_old_studies(session: Session, model: str, before: date) -> tuple[OldStudies, ...]:
    """Those of days before a day, oldest first."""
    tuning = queries.load("tuning")
    if not session.execute(tuning["has_begun"]).scalar_one():
        return ()
    found = session.execute(tuning["old_studies"], {"model": model, "before": before})
    return tuple(OldStudies(row.as_of, int(row.trials), tuple(row.names), row.why) for row in found)


def read_search(session: Session, model: str) -> SearchProgress | None:
    """The newest search of a model, which may be over, or killed; None when it never had one."""
    tuning = queries.load("tuning")
    if not session.execute(tuning["has_begun"]).scalar_one():
        return None
    found = session.execute(tuning["newest_search"], {"model": model}).mappings().one_or_none()
    return None if found is None else SearchProgress(**found)
