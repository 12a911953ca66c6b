"""Where a person decides: ask -> answer -> carry out. The ledger holds question and answer; whoever carries out reads it there.

An answer may come from Airflow or from a shell, seconds or days after the question, and twice. What counts is what the
ledger says: the first answer stands, and an approved version is promoted only against the champion it was compared with.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Literal

from ml import letters
from ml import promote as promoting
from ml.errors import ArtifactCorrupt, NothingToDo, NotPromoted, PromotionRefused, VersionMissing
from ml.pipeline.carding import card_address, write_cards
from ml.pipeline.champion import open_throne, settle
from ml.pipeline.opening import Stores, recorded
from ml.records import Answer, AnswerSource, Evaluation, Letter, Move, Promotion, Question, Run
from ml.stores import ledger
from ml.stores.sessions import Session, take_lock

UNANSWERED = "Nobody answered in time."
ANSWERED: Mapping[Answer, Literal["approved", "rejected"]] = {"approve": "approved", "reject": "rejected"}


def ask(stores: Stores, run: Run, evaluation: Evaluation, because: tuple[str, ...]) -> Question:
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
    declared = stores.declaration(run.model).model
    deadline = run.clock + timedelta(hours=declared.promotion.answer_within_hours)
    with stores.warehouse.transaction() as session:
        take_lock(session, "approval", run.model)
        asked = ledger.find_question_about(session, evaluation.evaluation_id)
        if asked is not None:
            return asked
        _supersede_older(session, run, evaluation)
        question = ledger.record_question(session, run, evaluation, because, deadline)
        ledger.put_letter(session, run, _write_letter(stores, session, question, evaluation), declared.owner)
    return question


def find_question(stores: Stores, model: str, *, version: int | None = None) -> Question:
    """The question that waits for a person; with `version` the newest about it, whatever became of it.

    Raises:
        PromotionRefused: there is none.
    """
    with stores.warehouse.transaction() as session:
        if version is not None:
            found = ledger.newest_question(session, model, version=version)
        else:
            found = ledger.open_question(session, model)
    if found is None:
        about = "" if version is None else f" about version {version}"
        raise PromotionRefused(f"{model}: no question{about} waits for a person.")
    return found


def find_question_of_day(stores: Stores, run: Run) -> Question:
    """The newest question of the day, whatever became of it.

    Raises:
        NothingToDo: nobody was asked.
    """
    with stores.warehouse.transaction() as session:
        found = ledger.newest_question(session, run.model, as_of=run.as_of)
    if found is None:
        raise NothingToDo(f"{run}: nobody was asked about a challenger of this day.")
    return found


def write_request(stores: Stores, question: Question) -> tuple[str, str]:
    """A subject, and a body in Markdown with the evidence, for people who are asked beside two buttons."""
    with stores.warehouse.transaction() as session:
        letter = _write_letter(stores, session, question, ledger.evaluation_of(session, question))
    return f"{question.model}: {letter.headline}", letters.show_in_markdown(letter)


def place(run: Run, question: Question) -> Run:
    """The run of an answer: for the day of its question and, when that was asked in a simulation, on its clock."""
    if question.purpose == "live":
        return replace(run, as_of=question.as_of)
    return replace(run, as_of=question.as_of, clock=question.effective_at, purpose=question.purpose)


@recorded
def answer(
    stores: Stores,
    run: Run,
    version: int,
    *,
    decision: Answer,
    actor: str,
    source: AnswerSource,
    remark: str | None = None,
) -> Question:
    """Put a person's answer into the ledger; the same answer twice is one.

    Raises:
        PromotionRefused: nobody asked, somebody answered otherwise, or the question is out of date.
    """
    with stores.warehouse.transaction() as session:
        take_lock(session, "approval", run.model)
        question = ledger.newest_question(session, run.model, version=version)
        if question is not None and question.status == "open":
            question = _close_if_stale(stores, session, run, question)
        if question is not None and question.status == "open":
            said = replace(run, actor=actor)
            question = _close(stores, session, said, question, ANSWERED[decision], source=source, remark=remark)
    if question is None:
        raise PromotionRefused(f"{run}: nobody was asked about version {version}.")
    if question.status != ANSWERED[decision]:
        raise PromotionRefused(f"{run}: {letters.say_what_became(question)}")
    return question


@recorded
def carry_out(stores: Stores, run: Run, version: int) -> Promotion:
    """Promote a version that a person has approved; the person is the actor of the promotion, the verdict its evidence.

    Raises:
        NotPromoted: nobody has approved it.
        PromotionRefused: it was approved, and something else stands in the way, such as another champion meanwhile.
    """
    with stores.warehouse.transaction() as session:
        question = ledger.newest_question(session, run.model, version=version)
        evaluation = ledger.evaluation_of(session, question) if question else None
    if question is None or evaluation is None:
        raise NotPromoted(f"{run}: nobody was asked about version {version}.")
    if question.status != "approved" or question.answered_by is None:
        raise NotPromoted(f"{run}: {letters.say_what_became(question)}")
    own = replace(run, actor=question.answered_by)
    approval = stores.declaration(run.model).model.promotion.approval

    def choose(history: promoting.History) -> Move | None:
        move = promoting.choose_challenger(history, evaluation, own, approval=approval, is_approved=True)
        return move and replace(move, reason=f"{move.reason} {letters.say_what_became(question)}")

    promotion = promoting.promote(open_throne(stores, own), choose)
    write_cards(stores, run, (promotion.version, promotion.previous_version))
    return promotion


@recorded
def expire(stores: Stores, run: Run, version: int) -> Question:
    """Close a question that nobody has answered in time; one that was answered or superseded stays as it is.

    Raises:
        PromotionRefused: nobody was asked about this version.
    """
    with stores.warehouse.transaction() as session:
        take_lock(session, "approval", run.model)
        question = ledger.newest_question(session, run.model, version=version)
        if question is not None and question.status == "open":
            question = _close_if_stale(stores, session, run, question)
        if question is not None and question.status == "open":
            question = _close(stores, session, run, question, "expired", remark=UNANSWERED)
    if question is None:
        raise PromotionRefused(f"{run}: nobody was asked about version {version}.")
    return question


@recorded
def force(stores: Stores, run: Run, version: int, *, reason: str) -> Promotion:
    """Make a version champion because a person says so: no verdict is asked for, but its files must pass.

    Raises:
        PromotionRefused: it is the champion already, is not registered, or its files do not pass.
    """

    def choose(history: promoting.History) -> Move:
        return promoting.choose_forced(history, run, version, reason=reason)

    try:
        promotion = promoting.promote(open_throne(stores, run), choose)
    except (VersionMissing, ArtifactCorrupt) as failure:
        raise PromotionRefused(f"{run}: not even by force: {failure}") from failure
    write_cards(stores, run, (promotion.version, promotion.previous_version))
    return promotion


def _check_possible(stores: Stores, run: Run, evaluation: Evaluation) -> None:
    settle(stores, run)
    approval = stores.declaration(run.model).model.promotion.approval

    def choose(history: promoting.History) -> Move | None:
        return promoting.choose_challenger(history, evaluation, run, approval=approval, is_approved=True)

    if promoting.rehearse(open_throne(stores, run), choose) is None:
        raise PromotionRefused(f"{run}: version {evaluation.verdict.challenger_version} is the champion already.")


def _supersede_older(session: Session, run: Run, evaluation: Evaluation) -> None:
    """Close what still waits; a rerun of an older day does not overtake the question of a newer one."""
    newest = ledger.newest_question(session, run.model)
    if newest is not None and (newest.as_of, newest.evaluation_id) > (run.as_of, evaluation.evaluation_id):
        raise PromotionRefused(f"{run}: {newest} was asked on {newest.as_of}, later than this verdict.")
    waiting = ledger.open_question(session, run.model)
    if waiting is not None:
        newer = evaluation.verdict.challenger_version
        ledger.close_question(session, run, waiting, "superseded", remark=f"Version {newer} came after it.")


def _close_if_stale(stores: Stores, session: Session, run: Run, question: Question) -> Question:
    """An open question whose champion has gone, or whose deadline has passed, is closed before anybody answers it."""
    champion = ledger.champion(session, run.model)
    if champion != question.champion_version:
        remark = f"The champion is now version {champion}; it was compared with version {question.champion_version}."
        return _close(stores, session, run, question, "superseded", remark=remark)
    if run.clock > question.deadline:
        return _close(stores, session, run, question, "expired", remark=UNANSWERED)
    return question


def _close(
    stores: Stores,
    session: Session,
    run: Run,
    question: Question,
    status: Literal["superseded", "approved", "rejected", "expired"],
    *,
    source: AnswerSource | None = None,
    remark: str | None = None,
) -> Question:
    """Close a question and tell the owner what became of it; a newer question speaks for one that it supersedes."""
    closed = ledger.close_question(session, run, question, status, source=source, remark=remark)
    if status != "superseded":
        ledger.put_letter(session, run, letters.write_answer(closed), stores.declaration(run.model).model.owner)
    return closed


def _write_letter(stores: Stores, session: Session, question: Question, evaluation: Evaluation) -> Letter:
    version = ledger.get_version(session, question.model, question.version)
    return letters.write_question(
        question,
        evaluation.verdict,
        mlflow_run=stores.registry.run_url(version.mlflow_run_id),
        airflow=f"{stores.settings.airflow_url}/dags/{question.model}.approve/required_actions",
        model_card=card_address(stores, question.model, question.version),
    )
