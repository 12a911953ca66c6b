"""Drift checks, the decisions that rest on them, and days that somebody forgot."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime

from perennial.records import Decision, DriftCheck, Run, dump_json
from perennial.stores.ledger.statements import execute, fetch_all, fetch_one, read_record
from perennial.stores.sessions import Session


def record_drift_check(session: Session, run: Run, check: DriftCheck) -> bool:
    """Keep the check of a day; a rerun replaces it. Says whether it found anything new, its report aside."""
    recorded = execute(
        session,
        "record_drift_check",
        model=check.model,
        as_of=check.as_of,
        version=check.version,
        rows=check.rows,
        drifted_share=check.drifted_share,
        prediction_shift=check.prediction_shift,
        is_drifted=check.is_drifted,
        evidence=dump_json(check),
        report=check.report,
        effective_at=run.clock,
    )
    return bool(recorded.scalar_one())


def record_report(session: Session, check: DriftCheck, address: str, parts: Collection[str]) -> None:
    """Say where the page of a check stands and which parts it wants, unless another version was checked meanwhile."""
    values = {"model": check.model, "as_of": check.as_of, "version": check.version}
    execute(session, "record_report", **values, report=address, parts=sorted(parts))


def last_checks(session: Session, model: str, as_of: date, *, limit: int) -> tuple[DriftCheck, ...]:
    """The newest checks that ran up to a day, that day's included, newest first."""
    found = execute(session, "last_checks", model=model, as_of=as_of, limit=limit).scalars()
    return tuple(read_record(DriftCheck, evidence) for evidence in found)


def record_decision(session: Session, run: Run, decision: Decision) -> int:
    """Keep a decision with all that it looked at; returns its number."""
    return int(
        execute(
            session,
            "record_decision",
            model=decision.model,
            as_of=decision.as_of,
            choice=decision.choice.value,
            rule=decision.rule,
            sentence=decision.sentence,
            evidence=dump_json(decision),
            purpose=run.purpose,
            effective_at=run.clock,
        ).scalar_one()
    )


def find_decision(session: Session, model: str, as_of: date) -> Decision | None:
    """The decision that holds for a day: the newest of that day."""
    return fetch_one(Decision, session, "find_decision", model=model, as_of=as_of)


def decisions_of(session: Session, model: str, as_of: date) -> tuple[Decision, ...]:
    """Every decision of a day, oldest first: a stopped day that was repaired has two."""
    return fetch_all(Decision, session, "decisions_of", model=model, as_of=as_of)


def asked_trainings(session: Session, model: str, *, since: date, before: date) -> tuple[datetime, ...]:
    """When retraining was asked for, for as_ofs in [since, before), oldest first.

    The day itself is left out: a rerun of its decision must not find its own request and cool down.
    """
    return tuple(execute(session, "asked_trainings", model=model, since=since, before=before).scalars())


def unpublished_days(session: Session, model: str, *, since: date) -> tuple[date, ...]:
    """Valid snapshots that were never scored although there was a champion, oldest first."""
    return tuple(execute(session, "unpublished_days", model=model, since=since).scalars())


def unchecked_days(session: Session, model: str, *, since: date) -> tuple[date, ...]:
    """Live scores that were never checked for drift, oldest first."""
    return tuple(execute(session, "unchecked_days", model=model, since=since).scalars())


def unbuilt_days(session: Session, model: str, wanted: tuple[date, ...]) -> tuple[date, ...]:
    """Of the days in `wanted`, oldest first, those that nobody photographed, while the model lived."""
    if not wanted:
        return ()
    return tuple(execute(session, "unbuilt_days", model=model, wanted=list(wanted), since=wanted[0]).scalars())


def untrained_days(session: Session, model: str, *, since: date) -> tuple[date, ...]:
    """Decisions to train that nobody followed, oldest first."""
    return tuple(execute(session, "untrained_days", model=model, since=since).scalars())
