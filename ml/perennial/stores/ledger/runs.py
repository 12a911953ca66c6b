"""Attempts of stages, and what the suites said about each snapshot."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Literal

from perennial.errors import SnapshotMissing
from perennial.records import Run, Snapshot, Validation, dump_json
from perennial.stores.ledger.statements import execute, fetch_one
from perennial.stores.sessions import Session


def start_run(session: Session, run: Run, stage: str) -> int:
    """Note that an attempt of a stage begins; returns its number."""
    return int(
        execute(
            session,
            "start_run",
            model=run.model,
            stage=stage,
            as_of=run.as_of,
            purpose=run.purpose,
            actor=run.actor,
            dag_run_id=run.dag_run_id,
            effective_at=run.clock,
        ).scalar_one()
    )


def name_run(run_id: int) -> tuple[str, int]:
    """The lock that whoever runs an attempt holds until it has ended; sql/queries/holders.sql looks for it."""
    return "run", run_id


def finish_run(session: Session, run_id: int, status: Literal["ok", "failed", "refused"], message: str | None = None) -> None:
    """Note how the attempt ended, also of one that was taken for lost: what it has done is fenced where it was done."""
    execute(session, "finish_run", run_id=run_id, status=status, message=message)


def is_overtaken(session: Session, run: Run, stage: str, attempt: int) -> bool:
    """Whether a later attempt of the stage has ended well: what the rest of the day rests on is its work."""
    return bool(execute(session, "is_overtaken", model=run.model, stage=stage, as_of=run.as_of, attempt=attempt).scalar_one())


def find_snapshot(session: Session, model: str, as_of: date, kind: Literal["features", "labels"] = "features") -> Snapshot:
    """What was built for the day, whatever the suites said of it.

    Raises:
        SnapshotMissing: nothing was built.
    """
    found = fetch_one(Snapshot, session, "find_snapshot", model=model, as_of=as_of, kind=kind)
    if found is None:
        raise SnapshotMissing(
            f"{model}, as_of {as_of}: there is no snapshot of {kind}: run `perennial refresh {model} --as-of {as_of}` first."
        )
    return found


def newest_snapshot(session: Session, model: str) -> Snapshot | None:
    """The features of the newest day that was built, whatever the suites said of it."""
    return fetch_one(Snapshot, session, "newest_snapshot", model=model)


def mark_snapshot(session: Session, run: Run, status: Literal["valid", "invalid"]) -> None:
    """Let the features of the day through, or stop them."""
    execute(session, "mark_snapshot", model=run.model, as_of=run.as_of, status=status)


def labelled_days(session: Session, model: str, days: Sequence[date], definition_hash: str) -> set[date]:
    """Those of the days whose labels were built from their present snapshot by the present definition."""
    return set(execute(session, "labelled_days", model=model, days=list(days), query_hash=definition_hash).scalars())


def failure_messages(session: Session, run: Run) -> tuple[str, ...]:
    """What the failed attempts of an Airflow run said, oldest first."""
    return tuple(execute(session, "failure_messages", model=run.model, as_of=run.as_of, dag_run_id=run.dag_run_id).scalars())


def former_rows(session: Session, model: str, as_of: date, *, limit: int, since: date | None = None) -> tuple[int, ...]:
    """Row counts of the newest valid snapshots before the day, and not before `since`, newest first."""
    return tuple(execute(session, "former_rows", model=model, as_of=as_of, limit=limit, since=since).scalars())


def valid_days(session: Session, model: str, *, first: date, last: date) -> dict[date, str]:
    """The as_ofs in [first, last] whose features are valid, oldest first, each with the hash of the definition that built it."""
    return {row.as_of: row.query_hash for row in execute(session, "valid_days", model=model, first=first, last=last)}


def is_empty(session: Session, model: str, as_of: date) -> bool:
    """Whether the valid snapshot of a day holds nobody."""
    return bool(execute(session, "is_empty", model=model, as_of=as_of).scalar_one())


def record_validation(session: Session, run: Run, validation: Validation) -> None:
    """Keep the finding of every expectation."""
    execute(
        session,
        "record_validation",
        model=validation.model,
        as_of=validation.as_of,
        passed=validation.passed,
        rows=validation.rows,
        quarantined=validation.quarantined,
        evidence=dump_json(validation),
        effective_at=run.clock,
    )


def find_validation(session: Session, model: str, as_of: date) -> Validation | None:
    """The newest validation of the day."""
    return fetch_one(Validation, session, "find_validation", model=model, as_of=as_of)
