"""What stands of every day of a model, and how long such a day takes. SQL: sql/queries/planning.sql."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

from perennial.stores.ledger.statements import execute, fetch_all
from perennial.stores.sessions import Session


@dataclass(frozen=True)
class BuiltDay:
    """One day of features or labels as it stands; `query_hash` is the definition that built it."""

    as_of: date
    kind: Literal["features", "labels"]
    rows: int
    query_hash: str
    config_hash: str
    status: str


def built_days(session: Session, model: str) -> tuple[BuiltDay, ...]:
    """Every day that stands, oldest first."""
    return fetch_all(BuiltDay, session, "planning.built_days", model=model)


def usual_seconds(session: Session, model: str, stage: str) -> float | None:
    """How long a stage usually takes: the median of its newest attempts that ended well; None before the first."""
    found: float | None = execute(session, "planning.usual_seconds", model=model, stage=stage).scalar_one()
    return found


def built_models(session: Session) -> tuple[str, ...]:
    """Every model of which something was built, whether or not a file declares it."""
    return tuple(execute(session, "planning.built_models").scalars())
