"""A person decides: questions and answers on a real ledger and a real registry."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy.exc import DBAPIError

from perennial.errors import NotPromoted, PromotionRefused
from perennial.pipeline import approving, deliver_to_registry, promote, rollback
from perennial.records import Outcome
from perennial.stores import ledger
from perennial.stores.registry import read_card
from tests.contenders import LATER_DAY
from tests.world import MODEL, edit_model

CLOSED_LATER = timedelta(hours=73)


# Asking
def test_a_question_waits_and_moves_nothing(contenders):
    evaluation = contenders.assess()
    question = contenders.ask(evaluation)
    assert ("open", ("A test wants it.",)) == (question.status, question.because)
    assert question.deadline == question.effective_at + timedelta(hours=72)
    assert (contenders.champion, contenders.champion) == contenders.serving


def test_the_owner_is_asked_by_mail_with_the_evidence_and_both_commands(contenders):
    version = contenders.ask(contenders.assess()).version
    (notice,) = [
        row["notice"]
        for row in contenders.world.ask("select notice from ledger.outbox where event = :event", event=f"question_{version}")
    ]
    assert "AUC" in {row[0] for row in notice["moved"]}
    assert f"`perennial approve lapse {version}` or `perennial reject lapse {version}`" in notice["you_must"][0]
    assert ["Answer in Airflow", "https://airflow.example.com/dags/lapse.approve/required_actions"] == notice["links"][0]


def test_the_owner_is_told_of_the_answer(contenders):
    evaluation = contenders.assess()
    version = contenders.ask(evaluation).version
    contenders.answer(evaluation, "reject")
    told = contenders.world.ask_one(
        "select notice ->> 'headline' from ledger.outbox where event = :event", event=f"answer_{version}"
    )
    assert f"version {version} was rejected by ann" == told


def test_asking_twice_is_asking_once(contenders):
    evaluation = contenders.assess()
    assert contenders.ask(evaluation) == contenders.ask(evaluation)
    assert 1 == len(contenders.questions)


def test_a_newer_challenger_supersedes_an_older_question(contenders):
    older, newer = contenders.assess(), contenders.assess(LATER_DAY)
    contenders.ask(older)
    contenders.ask(newer)
    challenger = newer.verdict.challenger_version
    assert [
        (older.verdict.challenger_version, "superseded", None, None, f"Version {challenger} came after it."),
        (challenger, "open", None, None, None),
    ] == contenders.questions


def test_a_rerun_of_an_older_day_does_not_overtake_a_newer_question(contenders):
    newer, older = contenders.assess(LATER_DAY), contenders.assess()
    contenders.ask(newer)
    with pytest.raises(PromotionRefused, match="later than this verdict"):
        contenders.ask(older)
    assert ["open"] == [row[1] for row in contenders.questions]


def test_nobody_is_asked_about_a_challenger_that_lost(contenders):
    with pytest.raises(NotPromoted, match="INCONCLUSIVE"):
        contenders.ask(contenders.assess(outcome=Outcome.INCONCLUSIVE))


def test_nobody_is_asked_about_a_verdict_against_a_former_champion(contenders):
    with pytest.raises(PromotionRefused, match="the champion is now version"):
        contenders.ask(contenders.assess(champion=99))


def test_the_stage_promote_asks_where_the_model_file_says_so(contenders):
    edit_model(contenders.world.settings.home, {'approval = "auto"': 'approval = "manual"'})
    evaluation = contenders.assess()
    question = promote(contenders.world.stores, contenders.run_of(evaluation))
    assert ("open", ('promotion.approval = "manual".',)) == (question.status, question.because)
    assert (contenders.champion, contenders.champion) == contenders.serving


# Answering
def test_an_approval_is_carried_out_under_the_name_of_who_gave_it(contenders):
    evaluation = contenders.assess()
    contenders.ask(evaluation)
    version = contenders.answer(evaluation, "approve").version
    promotion = contenders.carry_out(evaluation)
    assert (version, "promote", "ann", evaluation.evaluation_id) == (
        promotion.version,
        promotion.kind,
        promotion.actor,
        promotion.evaluation_id,
    )
    assert "AUC is better. " + f"Version {version} was approved by ann (shell)." == promotion.reason
    assert (version, version) == contenders.serving


def test_carrying_out_twice_is_once(contenders):
    evaluation = contenders.assess()
    contenders.ask(evaluation)
    contenders.answer(evaluation, "approve")
    assert contenders.carry_out(evaluation) == contenders.carry_out(evaluation)


def test_a_rejection_leaves_the_champion_and_says_why(contenders):
    evaluation = contenders.assess()
    contenders.ask(evaluation)
    version = contenders.answer(evaluation, "reject", remark="Too close to Christmas.").version
    with pytest.raises(NotPromoted, match=r"rejected by ann \(shell\). Too close to Christmas"):
        contenders.carry_out(evaluation)
    assert [(version, "rejected", "ann", "shell", "Too close to Christmas.")] == contenders.questions
    assert (contenders.champion, contenders.champion) == contenders.serving


def test_an_unanswered_question_promotes_nobody(contenders):
    evaluation = contenders.assess()
    contenders.ask(evaluation)
    with pytest.raises(NotPromoted, match="waits for a person"):
        contenders.carry_out(evaluation)


def test_the_same_answer_twice_is_one_and_the_first_name_stands(contenders):
    evaluation = contenders.assess()
    contenders.ask(evaluation)
    assert contenders.answer(evaluation, "approve") == contenders.answer(evaluation, "approve", actor="bob")


def test_of_two_answers_the_first_stands(contenders):
    evaluation = contenders.assess()
    contenders.ask(evaluation)
    contenders.answer(evaluation, "reject")
    with pytest.raises(PromotionRefused, match="was rejected by ann"):
        contenders.answer(evaluation, "approve", actor="bob")


def test_a_superseded_question_takes_no_answer(contenders):
    older, newer = contenders.assess(), contenders.assess(LATER_DAY)
    contenders.ask(older)
    contenders.ask(newer)
    with pytest.raises(PromotionRefused, match="was superseded"):
        contenders.answer(older, "approve")


def test_nobody_answers_what_nobody_asked(contenders):
    with pytest.raises(PromotionRefused, match="nobody asked question"):
        contenders.answer(contenders.assess(), "approve")


def test_an_answer_reaches_the_question_that_it_names_and_no_newer_one_of_its_day(contenders):
    older, newer = contenders.assess(), contenders.assess()
    contenders.ask(older)
    contenders.ask(newer)
    assert "superseded" == contenders.expire(older).status
    with pytest.raises(PromotionRefused, match="was superseded"):
        contenders.answer(older, "approve")
    assert ["superseded", "open"] == [row[1] for row in contenders.questions]


def test_silence_is_no_answer_and_one_after_the_deadline_counts(contenders):
    evaluation = contenders.assess()
    contenders.ask(evaluation)
    assert "open" == contenders.expire(evaluation).status
    assert [] == read_headlines(contenders, evaluation.verdict.challenger_version)
    late = replace(contenders.run_of(evaluation), clock=contenders.run_of(evaluation).clock + CLOSED_LATER)
    assert "approved" == contenders.answer(evaluation, "approve", run=late).status


def test_an_answer_to_a_verdict_that_a_newer_one_took_back_is_refused(contenders):
    evaluation = contenders.assess()
    contenders.ask(evaluation)
    newer = replace(evaluation.verdict, as_of=LATER_DAY, outcome=Outcome.INCONCLUSIVE)
    with contenders.world.stores.warehouse.transaction() as session:
        ledger.record_evaluation(session, contenders.world.run(LATER_DAY), newer)
    with pytest.raises(PromotionRefused, match=rf"was superseded\. The verdict of {LATER_DAY} on its recipe is INCONCLUSIVE\."):
        contenders.answer(evaluation, "approve")
    assert ["superseded"] == [row[1] for row in contenders.questions]


def test_a_question_that_nobody_answered_is_asked_again_and_only_a_no_ends_the_test(contenders):
    evaluation = contenders.assess()
    contenders.ask(evaluation)
    contenders.expire(evaluation)
    again = replace(evaluation.verdict, as_of=LATER_DAY)
    contest = contenders.enter_contest(evaluation)
    with contenders.world.stores.warehouse.transaction() as session:
        ledger.record_evaluation(session, contenders.world.run(LATER_DAY), again)
        newest = ledger.latest_evaluation(session, MODEL, again.challenger_version)
        assert not ledger.is_refused(session, contest)
    contenders.ask(newest)
    assert ["superseded", "open"] == [row[1] for row in contenders.questions]
    contenders.answer(newest, "reject")
    with contenders.world.stores.warehouse.transaction() as session:
        assert ledger.is_refused(session, contest)


def test_a_question_about_a_champion_that_has_gone_takes_no_answer(contenders):
    evaluation = contenders.assess()
    contenders.ask(evaluation)
    forced = contenders.assess().verdict.challenger_version
    approving.force(contenders.world.stores, contenders.run_of(evaluation), forced, reason="Needed today.")
    with pytest.raises(PromotionRefused, match=r"Recipe \d+ serves now; it was compared with recipe 1"):
        contenders.answer(evaluation, "approve")
    version = evaluation.verdict.challenger_version
    assert [f"version {version} was not promoted: the question is out of date"] == read_headlines(contenders, version)


def test_of_a_superseded_question_only_the_newer_one_is_mailed(contenders):
    older, newer = contenders.assess(), contenders.assess(LATER_DAY)
    contenders.ask(older)
    contenders.ask(newer)
    contenders.expire(older)
    assert [] == read_headlines(contenders, older.verdict.challenger_version)


def read_headlines(contenders, version):
    """What was mailed about the end of a question."""
    rows = contenders.world.ask(
        "select notice ->> 'headline' as said from ledger.outbox where event = :event", event=f"answer_{version}"
    )
    return [row["said"] for row in rows]


# The model card
def test_question_and_answer_stand_on_the_model_card_at_once(contenders):
    evaluation = contenders.assess()
    approving.ask(contenders.world.stores, contenders.run_of(evaluation), evaluation, ("Its card shall tell.",))
    assert "Its card shall tell." in read_own_card(contenders)
    contenders.answer(evaluation, "reject", remark="So shall this.")
    assert "So shall this." in read_own_card(contenders)


def test_a_question_that_a_newer_verdict_took_back_says_so_on_the_card(contenders):
    evaluation = contenders.assess()
    contenders.ask(evaluation)
    newer = replace(evaluation.verdict, as_of=LATER_DAY, outcome=Outcome.REJECT)
    with contenders.world.stores.warehouse.transaction() as session:
        ledger.record_evaluation(session, contenders.world.run(LATER_DAY), newer)
    contenders.expire(evaluation)
    assert f"The verdict of {LATER_DAY} on its recipe is REJECT." in read_own_card(contenders)


def read_own_card(contenders):
    """The card of whichever version was written last: the contenders's versions share one MLflow run."""
    deliver_to_registry(contenders.world.stores)
    mlflow_run = contenders.world.ask_one(
        "select distinct mlflow_run_id from ledger.versions where version = :it", it=contenders.champion
    )
    return read_card(contenders.world.settings.mlflow_uri, mlflow_run).decode()


def test_an_approval_is_not_carried_out_against_another_champion(contenders):
    evaluation = contenders.assess()
    contenders.ask(evaluation)
    contenders.answer(evaluation, "approve")
    forced = contenders.assess().verdict.challenger_version
    approving.force(contenders.world.stores, contenders.run_of(evaluation), forced, reason="Needed today.")
    with pytest.raises(PromotionRefused, match=f"the champion is now version {forced}"):
        contenders.carry_out(evaluation)
    assert (forced, forced) == contenders.serving


def test_an_approved_version_that_was_rolled_back_does_not_come_again(contenders):
    evaluation = contenders.assess()
    contenders.ask(evaluation)
    contenders.answer(evaluation, "approve")
    contenders.carry_out(evaluation)
    rollback(contenders.world.stores, contenders.run_of(evaluation))
    with pytest.raises(PromotionRefused, match="champion before"):
        contenders.carry_out(evaluation)


def test_an_answered_question_stays_answered(contenders):
    second = contenders.assess(LATER_DAY)
    contenders.ask(second)
    contenders.answer(second, "reject")
    assert "rejected" == contenders.expire(second).status


def test_an_answer_is_for_good(contenders):
    evaluation = contenders.assess()
    contenders.ask(evaluation)
    contenders.answer(evaluation, "reject")
    with pytest.raises(DBAPIError, match="moves once"):
        contenders.world.tell("update ledger.approvals set status = 'approved'")
