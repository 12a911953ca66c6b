"""A person decides: questions, answers and forced promotions on a real ledger and a real registry."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy.exc import DBAPIError

from perennial.errors import NotPromoted, PromotionRefused
from perennial.pipeline import approving, promote, rollback
from perennial.records import Move, Outcome
from perennial.stores import ledger
from perennial.stores.registry import read_card
from tests.arena import LATER_DAY
from tests.world import MODEL, edit_model

CLOSED_LATER = timedelta(hours=73)


# Asking
def test_a_question_waits_and_moves_nothing(arena):
    evaluation = arena.judge()
    question = arena.ask(evaluation)
    assert ("open", ("A test wants it.",)) == (question.status, question.because)
    assert question.deadline == question.effective_at + timedelta(hours=72)
    assert (arena.champion, arena.champion) == arena.serving


def test_the_owner_is_asked_by_mail_with_the_evidence_and_both_commands(arena):
    version = arena.ask(arena.judge()).version
    (letter,) = [
        row["letter"]
        for row in arena.world.ask("select letter from ledger.outbox where event = :event", event=f"question_{version}")
    ]
    assert "AUC" in {row[0] for row in letter["moved"]}
    assert f"`perennial approve lapse {version}` or `perennial reject lapse {version}`" in letter["you_must"][0]
    assert ["Answer in Airflow", "https://airflow.example.com/dags/lapse.approve/required_actions"] == letter["links"][0]


def test_the_owner_is_told_of_the_answer(arena):
    evaluation = arena.judge()
    version = arena.ask(evaluation).version
    arena.answer(evaluation, "reject")
    told = arena.world.ask_one("select letter ->> 'headline' from ledger.outbox where event = :event", event=f"answer_{version}")
    assert f"version {version} was rejected by ann" == told


def test_asking_twice_is_asking_once(arena):
    evaluation = arena.judge()
    assert arena.ask(evaluation) == arena.ask(evaluation)
    assert 1 == len(arena.questions)


def test_a_newer_challenger_supersedes_an_older_question(arena):
    older, newer = arena.judge(), arena.judge(LATER_DAY)
    arena.ask(older)
    arena.ask(newer)
    challenger = newer.verdict.challenger_version
    assert [
        (older.verdict.challenger_version, "superseded", None, None, f"Version {challenger} came after it."),
        (challenger, "open", None, None, None),
    ] == arena.questions


def test_a_rerun_of_an_older_day_does_not_overtake_a_newer_question(arena):
    newer, older = arena.judge(LATER_DAY), arena.judge()
    arena.ask(newer)
    with pytest.raises(PromotionRefused, match="later than this verdict"):
        arena.ask(older)
    assert ["open"] == [row[1] for row in arena.questions]


def test_nobody_is_asked_about_a_challenger_that_lost(arena):
    with pytest.raises(NotPromoted, match="INCONCLUSIVE"):
        arena.ask(arena.judge(outcome=Outcome.INCONCLUSIVE))


def test_nobody_is_asked_about_a_verdict_against_a_former_champion(arena):
    with pytest.raises(PromotionRefused, match="the champion is now version"):
        arena.ask(arena.judge(champion=99))


def test_the_stage_promote_asks_where_the_model_file_says_so(arena):
    edit_model(arena.world.settings.home, {'approval = "auto"': 'approval = "manual"'})
    evaluation = arena.judge()
    question = promote(arena.world.stores, arena.run_of(evaluation))
    assert ("open", ('promotion.approval = "manual".',)) == (question.status, question.because)
    assert (arena.champion, arena.champion) == arena.serving


# Answering
def test_an_approval_is_carried_out_under_the_name_of_who_gave_it(arena):
    evaluation = arena.judge()
    arena.ask(evaluation)
    version = arena.answer(evaluation, "approve").version
    promotion = arena.carry_out(evaluation)
    assert (version, "promote", "ann", evaluation.evaluation_id) == (
        promotion.version,
        promotion.kind,
        promotion.actor,
        promotion.evaluation_id,
    )
    assert "AUC is better. " + f"Version {version} was approved by ann (shell)." == promotion.reason
    assert (version, version) == arena.serving


def test_carrying_out_twice_is_once(arena):
    evaluation = arena.judge()
    arena.ask(evaluation)
    arena.answer(evaluation, "approve")
    assert arena.carry_out(evaluation) == arena.carry_out(evaluation)


def test_a_rejection_leaves_the_champion_and_says_why(arena):
    evaluation = arena.judge()
    arena.ask(evaluation)
    version = arena.answer(evaluation, "reject", remark="Too close to Christmas.").version
    with pytest.raises(NotPromoted, match=r"rejected by ann \(shell\). Too close to Christmas"):
        arena.carry_out(evaluation)
    assert [(version, "rejected", "ann", "shell", "Too close to Christmas.")] == arena.questions
    assert (arena.champion, arena.champion) == arena.serving


def test_an_unanswered_question_promotes_nobody(arena):
    evaluation = arena.judge()
    arena.ask(evaluation)
    with pytest.raises(NotPromoted, match="waits for a person"):
        arena.carry_out(evaluation)


def test_the_same_answer_twice_is_one_and_the_first_name_stands(arena):
    evaluation = arena.judge()
    arena.ask(evaluation)
    assert arena.answer(evaluation, "approve") == arena.answer(evaluation, "approve", actor="bob")


def test_of_two_answers_the_first_stands(arena):
    evaluation = arena.judge()
    arena.ask(evaluation)
    arena.answer(evaluation, "reject")
    with pytest.raises(PromotionRefused, match="was rejected by ann"):
        arena.answer(evaluation, "approve", actor="bob")


def test_a_superseded_question_takes_no_answer(arena):
    older, newer = arena.judge(), arena.judge(LATER_DAY)
    arena.ask(older)
    arena.ask(newer)
    with pytest.raises(PromotionRefused, match="was superseded"):
        arena.answer(older, "approve")


def test_nobody_answers_what_nobody_asked(arena):
    with pytest.raises(PromotionRefused, match="nobody asked question"):
        arena.answer(arena.judge(), "approve")


def test_an_answer_reaches_the_question_that_it_names_and_no_newer_one_of_its_day(arena):
    older, newer = arena.judge(), arena.judge()
    arena.ask(older)
    arena.ask(newer)
    assert "superseded" == arena.expire(older).status
    with pytest.raises(PromotionRefused, match="was superseded"):
        arena.answer(older, "approve")
    assert ["superseded", "open"] == [row[1] for row in arena.questions]


def test_an_answer_after_the_deadline_comes_too_late(arena):
    evaluation = arena.judge()
    arena.ask(evaluation)
    late = replace(arena.run_of(evaluation), clock=arena.run_of(evaluation).clock + CLOSED_LATER)
    with pytest.raises(PromotionRefused, match=r"has expired\. Nobody answered in time"):
        arena.answer(evaluation, "approve", run=late)
    assert ["expired"] == [row[1] for row in arena.questions]


def test_a_question_about_a_champion_that_has_gone_takes_no_answer(arena):
    evaluation = arena.judge()
    arena.ask(evaluation)
    forced = arena.judge().verdict.challenger_version
    approving.force(arena.world.stores, arena.run_of(evaluation), forced, reason="Needed today.")
    with pytest.raises(PromotionRefused, match=f"The champion is now version {forced}"):
        arena.answer(evaluation, "approve")
    version = evaluation.verdict.challenger_version
    assert [f"version {version} was not promoted: another champion came first"] == read_headlines(arena, version)


def test_of_a_superseded_question_only_the_newer_one_is_mailed(arena):
    older, newer = arena.judge(), arena.judge(LATER_DAY)
    arena.ask(older)
    arena.ask(newer)
    arena.expire(older)
    assert [] == read_headlines(arena, older.verdict.challenger_version)


def read_headlines(arena, version):
    """What was mailed about the end of a question."""
    rows = arena.world.ask(
        "select letter ->> 'headline' as said from ledger.outbox where event = :event", event=f"answer_{version}"
    )
    return [row["said"] for row in rows]


# The model card
def test_question_and_answer_stand_on_the_model_card_at_once(arena):
    evaluation = arena.judge()
    approving.ask(arena.world.stores, arena.run_of(evaluation), evaluation, ("Its card shall tell.",))
    assert "Its card shall tell." in read_own_card(arena)
    arena.answer(evaluation, "reject", remark="So shall this.")
    assert "So shall this." in read_own_card(arena)


def test_a_question_that_ends_without_an_answer_says_so_on_the_card(arena):
    evaluation = arena.judge()
    arena.ask(evaluation)
    assert approving.UNANSWERED not in read_own_card(arena)
    arena.expire(evaluation)
    assert approving.UNANSWERED in read_own_card(arena)


def read_own_card(arena):
    """The card of whichever version was written last: the arena's versions share one MLflow run."""
    mlflow_run = arena.world.ask_one("select distinct mlflow_run_id from ledger.versions where version = :it", it=arena.champion)
    return read_card(arena.world.settings.mlflow_uri, mlflow_run).decode()


def test_an_approval_is_not_carried_out_against_another_champion(arena):
    evaluation = arena.judge()
    arena.ask(evaluation)
    arena.answer(evaluation, "approve")
    forced = arena.judge().verdict.challenger_version
    approving.force(arena.world.stores, arena.run_of(evaluation), forced, reason="Needed today.")
    with pytest.raises(PromotionRefused, match=f"the champion is now version {forced}"):
        arena.carry_out(evaluation)
    assert (forced, forced) == arena.serving


def test_an_approved_version_that_was_rolled_back_does_not_come_again(arena):
    evaluation = arena.judge()
    arena.ask(evaluation)
    arena.answer(evaluation, "approve")
    arena.carry_out(evaluation)
    rollback(arena.world.stores, arena.run_of(evaluation))
    with pytest.raises(PromotionRefused, match="champion before"):
        arena.carry_out(evaluation)


def test_an_expired_question_stays_expired_and_an_answered_one_answered(arena):
    first = arena.judge()
    arena.ask(first)
    assert "expired" == arena.expire(first).status
    second = arena.judge(LATER_DAY)
    arena.ask(second)
    arena.answer(second, "reject")
    assert "rejected" == arena.expire(second).status


def test_an_answer_is_for_good(arena):
    evaluation = arena.judge()
    arena.ask(evaluation)
    arena.answer(evaluation, "reject")
    with pytest.raises(DBAPIError, match="moves once"):
        arena.world.tell("update ledger.approvals set status = 'approved'")


# From a shell that lives on the wall's clock
def test_a_question_of_a_simulation_is_answered_on_its_own_clock(arena):
    question = arena.ask(arena.judge())
    wall = replace(arena.world.run(date(2026, 11, 21)), purpose="live")
    placed = approving.place(wall, question)
    assert (question.as_of, question.effective_at, "simulation") == (placed.as_of, placed.clock, placed.purpose)


def test_the_open_question_is_found_without_its_number(arena):
    question = arena.ask(arena.judge())
    assert question == approving.find_question(arena.world.stores, MODEL)


def test_an_approval_that_nobody_could_carry_out_is_found_again(arena):
    evaluation = arena.judge()
    arena.ask(evaluation)
    answered = arena.answer(evaluation, "approve")  # and killed before the promotion
    assert answered == approving.find_question(arena.world.stores, MODEL)
    arena.carry_out(evaluation)
    with pytest.raises(PromotionRefused, match="no question waits"):
        approving.find_question(arena.world.stores, MODEL)


def test_an_approval_that_another_champion_overtook_is_not_found_again(arena):
    evaluation = arena.judge()
    arena.ask(evaluation)
    arena.answer(evaluation, "approve")
    forced = arena.judge().verdict.challenger_version
    approving.force(arena.world.stores, arena.run_of(evaluation), forced, reason="Needed today.")
    with pytest.raises(PromotionRefused, match="no question waits"):
        approving.find_question(arena.world.stores, MODEL)


def test_a_question_that_waits_comes_before_an_approval_that_was_not_carried_out(arena):
    approved, newer = arena.judge(), arena.judge(LATER_DAY)
    arena.ask(approved)
    arena.answer(approved, "approve")
    assert arena.ask(newer) == approving.find_question(arena.world.stores, MODEL)


def test_without_a_question_there_is_nothing_to_find(arena):
    with pytest.raises(PromotionRefused, match="no question waits"):
        approving.find_question(arena.world.stores, MODEL)


# By force
def test_a_forced_promotion_is_recorded_as_forced_with_its_reason_and_its_actor(arena):
    version = arena.judge(outcome=Outcome.REJECT).verdict.challenger_version
    promotion = approving.force(arena.world.stores, arena.world.run("2017-06-19"), version, reason="The old one is wrong.")
    assert ("forced", "The old one is wrong.", "tester", None) == (
        promotion.kind,
        promotion.reason,
        promotion.actor,
        promotion.evaluation_id,
    )
    assert (version, version) == arena.serving


def test_forcing_twice_for_one_reason_is_once(arena):
    version, run = arena.judge().verdict.challenger_version, arena.world.run("2017-06-19")
    first = approving.force(arena.world.stores, run, version, reason="The old one is wrong.")
    assert first == approving.force(arena.world.stores, run, version, reason="The old one is wrong.")
    with pytest.raises(PromotionRefused, match="is the champion already"):
        approving.force(arena.world.stores, run, version, reason="Another reason.")


def test_a_forced_promotion_that_was_killed_after_its_intent_is_finished_by_the_rerun(arena):
    version, run = arena.judge().verdict.challenger_version, arena.world.run("2017-06-19")
    book = ledger.PromotionBook(arena.world.stores.warehouse, run)
    intent = book.intend(Move(version, "forced", "The old one is wrong."), arena.champion)
    finished = approving.force(arena.world.stores, run, version, reason="The old one is wrong.")
    assert (intent.promotion_id, "applied") == (finished.promotion_id, finished.status)
    assert (version, version) == arena.serving


def test_a_version_that_does_not_exist_is_not_even_forced(arena):
    with pytest.raises(PromotionRefused, match="not even by force: lapse: the ledger does not know version 999"):
        approving.force(arena.world.stores, arena.world.run("2017-06-19"), 999, reason="I insist.")


def test_a_version_whose_files_do_not_pass_is_not_even_forced(arena):
    version = arena.judge().verdict.challenger_version
    arena.world.tell(
        "set session_replication_role = replica; update ledger.versions set manifest = "
        "jsonb_set(manifest, '{contract.json}', to_jsonb(repeat('0', 64))) where version = :version",
        version=version,
    )
    with pytest.raises(PromotionRefused, match="not even by force"):
        approving.force(arena.world.stores, arena.world.run("2017-06-19"), version, reason="I insist.")
    assert (arena.champion, arena.champion) == arena.serving


def test_the_champion_is_not_forced_to_be_champion(arena):
    with pytest.raises(PromotionRefused, match="is the champion already"):
        approving.force(arena.world.stores, arena.world.run("2017-06-19"), arena.champion, reason="I insist.")
