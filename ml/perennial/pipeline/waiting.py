"""Why there are no scores, and what a person has to do next: sentences for a shell, each with the command as it is typed."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from perennial.config import Model
from perennial.pipeline.beginning import find_first_maturity
from perennial.pipeline.evidence import find_serving
from perennial.pipeline.opening import Stores
from perennial.records import ApprovalQuestion, Run, Version
from perennial.score import explain_nobody, is_stale
from perennial.stores import ledger
from perennial.stores.ledger import approvals
from perennial.stores.sessions import Session
from perennial.train import find_unwritten


def find_waiting(session: Session, model: str) -> ApprovalQuestion | None:
    """The question that waits for a person, or that was approved and not carried out."""
    return ledger.open_question(session, model) or approvals.approved_question(session, model)


def explain_silence(stores: Stores, run: Run) -> str:
    """Why a model has no scores, and the next command; `run` is a live one of today."""
    declaration = stores.declaration(run.model)
    with stores.warehouse.transaction() as session:
        champion = find_serving(session, run)
        if champion is None:
            return explain_nobody(run, find_first_maturity(session, declaration, run), find_waiting(session, run.model))
        return _explain_day(session, declaration.model, run, champion)


def explain_absence(session: Session, run: Run) -> str:
    """Why nobody serves: the question that waits for a person, or the command that makes a first champion."""
    waiting = find_waiting(session, run.model)
    return (
        explain_nobody(run, run.as_of, waiting)
        if waiting
        else f"`perennial bootstrap {_name_day(run.model, run.as_of)}` makes one."
    )


def _explain_day(session: Session, model: Model, run: Run, champion: Version) -> str:
    """Version 1 serves: how far has the newest day since come?"""
    serves = f"Version {champion.version} serves, and nothing was published yet"
    trained_for = replace(run, as_of=champion.trained_for)
    is_past = is_stale(model, trained_for)
    newest = ledger.newest_snapshot(session, run.model)
    if newest is None or newest.as_of < _floor(model, champion.trained_for):
        day = _floor(model, champion.trained_for if is_past else run.as_of)
        return f"{serves}: no day was built since. Next: `perennial refresh {_name_day(run.model, day, is_past=is_past)}`."
    named = f"{_name_day(run.model, newest.as_of, is_past=is_past)}`"
    because = ledger.blocked_because(session, run.model, newest.as_of)
    if because is not None:
        stage = "refresh" if newest.status == "invalid" else "score"
        return f"{serves}: {newest.as_of} was stopped. {because} Mend that, then: `perennial {stage} {named}."
    if newest.status == "built":
        return f"{serves}: nobody has validated {newest.as_of}. Next: `perennial validate {named}."
    if newest.rows == 0:
        return f"{serves}: the cohort of {newest.as_of} is empty, so there is nobody to score."
    return f"{serves}: {newest.as_of} was not scored. Next: `perennial score {named}."


def _floor(model: Model, day: date) -> date:
    """The newest as_of that is not after a day."""
    return day if model.grid.is_as_of(day) else min(model.grid.nearest(day))


def _name_day(model: str, as_of: date, *, is_past: bool = False) -> str:
    return f"{model} --as-of {as_of}" + (" --simulate" if is_past else "")


def say_what_is_left(stores: Stores, question: ApprovalQuestion) -> str | None:
    """What whoever approved has to write so that later fits are not refused; None where nothing is left."""
    model = stores.declaration(question.model).model
    lines = find_unwritten(model, question.because)
    if not lines:
        return None
    return (
        f"write {', '.join(lines)} under [training.acknowledged_auc] of models/{model.name}.toml: until then every later fit is "
        "refused, and this version goes on serving"
    )
