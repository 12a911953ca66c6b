"""What happened, recorded with the work, and what goes out because of it. SQL: sql/queries/events.sql.

Who delivers: for each of `waiting_deliveries`, write it, then `mark_delivered` (or `mark_undelivered`). A crash in between
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
Destination = Literal["card", "verdict"]


@dataclass(frozen=True)
class WaitingDelivery:
    """A version of which events say something that MLflow does not: its card, or its verdict. Day and clock are of the newest."""

    destination: Destination
    model: str
    version: int
    event_ids: tuple[int, ...]
    as_of: date
    effective_at: datetime


def record_event(session: Session, run: Run, kind: EventKind, version: int, *, tells_verdict: bool = False) -> None:
    """Something happened that says something new about a version; its card waits, but a backfill says nothing new.

    Args:
        tells_verdict: MLflow is also to tell of the newest verdict on the version.
    """
    destinations: list[Destination] = ["card", "verdict"] if tells_verdict else ["card"]
    execute(
        session,
        "events.record_event",
        model=run.model,
        as_of=run.as_of,
        kind=kind,
        version=version,
        effective_at=run.clock,
        destinations=[] if run.purpose == "backfill" else destinations,
    )


def waiting_deliveries(session: Session, model: str | None = None) -> tuple[WaitingDelivery, ...]:
    """Verdicts first, for cards lead to them; of either what failed least often first, then the oldest."""
    return fetch_all(WaitingDelivery, session, "events.waiting_deliveries", model=model)


def mark_delivered(session: Session, delivery: WaitingDelivery) -> None:
    """What was written tells of these events."""
    execute(session, "events.mark_delivered", destination=delivery.destination, event_ids=list(delivery.event_ids))


def mark_undelivered(session: Session, delivery: WaitingDelivery, error: str) -> None:
    """It could not be written, and goes on waiting."""
    values = {"destination": delivery.destination, "event_ids": list(delivery.event_ids)}
    execute(session, "events.mark_undelivered", **values, error=error)
