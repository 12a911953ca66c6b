"""The gate over several weeks: shadows, the account of errors, renewal, and what a new champion does to those under test."""

from __future__ import annotations

import shutil
from datetime import date

import pytest

from perennial import operate, pipeline
from perennial.errors import NotAsked, NothingToDo, NotPromoted
from perennial.pipeline import approving
from perennial.pipeline.contests import find_anchor
from perennial.records import Outcome
from perennial.stores import ledger
from tests.world import MODEL, edit_model

FIRST_WEEK, SECOND_WEEK, THIRD_WEEK = date(2017, 6, 19), date(2017, 6, 26), date(2017, 7, 3)
CONTESTS = """
    select challenger_version, champion_version, side, status, alpha, opened_for,
        (select count(*) from ledger.looks where looks.contest_id = contests.contest_id) as looks
    from ledger.contests order by contest_id"""
NO_FLOOR = {"min_gain = 0.01 ": "min_gain = 0.0 "}
"""Equal challengers stay undecided: nothing lies clearly below a floor of 0."""
RENEWED = {
    "max_age_days = 56 ": "max_age_days = 7 ",
    "renewal_margin = 0.004": "renewal_margin = 0.2",
    "log_loss = 0.003": "log_loss = 0.2",
}
"""The champion is old after a week, and its refit may be a good deal worse."""


def learn(world, as_of):
    """A week's retraining up to its verdicts."""
    run = world.run(as_of)
    pipeline.refresh(world.stores, run)
    pipeline.validate(world.stores, run)
    pipeline.train(world.stores, run)
    return pipeline.compare(world.stores, run)


def contests(world):
    return [(c["challenger_version"], c["status"], c["looks"]) for c in world.ask(CONTESTS)]


def test_an_undecided_challenger_stays_as_a_shadow_and_is_looked_at_again(world):
    edit_model(world.settings.home, NO_FLOOR)
    (first,) = learn(world, FIRST_WEEK).verdicts
    assert (Outcome.INCONCLUSIVE, "superiority", 1) == (first.outcome, first.side, len(first.looks))
    second = learn(world, SECOND_WEEK)
    again = second.about(first.challenger_version)
    assert [2, 3] == [len(look.as_ofs) for look in again.looks]
    assert again.looks[0] == first.looks[0]
    assert again.looks[1].spent > first.looks[0].spent
    assert 2 == len(second.verdicts)
    assert {(first.challenger_version, "open", 2)} < set(contests(world))


def test_a_comparison_draws_its_share_of_the_years_budget_once_and_tells_new_recipe_from_new_data(world):
    edit_model(world.settings.home, NO_FLOOR)
    once = learn(world, FIRST_WEEK)
    state = world.ask(CONTESTS)
    assert [0.05 / (52 + 37)] == [pytest.approx(contest["alpha"]) for contest in state]
    found = once.verdicts[0].attribution
    gain = once.verdicts[0].metric("auc").gain.estimate
    assert gain == pytest.approx(found.new_data.estimate + found.new_recipe.estimate)
    assert once == pipeline.compare(world.stores, world.run(FIRST_WEEK))
    assert state == world.ask(CONTESTS)
    assert 1 == world.ask_one("select count(*) from ledger.evaluations where as_of = :day", day=FIRST_WEEK)


def test_of_too_many_shadows_the_least_promising_leaves_for_good(world):
    edit_model(world.settings.home, {**NO_FLOOR, "shadow_max = 3 ": "shadow_max = 1 "})
    learn(world, FIRST_WEEK)
    learn(world, SECOND_WEEK)
    assert ["displaced", "open"] == sorted(status for _, status, _ in contests(world))
    (displaced,) = (version for version, status, _ in contests(world) if status == "displaced")
    later = learn(world, THIRD_WEEK)
    assert displaced not in {verdict.challenger_version for verdict in later.verdicts}


def test_a_challenger_below_the_floor_is_rejected_and_its_test_ends(world):
    edit_model(world.settings.home, {"min_gain = 0.01 ": "min_gain = 0.5 "})
    (verdict,) = learn(world, FIRST_WEEK).verdicts
    assert (Outcome.REJECT, [(verdict.challenger_version, "rejected", 1)]) == (verdict.outcome, contests(world))
    with pytest.raises(NotPromoted):
        pipeline.promote(world.stores, world.run(FIRST_WEEK))


def test_an_empty_account_tests_nobody_and_says_when_it_is_filled_again(world):
    world.tell(
        """insert into ledger.contests
               (model, challenger_version, champion_version, side, alpha, last_look, overlap, status, opened_for, purpose,
                effective_at, ended_at)
           values (:model, 999, 998, 'superiority', 0.0499, 14, 2, 'rejected', '2017-01-09', 'simulation',
               '2017-01-09 12:00', now())""",
        model=MODEL,
    )
    (verdict,) = learn(world, FIRST_WEEK).verdicts
    assert (Outcome.INCONCLUSIVE, date(2018, 1, 9), ()) == (verdict.outcome, verdict.compared_again_on, verdict.looks)
    assert verdict.reasons[0].startswith("The account of false promotions is empty until 2018-01-09")
    assert 1 == len(contests(world))


def test_the_same_rows_and_recipe_are_no_new_challenger(world):
    """Its test ended with a rejection; made again two days later of the same as_ofs, it has no second chance."""
    edit_model(world.settings.home, {"min_gain = 0.01 ": "min_gain = 0.5 "})
    (verdict,) = learn(world, FIRST_WEEK).verdicts
    world.tell(
        """insert into ledger.versions (model, version, algorithm, mlflow_run_id, manifest, baselines, data_hash, training_as_ofs,
               holdout_as_ofs, trained_for, parameters, holdout_mean_score, config_hash, query_hash, code_version, effective_at)
           select model, 999, algorithm, mlflow_run_id, manifest, baselines, data_hash, training_as_ofs, holdout_as_ofs,
               trained_for + 2, parameters, holdout_mean_score, config_hash, query_hash, code_version, effective_at
           from ledger.versions where version = :version""",
        version=verdict.challenger_version,
    )
    with pytest.raises(NothingToDo, match=f"same rows by the same recipe as version {verdict.challenger_version}"):
        pipeline.compare(world.stores, world.run(date(2017, 6, 21)))
    assert 1 == len(contests(world))


def test_shadows_start_again_against_a_new_champion(world):
    edit_model(world.settings.home, NO_FLOOR)
    (shadow,) = learn(world, FIRST_WEEK).verdicts
    newcomer = max(v.challenger_version for v in learn(world, SECOND_WEEK).verdicts)
    approving.force(world.stores, world.run(SECOND_WEEK), newcomer, reason="The business asked for it.")
    learn(world, THIRD_WEEK)
    found = {(c["challenger_version"], c["champion_version"]): c["status"] for c in world.ask(CONTESTS)}
    assert "ended" == found[shadow.challenger_version, shadow.champion_version]
    assert "promoted" == found[newcomer, shadow.champion_version]
    assert "open" == found[shadow.challenger_version, newcomer]


def test_a_champion_that_is_old_is_renewed_by_its_own_recipe(world):
    edit_model(world.settings.home, {**NO_FLOOR, **RENEWED})
    comparison = learn(world, FIRST_WEEK)
    (renewal,) = (verdict for verdict in comparison.verdicts if verdict.side == "renewal")
    assert (Outcome.PROMOTE, 0.05 / 12) == (renewal.outcome, pytest.approx(renewal.alpha))
    promotion = pipeline.promote(world.stores, world.run(FIRST_WEEK))
    assert ("renewal", renewal.challenger_version) == (promotion.kind, promotion.version)
    assert renewal.challenger_version == world.stores.registry.get_champion(MODEL)


def test_a_test_that_runs_is_neither_replanned_nor_stopped_by_a_shadow_whose_files_are_lost(world):
    edit_model(world.settings.home, NO_FLOOR)
    (first,) = learn(world, FIRST_WEEK).verdicts
    learn(world, SECOND_WEEK)
    edit_model(world.settings.home, {"shadow_looks = 13 ": "shadow_looks = 1 "})
    state = world.ask(CONTESTS)
    again = pipeline.compare(world.stores, world.run(FIRST_WEEK))  # an older day knows less than what was looked at
    assert ((first,), state) == (again.verdicts, world.ask(CONTESTS))

    world.stores.registry._client.delete_model_version(MODEL, str(first.challenger_version))
    shutil.rmtree(world.settings.artifacts / "versions")
    later = learn(world, THIRD_WEEK)
    assessed = {verdict.challenger_version for verdict in later.verdicts}
    assert (first.challenger_version, "ended", 2) in contests(world)
    assert first.challenger_version not in assessed
    assert max(number for number, *_ in contests(world)) in assessed


def test_a_renewal_is_measured_against_the_line_of_champions_that_a_rollback_left(world):
    (first,) = world.ask("select version from ledger.promotions")
    other = learn(world, FIRST_WEEK).verdicts[0].challenger_version
    approving.force(world.stores, world.run(FIRST_WEEK), other, reason="A test wants it.")
    with world.stores.warehouse.transaction() as session:
        champion = ledger.get_version(session, MODEL, other)
        assert find_anchor(session, world.run(FIRST_WEEK), champion) is None
    pipeline.rollback(world.stores, world.run(FIRST_WEEK))
    with world.stores.warehouse.transaction() as session:
        champion = ledger.get_version(session, MODEL, first["version"])
        assert find_anchor(session, world.run(FIRST_WEEK), champion) is None


def test_a_promotion_that_a_crash_left_undone_is_made_by_the_next_run(world):
    edit_model(world.settings.home, {**NO_FLOOR, **RENEWED})
    learn(world, FIRST_WEEK)
    operate.retrain(world.stores, world.run(FIRST_WEEK))
    assert "renewal" == world.ask_one("select kind from ledger.promotions order by promotion_id desc limit 1")
    with pytest.raises(NothingToDo, match="has its verdict"):
        pipeline.assemble(world.stores, world.run(FIRST_WEEK))


def test_a_backfill_compares_nobody(world):
    with pytest.raises(NotAsked, match="a backfill compares nobody"):
        pipeline.compare(world.stores, world.run(FIRST_WEEK, "backfill"))


def test_whom_a_person_has_refused_is_not_asked_about_again(world):
    edit_model(world.settings.home, NO_FLOOR)
    (verdict,) = learn(world, FIRST_WEEK).verdicts
    world.tell(
        """insert into ledger.approvals (model, as_of, version, champion_version, evaluation_id, because, status, deadline,
               actor, purpose, effective_at)
           select model, as_of, challenger_version, champion_version, evaluation_id, '{}', 'open', '2018-01-01', 'airflow',
               'simulation', effective_at
           from ledger.evaluations where challenger_version = :version""",
        version=verdict.challenger_version,
    )
    question = world.ask_one("select question_id from ledger.approvals")
    approving.answer(world.stores, world.run(FIRST_WEEK), question, decision="reject", actor="ann", source="shell")
    later = learn(world, SECOND_WEEK)
    assert (verdict.challenger_version, "rejected", 1) in contests(world)
    assert verdict.challenger_version not in {each.challenger_version for each in later.verdicts}
