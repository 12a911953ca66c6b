"""Erasures: how many rows of which table, never of whom. SQL: sql/queries/erasures.sql."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from perennial.records import Version, dump_json
from perennial.records.erasures import ErasedDay, ErasedVersion, Erasure
from perennial.stores.ledger.statements import execute, fetch_all
from perennial.stores.sessions import Session


def versions_learned_from(session: Session, model: str, as_ofs: Sequence[date]) -> tuple[Version, ...]:
    """The versions among whose training days is one of these, oldest first."""
    return fetch_all(Version, session, "erasures.versions_learned_from", model=model, as_ofs=list(as_ofs))


def strike_texts(session: Session, models: Sequence[str], pattern: str) -> int:
    """Strike what matches the pattern out of what the ledger says to people about these models; how many rows said it."""
    return int(execute(session, "erasures.strike_texts", models=list(models), pattern=pattern).scalar_one())


def record_erasure(session: Session, erasure: Erasure, days: Sequence[ErasedDay], versions: Sequence[ErasedVersion]) -> None:
    """Keep an erasure with the days that lost rows and the versions that had learned from them."""
    values = {"models": list(erasure.models), "reason": erasure.reason, "actor": erasure.actor}
    number = execute(
        session, "erasures.record_erasure", **values, rows=dump_json(dict(erasure.rows)), effective_at=erasure.effective_at
    ).scalar_one()
    for day in days:
        if day.checksum is not None:
            execute(session, "erasures.follow_checksum", **vars(day))
        execute(session, "erasures.record_day", erasure_id=number, **vars(day))
    for version in versions:
        execute(session, "erasures.record_version", erasure_id=number, **vars(version))
