"""A person decides: questions, answers and forced promotions on a real ledger and a real registry."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta

import pytest
from sqlalchemy.exc import DBAPIError

from ml.errors import NotPromoted, PromotionRefused
from ml.pipeline import approving, rollback
from ml.records import Evaluation, Outcome, Run
from ml.stores import ledger
from tests.world import FIRST_DAY, MODEL, World

CLOSED_LATER = timedelta(hours=73)


@dataclass(frozen=True)
class Court:
    """The small world with a champion, and challengers that are copies of it under numbers of their own."""

    world: World
    champion: int

    def judge(self, day: date | None = None, *, champion: int | None = None, outcome: Outcome = Outcome.PROMOTE) -> Evaluation:
        """Register a challenger and record a verdict on it."""
        run = self.world.run(day or FIRST_DAY + timedelta(days=7))
        version = self._register(run)
        former = self._read(self.champion).verdict
        verdict = replace(
            former,
            as_of=run.as_of,
            outcome=outcome,
            challenger_version=version,
            champion_version=champion or self.champion,
            opponent="champion",
            reasons=("AUC is better.",),
        )
        with self.world.stores.warehouse.transaction() as session:
            ledger.record_evaluation(session, run, verdict)
        return self._read(version)

    def ask(self, evaluation: Evaluation):
        return approving.ask(self.world.stores, self.run_of(evaluation), evaluation, ("A test wants it.",))

    def answer(self, evaluation: Evaluation, decision: str, actor: str = "ann", *, run: Run | None = None, remark=None):
        return approving.answer(
            self.world.stores,
            run or self.run_of(evaluation),
            evaluation.verdict.challenger_version,
            decision=decision,
            actor=actor,
            source="shell",
            remark=remark,
        )

    def carry_out(self, evaluation: Evaluation):
        return approving.carry_out(self.world.stores, self.run_of(evaluation), evaluation.verdict.challenger_version)

    def run_of(self, evaluation: Evaluation) -> Run:
        return self.world.run(evaluation.verdict.as_of)

    @property
    def questions(self) -> list[tuple]:
        rows = self.world.ask(
            "select version, status, answered_by, answer_source, remark from ledger.approvals order by question_id"
        )
        return [tuple(row.values()) for row in rows]

    @property
    def serving(self) -> tuple[int, int]:
        """The champion of the ledger, and the alias."""
        with self.world.stores.warehouse.transaction() as session:
            return ledger.champion(session, MODEL), self.world.stores.registry.get_champion(MODEL)

    def _register(self, run: Run) -> int:
        client = self.world.stores.registry._client
        first = client.get_model_version(MODEL, str(self.champion))
        tags = {"trained_for": run.as_of.isoformat()}
        made = client.create_model_version(MODEL, first.source, first.run_id, tags=tags, await_creation_for=0)
        self.world.tell(
            """
            insert into ledger.versions
            select (json_populate_record(versions, json_build_object(
                'version', cast(:version as integer), 'trained_for', cast(:day as date), 'data_hash', cast(:version as text)
            ))).*
            from ledger.versions where version = :champion
            """,
            version=int(made.version),
            day=run.as_of,
            champion=self.champion,
        )
        return int(made.version)

    def _read(self, version: int) -> Evaluation:
        with self.world.stores.warehouse.transaction() as session:
            return ledger.latest_evaluation(session, MODEL, version)


@pytest.fixture
def court(world) -> Court:
    return Court(world, world.ask_one("select version from ledger.promotions"))


# Asking
def test_a_question_waits_and_moves_nothing(court):
    evaluation = court.judge()
    question = court.ask(evaluation)
    assert ("open", ("A test wants it.",)) == (question.status, question.because)
    assert question.deadline == question.effective_at + timedelta(hours=72)
    assert (court.champion, court.champion) == court.serving


def test_the_owner_is_asked_by_mail_with_the_evidence_and_both_commands(court):
    version = court.ask(court.judge()).version
    (letter,) = [
        row["letter"]
        for row in court.world.ask("select letter from ledger.outbox where event = :event", event=f"question_{version}")
    ]
    assert "AUC" in {row[0] for row in letter["moved"]}
    assert f"`perennial approve lapse {version}` or `perennial reject lapse {version}`" in letter["you_must"][0]


def test_asking_twice_is_asking_once(court):
    evaluation = court.judge()
    assert court.ask(evaluation) == court.ask(evaluation)
    assert 1 == len(court.questions)


def test_a_newer_challenger_supersedes_an_older_question(court):
    older, newer = court.judge(), court.judge(FIRST_DAY + timedelta(days=14))
    court.ask(older)
    court.ask(newer)
    challenger = newer.verdict.challenger_version
    assert [
        (older.verdict.challenger_version, "superseded", None, None, f"Version {challenger} came after it."),
        (challenger, "open", None, None, None),
    ] == court.questions


def test_a_rerun_of_an_older_day_does_not_overtake_a_newer_question(court):
    newer, older = court.judge(FIRST_DAY + timedelta(days=14)), court.judge()
    court.ask(newer)
    with pytest.raises(PromotionRefused, match="later than this verdict"):
        court.ask(older)
    assert ["open"] == [row[1] for row in court.questions]


def test_nobody_is_asked_about_a_challenger_that_lost(court):
    with pytest.raises(NotPromoted, match="INCONCLUSIVE"):
        court.ask(court.judge(outcome=Outcome.INCONCLUSIVE))


def test_nobody_is_asked_about_a_verdict_against_a_former_champion(court):
    with pytest.raises(PromotionRefused, match="the champion is now version"):
        court.ask(court.judge(champion=99))


# Answering
def test_an_approval_is_carried_out_under_the_name_of_who_gave_it(court):
    evaluation = court.judge()
    court.ask(evaluation)
    version = court.answer(evaluation, "approve").version
    promotion = court.carry_out(evaluation)
    assert (version, "promote", "ann", evaluation.evaluation_id) == (
        promotion.version,
        promotion.kind,
        promotion.actor,
        promotion.evaluation_id,
    )
    assert "AUC is better. " + f"Version {version} was approved by ann (shell)." == promotion.reason
    assert (version, version) == court.serving


def test_carrying_out_twice_is_once(court):
    evaluation = court.judge()
    court.ask(evaluation)
    court.answer(evaluation, "approve")
    assert court.carry_out(evaluation) == court.carry_out(evaluation)


def test_a_rejection_leaves_the_champion_and_says_why(court):
    evaluation = court.judge()
    court.ask(evaluation)
    version = court.answer(evaluation, "reject", remark="Too close to Christmas.").version
    with pytest.raises(NotPromoted, match=r"rejected by ann \(shell\). Too close to Christmas"):
        court.carry_out(evaluation)
    assert [(version, "rejected", "ann", "shell", "Too close to Christmas.")] == court.questions
    assert (court.champion, court.champion) == court.serving


def test_an_unanswered_question_promotes_nobody(court):
    evaluation = court.judge()
    court.ask(evaluation)
    with pytest.raises(NotPromoted, match="waits for a person"):
        court.carry_out(evaluation)


def test_the_same_answer_twice_is_one_and_the_first_name_stands(court):
    evaluation = court.judge()
    court.ask(evaluation)
    assert court.answer(evaluation, "approve") == court.answer(evaluation, "approve", actor="bob")


def test_of_two_answers_the_first_stands(court):
    evaluation = court.judge()
    court.ask(evaluation)
    court.answer(evaluation, "reject")
    with pytest.raises(PromotionRefused, match="was rejected by ann"):
        court.answer(evaluation, "approve", actor="bob")


def test_a_superseded_question_takes_no_answer(court):
    older, newer = court.judge(), court.judge(FIRST_DAY + timedelta(days=14))
    court.ask(older)
    court.ask(newer)
    with pytest.raises(PromotionRefused, match="was superseded"):
        court.answer(older, "approve")


def test_nobody_answers_what_nobody_asked(court):
    with pytest.raises(PromotionRefused, match="nobody was asked about version"):
        court.answer(court.judge(), "approve")


def test_an_answer_after_the_deadline_comes_too_late(court):
    evaluation = court.judge()
    court.ask(evaluation)
    late = replace(court.run_of(evaluation), clock=court.run_of(evaluation).clock + CLOSED_LATER)
    with pytest.raises(PromotionRefused, match=r"has expired\. Nobody answered in time"):
        court.answer(evaluation, "approve", run=late)
    assert ["expired"] == [row[1] for row in court.questions]


def test_a_question_about_a_champion_that_has_gone_takes_no_answer(court):
    evaluation = court.judge()
    court.ask(evaluation)
    forced = court.judge().verdict.challenger_version
    approving.force(court.world.stores, court.run_of(evaluation), forced, reason="Needed today.")
    with pytest.raises(PromotionRefused, match=f"The champion is now version {forced}"):
        court.answer(evaluation, "approve")


def test_an_approval_is_not_carried_out_against_another_champion(court):
    evaluation = court.judge()
    court.ask(evaluation)
    court.answer(evaluation, "approve")
    forced = court.judge().verdict.challenger_version
    approving.force(court.world.stores, court.run_of(evaluation), forced, reason="Needed today.")
    with pytest.raises(PromotionRefused, match=f"the champion is now version {forced}"):
        court.carry_out(evaluation)
    assert (forced, forced) == court.serving


def test_an_approved_version_that_was_rolled_back_does_not_come_again(court):
    evaluation = court.judge()
    court.ask(evaluation)
    court.answer(evaluation, "approve")
    court.carry_out(evaluation)
    rollback(court.world.stores, court.run_of(evaluation))
    with pytest.raises(PromotionRefused, match="was champion before"):
        court.carry_out(evaluation)


def test_an_expired_question_stays_expired_and_an_answered_one_answered(court):
    first = court.judge()
    court.ask(first)
    version = first.verdict.challenger_version
    assert "expired" == approving.expire(court.world.stores, court.run_of(first), version).status
    second = court.judge(FIRST_DAY + timedelta(days=14))
    court.ask(second)
    court.answer(second, "reject")
    assert "rejected" == approving.expire(court.world.stores, court.run_of(second), second.verdict.challenger_version).status


def test_an_answer_is_for_good(court):
    evaluation = court.judge()
    court.ask(evaluation)
    court.answer(evaluation, "reject")
    with pytest.raises(DBAPIError, match="moves once"):
        court.world.tell("update ledger.approvals set status = 'approved'")


# From a shell that lives on the wall's clock
def test_a_question_of_a_simulation_is_answered_on_its_own_clock(court):
    question = court.ask(court.judge())
    wall = replace(court.world.run(date(2026, 11, 21)), purpose="live")
    placed = approving.place(wall, question)
    assert (question.as_of, question.effective_at, "simulation") == (placed.as_of, placed.clock, placed.purpose)


def test_the_open_question_is_found_without_its_number(court):
    question = court.ask(court.judge())
    assert question == approving.find_question(court.world.stores, MODEL)


def test_without_a_question_there_is_nothing_to_find(court):
    with pytest.raises(PromotionRefused, match="no question waits"):
        approving.find_question(court.world.stores, MODEL)


# By force
def test_a_forced_promotion_is_recorded_as_forced_with_its_reason_and_its_actor(court):
    version = court.judge(outcome=Outcome.REJECT).verdict.challenger_version
    promotion = approving.force(court.world.stores, court.world.run("2017-06-19"), version, reason="The old one is wrong.")
    assert ("forced", "The old one is wrong.", "tester", None) == (
        promotion.kind,
        promotion.reason,
        promotion.actor,
        promotion.evaluation_id,
    )
    assert (version, version) == court.serving


def test_a_version_that_does_not_exist_is_not_even_forced(court):
    with pytest.raises(PromotionRefused, match="not even by force: lapse: the ledger does not know version 999"):
        approving.force(court.world.stores, court.world.run("2017-06-19"), 999, reason="I insist.")


def test_a_version_whose_files_do_not_pass_is_not_even_forced(court):
    version = court.judge().verdict.challenger_version
    court.world.tell(
        "set session_replication_role = replica; update ledger.versions set manifest = "
        "jsonb_set(manifest, '{contract.json}', to_jsonb(repeat('0', 64))) where version = :version",
        version=version,
    )
    with pytest.raises(PromotionRefused, match="not even by force"):
        approving.force(court.world.stores, court.world.run("2017-06-19"), version, reason="I insist.")
    assert (court.champion, court.champion) == court.serving


def test_the_champion_is_not_forced_to_be_champion(court):
    with pytest.raises(PromotionRefused, match="is the champion already"):
        approving.force(court.world.stores, court.world.run("2017-06-19"), court.champion, reason="I insist.")
