"""Which matured as_ofs can teach. Training, comparing and deciding ask here, so that all three see the same days."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from ml.config import Declaration, Model
from ml.errors import LabelsIncomplete, PermanentError
from ml.records import Labelled, Run
from ml.stores import ledger, warehouse
from ml.stores.sessions import Session


def build_matured_labels(session: Session, declaration: Declaration, run: Run) -> Labelled:
    """Label every matured day that has none yet; one that cannot be labelled is left out, and no other with it.

    Raises:
        PermanentError: none can be labelled, though sources have delivered: then it is labels.sql that is at fault, not a day.
    """
    days: list[date] = []
    failures: list[PermanentError] = []
    for day in matured_days(session, declaration.model, run.clock):
        try:
            with session.begin_nested():
                _ensure_labels(session, declaration, run, day)
        except PermanentError as failure:
            failures.append(failure)
        else:
            days.append(day)
    faults = [failure for failure in failures if not isinstance(failure, LabelsIncomplete)]
    if faults and not days:
        raise faults[-1]
    return Labelled(tuple(days), tuple(map(str, failures)))


def _ensure_labels(session: Session, declaration: Declaration, run: Run, day: date) -> None:
    if not ledger.has_labels(session, run.model, day, declaration.query_hash):
        label_day(session, declaration, run, day)


def label_day(session: Session, declaration: Declaration, run: Run, day: date) -> None:
    """Build the labels of one matured day.

    Raises:
        LabelsIncomplete: its source has not delivered; an outage must not look like an outcome.
        Those of `warehouse.build_labels`.
    """
    missing = warehouse.label_delivery(session, declaration, day, run.clock)
    if missing is not None:
        raise LabelsIncomplete(missing)
    warehouse.build_labels(session, declaration, run, day)


def matured_days(session: Session, model: Model, clock: datetime) -> tuple[date, ...]:
    """Every training as_of with a valid snapshot whose labels have matured on this clock, oldest first."""
    cutoff = model.latest_matured(clock)
    weeks = model.training.as_ofs + model.training.holdout_as_ofs + model.label.horizon_days // 7 + 1
    possible = set(model.training_as_ofs(cutoff - timedelta(weeks=weeks), cutoff))
    first = min(possible, default=cutoff)
    return tuple(day for day in ledger.valid_days(session, model.name, first=first, last=cutoff) if day in possible)
