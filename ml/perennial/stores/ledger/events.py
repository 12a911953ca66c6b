"""What happened, recorded with the work, and what goes out because of it. SQL: sql/queries/events.sql.

Who delivers a card: for each of `waiting_cards`, write it, then `mark_delivered` (or `mark_undelivered`). A crash in between
writes it again, which changes nothing. Events that come while it is written go on waiting.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from perennial.records import Run
from perennial.stores.ledger.statements import execute, fetch_all
from perennial.stores.sessions import Session

EventKind = Literal["fitted", "held", "compared", "moved", "asked", "answered", "checked", "matured"]


@dataclass(frozen=True)
class WaitingCard:
    """A version of which events say something that its card does not; day and clock are those of the newest."""

    model: str
    version: int
    event_ids: tuple[int, ...]
    as_of: date
    effective_at: datetime


def record_event(session: Session, run: Run, kind: EventKind, version: int) -> None:
    """Something happened that says something new about a version; its card waits, but a backfill says nothing new."""
    execute(
        session,
        "events.record_event",
        model=run.model,
        as_of=run.as_of,
        kind=kind,
        version=version,
        effective_at=run.clock,
        destinations=[] if run.purpose == "backfill" else ["card"],
    )


def waiting_cards(session: Session, model: str | None = None) -> tuple[WaitingCard, ...]:
    """What failed least often first, then the oldest."""
    return fetch_all(WaitingCard, session, "events.waiting_cards", model=model)


def mark_delivered(session: Session, card: WaitingCard) -> None:
    """The card tells of these events."""
    execute(session, "events.mark_delivered", event_ids=list(card.event_ids))


def mark_undelivered(session: Session, card: WaitingCard, error: str) -> None:
    """The card could not be written; it goes on waiting."""
    execute(session, "events.mark_undelivered", event_ids=list(card.event_ids), error=error)
