"""A new level that is here to stay: a person says so, and from that day on days are compared with it."""

from __future__ import annotations

from perennial.errors import AcceptanceRefused
from perennial.pipeline.opening import Stores, recorded
from perennial.records import Acceptance, Level, Run
from perennial.stores import ledger
from perennial.stores.sessions import Session


@recorded
def accept(stores: Stores, run: Run, accepted: Level, *, reason: str) -> Acceptance:
    """Accept the number of rows, or the mean score, for which the day of the run was stopped; the stage can then run again.

    Raises:
        AcceptanceRefused: the day was not stopped by this check.
    """
    with stores.warehouse.transaction() as session:
        level = _find_rows(session, run) if accepted == "rows" else _find_mean(session, run)
        entry = Acceptance(run.model, run.as_of, accepted, level, reason, run.actor, run.purpose, run.clock)
        ledger.record_acceptance(session, entry)
        return entry


def _find_rows(session: Session, run: Run) -> float:
    validation = ledger.find_validation(session, run.model, run.as_of)
    failed = [] if validation is None else [result for result in validation.failures if result.rule == "row_count"]
    if not failed or not failed[0].rows:
        raise AcceptanceRefused(
            f"{run}: the number of its rows has stopped nothing that could be accepted. The newest validation of a day says what "
            f"did, and so does the mail; an empty snapshot is never accepted."
        )
    return float(failed[0].rows)


def _find_mean(session: Session, run: Run) -> float:
    mean = ledger.stopped_mean(session, run.model, run.as_of)
    if mean is None:
        raise AcceptanceRefused(
            f"{run}: its scores were not stopped for their mean, so that there is no level to accept. "
            f"`perennial score {run.model} --as-of {run.as_of}` says what stops them, if anything does."
        )
    return mean
