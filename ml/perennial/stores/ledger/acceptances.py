"""Levels that a person has accepted. SQL: sql/queries/acceptances.sql."""

from __future__ import annotations

from datetime import date

from perennial.records import Acceptance, Level
from perennial.stores.ledger.statements import execute, fetch_one
from perennial.stores.sessions import Session


def record_acceptance(session: Session, acceptance: Acceptance) -> None:
    """Keep what a person has said; saying it again adds a row."""
    execute(session, "acceptances.record_acceptance", **vars(acceptance))


def newest_acceptance(session: Session, model: str, as_of: date, accepted: Level) -> Acceptance | None:
    """What holds for a day: the newest word about it, or about a day before it."""
    return fetch_one(Acceptance, session, "acceptances.newest_acceptance", model=model, as_of=as_of, accepted=accepted)


def stopped_mean(session: Session, model: str, as_of: date) -> float | None:
    """The mean score for which the scores of a day were stopped; None when they were not, or for another reason."""
    found = execute(session, "acceptances.stopped_mean", model=model, as_of=as_of).scalar()
    return None if found is None else float(found)
