"""Questions to people about promotions, and their answers. SQL: sql/queries/approvals.sql."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from perennial.records import AnswerSource, ApprovalQuestion, Evaluation, Run
from perennial.stores.ledger.statements import execute, fetch_one
from perennial.stores.sessions import Session

Closing = Literal["superseded", "approved", "rejected", "expired"]


def record_question(
    session: Session, run: Run, evaluation: Evaluation, because: tuple[str, ...], deadline: datetime
) -> ApprovalQuestion:
    """Let a question about a verdict wait for a person; a second record of the same verdict returns the first."""
    verdict = evaluation.verdict
    execute(
        session,
        "approvals.ask",
        model=verdict.model,
        as_of=run.as_of,
        version=verdict.challenger_version,
        champion_version=verdict.champion_version,
        evaluation_id=evaluation.evaluation_id,
        because=list(because),
        deadline=deadline,
        actor=run.actor,
        dag_run_id=run.dag_run_id,
        purpose=run.purpose,
        effective_at=run.clock,
    )
    asked = find_question_about(session, evaluation.evaluation_id)
    assert asked is not None
    return asked


def find_question_about(session: Session, evaluation_id: int) -> ApprovalQuestion | None:
    """What was asked about a verdict."""
    return fetch_one(ApprovalQuestion, session, "approvals.question_of_evaluation", evaluation_id=evaluation_id)


def open_question(session: Session, model: str) -> ApprovalQuestion | None:
    """What waits for a person now."""
    return fetch_one(ApprovalQuestion, session, "approvals.open_question", model=model)


def approved_question(session: Session, model: str) -> ApprovalQuestion | None:
    """What a person has approved, and nobody has carried out although nothing came between."""
    return fetch_one(ApprovalQuestion, session, "approvals.approved_question", model=model)


def find_question(session: Session, question_id: int) -> ApprovalQuestion | None:
    """One question, whatever became of it."""
    return fetch_one(ApprovalQuestion, session, "approvals.find_question", question_id=question_id)


def newest_question(
    session: Session, model: str, *, version: int | None = None, as_of: date | None = None
) -> ApprovalQuestion | None:
    """The newest question, whatever became of it; of one version or of one day, if asked."""
    return fetch_one(ApprovalQuestion, session, "approvals.newest_question", model=model, version=version, as_of=as_of)


def question_status(session: Session, question_id: int) -> str:
    """What became of a question; an open one whose champion has gone counts as superseded."""
    return str(execute(session, "approvals.question_status", question_id=question_id).scalar_one())


def close_question(
    session: Session,
    run: Run,
    question: ApprovalQuestion,
    status: Closing,
    *,
    source: AnswerSource | None = None,
    remark: str | None = None,
) -> ApprovalQuestion:
    """Answer a question (the actor of the run is who said so), or close it without an answer; what was closed before stands."""
    execute(
        session,
        "approvals.close_question",
        question_id=question.question_id,
        status=status,
        answered_by=run.actor if source else None,
        answer_source=source,
        remark=remark,
        effective_at=run.clock,
    )
    closed = find_question(session, question.question_id)
    assert closed is not None
    return closed


def evaluation_of(session: Session, question: ApprovalQuestion) -> Evaluation:
    """The verdict that a question rests on."""
    found = fetch_one(Evaluation, session, "approvals.evaluation_of_question", evaluation_id=question.evaluation_id)
    assert found is not None
    return found
