"""What the ledger says of an attempt of a stage, and of what stood there when it ran. SQL: sql/queries/lineage.sql."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from perennial.records import Purpose, Run
from perennial.stores.ledger.statements import fetch_all, fetch_one
from perennial.stores.sessions import Session


@dataclass(frozen=True)
class Attempt:
    """One attempt of a stage; `recorded_at` and `finished_at` are the wall's."""

    run_id: int
    stage: str
    status: Literal["running", "ok", "failed", "refused"]
    purpose: Purpose
    actor: str
    effective_at: datetime
    recorded_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True)
class Building:
    """What the scores of a publication were made of; canary_*: the share that another version scored, None where none did."""

    publication_id: int
    snapshot_checksum: str
    manifest_hash: str
    config_hash: str
    query_hash: str
    code_version: str
    canary_id: int | None
    canary_share: float | None
    canary_version: int | None


@dataclass(frozen=True)
class BuiltDay:
    """What stands in features.<model> or labels.<model> for a day."""

    as_of: date
    rows: int
    checksum: str


def find_attempt(session: Session, run: Run, stage: str) -> Attempt | None:
    """The newest attempt of a stage by this run of Airflow for its day."""
    known = {"model": run.model, "as_of": run.as_of, "dag_run_id": run.dag_run_id}
    return fetch_one(Attempt, session, "lineage.find_attempt", stage=stage, **known)


def find_building(session: Session, publication_id: int) -> Building | None:
    """What a publication was made of."""
    return fetch_one(Building, session, "lineage.find_building", publication_id=publication_id)


def days_built(session: Session, model: str, kind: Literal["features", "labels"], days: Sequence[date]) -> tuple[BuiltDay, ...]:
    """What stands there for some days, oldest first."""
    return fetch_all(BuiltDay, session, "lineage.days_built", model=model, kind=kind, days=list(days))


def labelled_during(session: Session, model: str, attempt: Attempt) -> tuple[BuiltDay, ...]:
    """The days whose labels an attempt built: they bear its clock, and were written while it ran."""
    values = {"clock": attempt.effective_at, "begun": attempt.recorded_at, "ended": attempt.finished_at}
    return fetch_all(BuiltDay, session, "lineage.labelled_during", model=model, **values)
