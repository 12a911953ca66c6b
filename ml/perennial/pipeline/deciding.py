"""What follows from a day: TRAIN, SKIP or BLOCK, kept once, with its mail."""

from __future__ import annotations

from dataclasses import replace

from perennial import notices
from perennial.config import Declaration
from perennial.decide import decide as choose
from perennial.errors import NothingToDo
from perennial.pipeline.admitting import find_teaching, is_aside
from perennial.pipeline.evidence import gather
from perennial.pipeline.labelling import matured_days
from perennial.pipeline.opening import Stores, recorded
from perennial.records import Choice, Decision, Run
from perennial.stores import ledger
from perennial.stores.sessions import Session, take_lock

SHOWN_OUTCOMES = 4


@recorded
def decide(stores: Stores, run: Run) -> Decision:
    """TRAIN, SKIP or BLOCK on everything that is known; the owner gets a mail. A day that was stopped keeps its BLOCK."""
    declaration = stores.declaration(run.model)
    model = declaration.model
    if run.purpose == "backfill":
        raise NothingToDo(f"{run}: a backfill asks for nothing and mails nobody.")
    with stores.warehouse.transaction() as session:
        checks = ledger.last_checks(session, run.model, run.as_of, limit=1)
        if not checks or checks[0].as_of != run.as_of:
            raise NothingToDo(f"{run}: no drift check of this day stands in the ledger, so there is nothing to decide on.")
        if (kept := _find_stop(session, run)) is not None:
            return kept
        labelled = find_teaching(session, declaration, run)
        evidence = gather(session, model, run, matured=labelled.days, rested=labelled.rested)
        evidence = replace(evidence, left_out=labelled.left_out)
        decision = _record(session, run, choose(evidence, model.monitoring))
        outcomes = ledger.outcomes(session, run.model, known_by=run.clock, limit=SHOWN_OUTCOMES)
        aside = [outcome.as_of for outcome in outcomes if is_aside(model, outcome.as_of, labelled.rested)]
        notice = notices.write_decision(decision, checks[0], outcomes, aside=aside, psi_limit=model.monitoring.feature_psi)
        ledger.put_notice(session, run, notice, model.owner)
    return decision


def _find_stop(session: Session, run: Run) -> Decision | None:
    """The BLOCK of a day that is still stopped: it holds until the day is repaired, whoever asks again."""
    decision = ledger.find_decision(session, run.model, run.as_of)
    if decision is None or decision.choice is not Choice.BLOCK:
        return None
    return decision if ledger.blocked_because(session, run.model, run.as_of) is not None else None


def stop(session: Session, declaration: Declaration, run: Run, because: str, found: notices.DayFindings) -> Decision:
    """The decision BLOCK with its mail, in the transaction of whoever stopped the day."""
    model = declaration.model
    evidence = gather(session, model, run, matured=tuple(matured_days(session, model, run.clock)), blocked_because=because)
    decision = _record(session, run, choose(evidence, model.monitoring))
    if run.purpose != "backfill":
        served = ledger.newest_publication(session, run.model)
        notice = notices.write_block(run, decision, found, notices.say_what_is_served(served))
        ledger.put_notice(session, run, notice, model.owner)
    return decision


def _record(session: Session, run: Run, decision: Decision) -> Decision:
    """Keep a decision unless the day's newest says the same: a rerun, beside a survivor or after it, adds nothing."""
    take_lock(session, run.model, run.as_of)
    former = ledger.find_decision(session, run.model, run.as_of)
    if former is None or (former.choice, former.rule, former.sentence) != (decision.choice, decision.rule, decision.sentence):
        ledger.record_decision(session, run, decision)
    return decision
