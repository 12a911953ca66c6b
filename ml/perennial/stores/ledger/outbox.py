"""Mail that waits for its server.

Who sends: for each of `waiting_notices`, open a transaction, `claim_notice`, send, `mark_sent` (or `mark_failed`),
commit. A crash between the server's yes and the commit sends it once more, under the same Message-ID; never not at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from perennial.records import Notice, Run, dump_json
from perennial.stores.ledger.statements import execute, fetch_one
from perennial.stores.sessions import Session


@dataclass(frozen=True)
class Envelope:
    """A notice on its way; `attempts` counts what the mail server refused so far."""

    message_id: str
    recipient: str
    notice: Notice
    attempts: int
    effective_at: datetime


def name_notice(notice: Notice) -> str:
    """The Message-ID of a notice (RFC 5322): the same event of the same day bears the same, however often it is sent."""
    return f"<{notice.model}.{notice.as_of}.{notice.event}@perennial.invalid>"


def put_notice(session: Session, run: Run, notice: Notice, recipient: str) -> str:
    """Let a notice wait for the mail of this run; the first of the same (model, as_of, event) stands. Returns its Message-ID."""
    message_id = name_notice(notice)
    execute(
        session,
        "put_notice",
        model=notice.model,
        as_of=notice.as_of,
        event=notice.event,
        recipient=recipient,
        notice=dump_json(notice),
        message_id=message_id,
        effective_at=run.clock,
    )
    return message_id


def notices_of(session: Session, model: str, as_of: date) -> tuple[str, ...]:
    """The events of a day that were mailed, or wait to be."""
    return tuple(execute(session, "notices_of", model=model, as_of=as_of).scalars())


def tells_of_stop(session: Session, run: Run, message: str) -> bool:
    """Does the mail about the stop of the day tell of this failure?"""
    return bool(execute(session, "tells_of_stop", model=run.model, as_of=run.as_of, message=message).scalar_one())


def waiting_notices(session: Session, model: str | None = None) -> tuple[str, ...]:
    """Message-IDs of what has not been sent, what was refused least often first, then the oldest."""
    return tuple(execute(session, "waiting_notices", model=model).scalars())


def claim_notice(session: Session, message_id: str) -> Envelope | None:
    """Lock a waiting notice until the transaction ends; None when it is sent, or somebody else is sending it."""
    return fetch_one(Envelope, session, "claim_notice", message_id=message_id)


def mark_sent(session: Session, message_id: str) -> None:
    """The server took it."""
    execute(session, "mark_sent", message_id=message_id)


def mark_failed(session: Session, message_id: str, error: str) -> None:
    """The server did not take it; it goes on waiting."""
    execute(session, "mark_failed", message_id=message_id, error=error)
