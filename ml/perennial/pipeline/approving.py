"""Where a person decides: ask -> answer -> carry out. The ledger holds question and answer; whoever carries out reads it there.

An answer may come from Airflow or from a shell, seconds or days after the question, and twice. What counts is what the
ledger says: the first answer stands, and an approved version is promoted only against the champion it was compared with.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Literal

from perennial import notices
from perennial import promote as promoting
from perennial.errors import ArtifactCorrupt, NothingToDo, NotPromoted, PromotionRefused, VersionMissing
from perennial.pipeline.carding import card_address
from perennial.pipeline.champion import open_promotion, settle
from perennial.pipeline.opening import Stores, recorded
from perennial.pipeline.refitting import promote_newest_fit
from perennial.pipeline.waiting import find_waiting
from perennial.records import AnswerSource, ApprovalAnswer, ApprovalQuestion, Evaluation, Move, Notice, Outcome, Promotion, Run
from perennial.stores import ledger
from perennial.stores.ledger import approvals
from perennial.stores.sessions import Session, take_lock

ANSWERED: Mapping[ApprovalAnswer, Literal["approved", "rejected"]] = {"approve": "approved", "reject": "rejected"}


def ask(stores: Stores, run: Run, evaluation: Evaluation, because: tuple[str, ...]) -> ApprovalQuestion:
    """Ask a person whether a challenger whose verdict is PROMOTE may become champion, and mail the evidence.

    A question about an older verdict of this model that still waits is superseded. Asking twice is asking once: what was
    answered before is returned with its answer.

    Args:
        because: why a person is asked, a sentence each.

    Raises:
        NotPromoted: the verdict is not PROMOTE.
        PromotionRefused: an approval could not be carried out, or a newer question was asked already.
    """
    _check_possible(stores, run, evaluation)
    with stores.warehouse.transaction() as session:
        take_lock(session, "approval", run.model)
        question = ledger.find_question_about(session, evaluation.evaluation_id)
        if question is None:
            overtaken = _supersede_older(session, run, evaluation)
            question = _put_question(stores, session, run, evaluation, because)
            ledger.record_event(session, run, "asked", question.version)
            if overtaken:
                ledger.record_event(session, run, "answered", overtaken.version)
    return question


def _put_question(
    stores: Stores, session: Session, run: Run, evaluation: Evaluation, because: tuple[str, ...]
) -> ApprovalQuestion:
    declared = stores.declaration(run.model).model
    deadline = run.clock + timedelta(hours=declared.promotion.answer_within_hours)
    question = ledger.record_question(session, run, evaluation, because, deadline)
    ledger.put_notice(session, run, _write_notice(stores, session, question, evaluation), declared.owner)
    return question


def find_question(stores: Stores, model: str, *, version: int | None = None) -> ApprovalQuestion:
    """The question that waits for a person; with `version` the newest about it, whatever became of it.

    Where none waits it is the one that was approved and not carried out: whoever answered was stopped before the promotion.

    Raises:
        PromotionRefused: there is none.
    """
    with stores.warehouse.transaction() as session:
        asked = version is not None
        found = ledger.newest_question(session, model, version=version) if asked else find_waiting(session, model)
    if found is None:
        about = "" if version is None else f" about version {version}"
        raise PromotionRefused(f"{model}: no question{about} waits for a person.")
    return found


def find_question_of_day(stores: Stores, run: Run) -> ApprovalQuestion:
    """The newest question of the day, whatever became of it.

    Raises:
        NothingToDo: nobody was asked.
    """
    with stores.warehouse.transaction() as session:
        found = ledger.newest_question(session, run.model, as_of=run.as_of)
    if found is None:
        raise NothingToDo(f"{run}: nobody was asked about a challenger of this day.")
    return found


def get_question(stores: Stores, run: Run, question_id: int) -> ApprovalQuestion:
    """One question, whatever became of it.

    Raises:
        PromotionRefused: this model has no such question.
    """
    with stores.warehouse.transaction() as session:
        return _get_question(session, run, question_id)


def _get_question(session: Session, run: Run, question_id: int) -> ApprovalQuestion:
    question = approvals.find_question(session, question_id)
    if question is None or question.model != run.model:
        raise PromotionRefused(f"{run}: nobody asked question {question_id}.")
    return question


def write_request(stores: Stores, question: ApprovalQuestion) -> tuple[str, str]:
    """A subject, and a body in Markdown with the evidence, for people who are asked beside two buttons."""
    with stores.warehouse.transaction() as session:
        notice = _write_notice(stores, session, question, ledger.evaluation_of(session, question))
    return f"{question.model}: {notice.headline}", notices.show_in_markdown(notice)


def place(run: Run, question: ApprovalQuestion) -> Run:
    """The run of an answer: for the day of its question and, when that was asked in a simulation, on its clock."""
    if question.purpose == "live":
        return replace(run, as_of=question.as_of)
    return replace(run, as_of=question.as_of, clock=question.effective_at, purpose=question.purpose)


@recorded
def answer(
    stores: Stores,
    run: Run,
    question_id: int,
    *,
    decision: ApprovalAnswer,
    actor: str,
    source: AnswerSource,
    remark: str | None = None,
) -> ApprovalQuestion:
    """Put a person's answer into the ledger; the same answer twice is one.

    Raises:
        PromotionRefused: nobody asked, somebody answered otherwise, or the question is out of date.
    """
    said = replace(run, actor=actor)
    question = _end(stores, said, question_id, ANSWERED[decision], source=source, remark=remark)
    if question.status != ANSWERED[decision]:
        raise PromotionRefused(f"{run}: {notices.say_what_became(question)}")
    return question


@recorded
def carry_out(stores: Stores, run: Run, question_id: int) -> Promotion:
    """Promote the version that a person has approved; the person is the actor of the promotion, the verdict its evidence.

    Raises:
        NotPromoted: nobody has approved it.
        PromotionRefused: it was approved, and something else stands in the way, such as another champion meanwhile.
    """
    with stores.warehouse.transaction() as session:
        question = _get_question(session, run, question_id)
        evaluation = ledger.evaluation_of(session, question)
    if question.status != "approved" or question.answered_by is None:
        raise NotPromoted(f"{run}: {notices.say_what_became(question)}")
    own = replace(run, actor=question.answered_by)
    approval = stores.declaration(run.model).model.promotion.approval

    said = notices.say_what_became(question)
    return promote_newest_fit(stores, own, evaluation, approval=approval, is_approved=True, said=said)


@recorded
def expire(stores: Stores, run: Run, question_id: int) -> ApprovalQuestion:
    """Stop waiting for an answer: the question stays open, for a shell to answer and for the next look to ask again.

    One that was answered or superseded stays as it is, and one that is out of date is closed.

    Raises:
        PromotionRefused: this model has no such question.
    """
    return _end(stores, run, question_id, None)


@recorded
def force(stores: Stores, run: Run, version: int, *, reason: str) -> Promotion:
    """Make a version champion because a person says so: no verdict is asked for, but its files must pass.

    Saying it again for the same reason, as a rerun does, finds it done.

    Raises:
        PromotionRefused: it is the champion already by another movement, is not registered, or its files do not pass.
    """

    def choose(history: promoting.History) -> Move | None:
        if history and (history[-1].version, history[-1].kind, history[-1].reason) == (version, "forced", reason):
            return None
        return promoting.choose_forced(history, run, version, reason=reason)

    try:
        promotion = promoting.promote(open_promotion(stores, run), choose)
    except (VersionMissing, ArtifactCorrupt) as failure:
        raise PromotionRefused(f"{run}: not even by force: {failure}") from failure
    return promotion


def _check_possible(stores: Stores, run: Run, evaluation: Evaluation) -> None:
    settle(stores, run)
    approval = stores.declaration(run.model).model.promotion.approval

    def choose(history: promoting.History) -> Move | None:
        return promoting.choose_challenger(history, evaluation, run, approval=approval, is_approved=True)

    if promoting.rehearse(open_promotion(stores, run), choose) is None:
        raise PromotionRefused(f"{run}: version {evaluation.verdict.challenger_version} is the champion already.")


def _supersede_older(session: Session, run: Run, evaluation: Evaluation) -> ApprovalQuestion | None:
    """Close what still waits, without a notice: the newer question's speaks for it.

    A rerun of an older day does not overtake the question of a newer one.
    """
    newest = ledger.newest_question(session, run.model)
    if newest is not None and (newest.as_of, newest.evaluation_id) > (run.as_of, evaluation.evaluation_id):
        raise PromotionRefused(f"{run}: {newest} was asked on {newest.as_of}, later than this verdict.")
    waiting = ledger.open_question(session, run.model)
    if waiting is None:
        return None
    newer = evaluation.verdict.challenger_version
    return ledger.close_question(session, run, waiting, "superseded", remark=f"Version {newer} came after it.")


def _end(
    stores: Stores,
    run: Run,
    question_id: int,
    status: approvals.Closing | None,
    *,
    source: AnswerSource | None = None,
    remark: str | None = None,
) -> ApprovalQuestion:
    """Close a question that is still open, or (None) only if it is out of date; its version's card says what became of it."""
    with stores.warehouse.transaction() as session:
        take_lock(session, "approval", run.model)
        question = _get_question(session, run, question_id)
        was_open = question.status == "open"
        if was_open:
            question = _close_if_stale(stores, session, run, question)
        if question.status == "open" and status is not None:
            question = _close(stores, session, run, question, status, source=source, remark=remark)
        if was_open and question.status != "open":
            ledger.record_event(session, run, "answered", question.version)
    return question


def _close_if_stale(stores: Stores, session: Session, run: Run, question: ApprovalQuestion) -> ApprovalQuestion:
    """An open question is closed before anybody answers it when another recipe serves, or a newer verdict takes it back."""
    serving = _find_recipe(session, run, ledger.champion(session, run.model))
    compared = _find_recipe(session, run, question.champion_version)
    if serving != compared:
        remark = f"Recipe {serving} serves now; it was compared with recipe {compared}."
        return _close(stores, session, run, question, "superseded", remark=remark)
    newest = ledger.latest_evaluation_of_recipe(session, run.model, question.version)
    if newest is None or newest.evaluation_id == question.evaluation_id:
        return question
    if newest.verdict.outcome is not Outcome.PROMOTE:
        remark = f"The verdict of {newest.verdict.as_of} on its recipe is {newest.verdict.outcome}."
        return _close(stores, session, run, question, "superseded", remark=remark)
    return question


def _find_recipe(session: Session, run: Run, version: int | None) -> int | None:
    return None if version is None else ledger.get_version(session, run.model, version).recipe


def _close(
    stores: Stores,
    session: Session,
    run: Run,
    question: ApprovalQuestion,
    status: approvals.Closing,
    *,
    source: AnswerSource | None = None,
    remark: str | None = None,
) -> ApprovalQuestion:
    """Close a question and tell the owner what became of it."""
    closed = ledger.close_question(session, run, question, status, source=source, remark=remark)
    ledger.put_notice(session, run, notices.write_answer(closed), stores.declaration(run.model).model.owner)
    return closed


def _write_notice(stores: Stores, session: Session, question: ApprovalQuestion, evaluation: Evaluation) -> Notice:
    version = ledger.get_version(session, question.model, question.version)
    return notices.write_question(
        question,
        evaluation.verdict,
        mlflow_run=stores.registry.run_url(version.mlflow_run_id),
        airflow=f"{stores.settings.airflow_pages}/dags/{question.model}.approve/required_actions",
        model_card=card_address(stores, question.model, question.version),
    )
