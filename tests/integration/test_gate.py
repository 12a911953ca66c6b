"""The gate over several weeks: weekly fits that serve, recipes under test, the account of errors, and what a new champion does
to those under test.
"""

from __future__ import annotations

import re
import shutil
from contextlib import suppress
from dataclasses import replace
from datetime import date

import pytest

from perennial import pipeline
from perennial.errors import NotAsked, NothingToDo, NothingToTrain, NotPromoted
from perennial.notices import fits
from perennial.pipeline import approving, refitting
from perennial.records import Outcome, Recipe
from perennial.stores import ledger
from tests.world import MODEL, challenge, edit_model

FIRST_WEEK, SECOND_WEEK, THIRD_WEEK = date(2017, 6, 19), date(2017, 6, 26), date(2017, 7, 3)
FOURTH_WEEK = date(2017, 7, 10)
CHAMPION, FIRST, SECOND, THIRD = 1, 2, 3, 4  # recipes, in the order in which they are written below
CONTESTS = """
    select challenger_recipe, champion_recipe, status, alpha, opened_for,
        (select count(*) from ledger.looks where looks.contest_id = contests.contest_id) as looks
    from ledger.contests order by contest_id"""
NO_FLOOR = {"min_gain = 0.01 ": "min_gain = 0.0 "}
"""Equal challengers stay undecided: nothing lies clearly below a floor of 0."""
PENALTIES = {FIRST_WEEK: 0.01, SECOND_WEEK: 0.02, THIRD_WEEK: 0.03}


def make_snapshot(world, as_of):
    pipeline.refresh(world.stores, world.run(as_of))
    pipeline.validate(world.stores, world.run(as_of))


def learn(world, as_of):
    """A week's retraining up to its verdicts, with a challenger that a person wrote."""
    make_snapshot(world, as_of)
    with suppress(NothingToDo):
        pipeline.refit(world.stores, world.run(as_of))
    challenge(world, as_of, C=PENALTIES[as_of])
    return pipeline.compare(world.stores, world.run(as_of))


def contests(world):
    return [(c["challenger_recipe"], c["status"], c["looks"]) for c in world.ask(CONTESTS)]


def serving(world):
    return world.ask("select version, recipe, kind from analytics.model_history order by applied_at desc limit 1")[0]


# The weekly fit
def test_the_newest_fit_of_the_champions_recipe_serves_without_a_verdict(world):
    before = serving(world)
    make_snapshot(world, FIRST_WEEK)
    refreshed = pipeline.refit(world.stores, world.run(FIRST_WEEK))
    assert (refreshed.version.version, CHAMPION, "refresh") == tuple(serving(world).values())
    assert before["version"] == refreshed.promotion.previous_version == refreshed.version.distance.version
    assert date(2017, 5, 29) == max(refreshed.version.training_as_ofs)
    assert refreshed.version.version == world.stores.registry.get_champion(MODEL)
    with pytest.raises(NothingToTrain, match="learned from every as_of"):
        pipeline.refit(world.stores, world.run(FIRST_WEEK))
    assert 2 == world.ask_one("select count(*) from ledger.promotions")


def test_a_fit_is_promised_what_fits_that_had_not_seen_the_days_reached(world):
    make_snapshot(world, FIRST_WEEK)
    version = pipeline.refit(world.stores, world.run(FIRST_WEEK)).version
    assert (date(2017, 5, 22), date(2017, 5, 29)) == version.holdout_as_ofs
    kept = world.ask("""select as_of, avg(score) as mean from scores."lapse$recipes" where recipe = 1 group by 1 order by 1""")
    assert [date(2017, 5, 15), date(2017, 5, 22), date(2017, 5, 29)] == [row["as_of"] for row in kept]
    assert 0.7 < version.holdout_headline < 0.95


def test_a_fit_of_every_fourth_week_is_refused_until_it_is_due_and_one_of_never_always(world):
    edit_model(world.settings.home, {'refresh = "weekly"': 'refresh = "4 weeks"'})
    make_snapshot(world, FIRST_WEEK)
    with pytest.raises(NotAsked, match="the next refresh is due on 2017-07-10"):
        pipeline.refit(world.stores, world.run(FIRST_WEEK))
    edit_model(world.settings.home, {'refresh = "4 weeks"': 'refresh = "never"'})
    with pytest.raises(NotAsked, match="never"):
        pipeline.refit(world.stores, world.run(FIRST_WEEK))


def test_a_fit_far_from_the_serving_one_is_held_back_for_one_week_and_people_are_told(world):
    edit_model(world.settings.home, {"publish_max_shift = 0.50": "publish_max_shift = 0.000001"})
    make_snapshot(world, FIRST_WEEK)
    held = pipeline.refit(world.stores, world.run(FIRST_WEEK))
    assert held.promotion is None
    assert "the next fit serves in any case" in held.held
    assert "fit_held" in {row["event"] for row in world.ask("select event from ledger.outbox")}
    make_snapshot(world, SECOND_WEEK)
    served = pipeline.refit(world.stores, world.run(SECOND_WEEK))
    assert served.version.version == served.promotion.version == serving(world)["version"]


def die(*_):
    raise KeyboardInterrupt


@pytest.mark.attack("a process is killed, or goes on after it was given up")
def test_the_owner_is_told_of_a_fit_that_lies_far_though_its_process_died_as_soon_as_it_served(world, monkeypatch):
    monkeypatch.setattr(fits, "LEAST_RANK_CORRELATION", 2.0)  # every fit lies far then
    tell = refitting._tell
    monkeypatch.setattr(refitting, "_tell", die)
    make_snapshot(world, FIRST_WEEK)
    with pytest.raises(KeyboardInterrupt):
        pipeline.refit(world.stores, world.run(FIRST_WEEK))
    monkeypatch.setattr(refitting, "_tell", tell)
    told = "select notice ->> 'summary' as summary from ledger.outbox where event = 'fit_distance'"
    assert ("refresh", []) == (serving(world)["kind"], world.ask(told))
    for _ in range(2):
        with pytest.raises(NothingToTrain, match="learned from every as_of"):
            pipeline.refit(world.stores, world.run(FIRST_WEEK))
    (mail,) = world.ask(told)
    assert "with those of version 1" in mail["summary"]


def remind(world, refresh, day):
    """A refresh is refused for the pin, not because it is not due."""
    file = world.settings.home / "models" / f"{MODEL}.toml"
    file.write_text(re.sub(r'(?m)^refresh = "(weekly|4 weeks|never)"', f'refresh = "{refresh}"', file.read_text()))
    with pytest.raises(NotAsked, match="no refresh serves until"):
        pipeline.refit(world.stores, world.run(day))


def test_after_a_rollback_nothing_is_refreshed_until_a_person_says_so(world):
    make_snapshot(world, FIRST_WEEK)
    fit = pipeline.refit(world.stores, world.run(FIRST_WEEK)).version
    back = pipeline.rollback(world.stores, world.run(FIRST_WEEK))
    assert back.version == fit.distance.version
    make_snapshot(world, SECOND_WEEK)
    with pytest.raises(NotAsked, match="no refresh serves until `perennial unpin lapse"):
        pipeline.refit(world.stores, world.run(SECOND_WEEK))
    remind(world, "4 weeks", THIRD_WEEK)
    remind(world, "never", FOURTH_WEEK)
    edit_model(world.settings.home, {'refresh = "never"': 'refresh = "weekly"'})
    told = [row["as_of"] for row in world.ask("select as_of from ledger.outbox where event = 'pinned' order by as_of")]
    assert told == [SECOND_WEEK, THIRD_WEEK, FOURTH_WEEK]
    pipeline.unpin(world.stores, world.run(SECOND_WEEK), reason="The cause is gone.")
    assert "refresh" == pipeline.refit(world.stores, world.run(SECOND_WEEK)).promotion.kind
    with pytest.raises(NothingToDo, match="nothing is pinned"):
        pipeline.unpin(world.stores, world.run(SECOND_WEEK), reason="Again.")


def test_what_a_person_rules_binds_the_next_fit_under_another_recipe(world):
    make_snapshot(world, FIRST_WEEK)
    edit_model(world.settings.home, {"exclude = []": 'exclude = ["orders_7d"]'})
    version = pipeline.refit(world.stores, world.run(FIRST_WEEK)).version
    assert 2 == version.recipe
    (recipe,) = world.ask("select origin, chosen_on, features, rulings from ledger.recipes where recipe = 2")
    assert ("ruling", date(2017, 5, 1), {"exclude": "orders_7d"}) == (recipe["origin"], recipe["chosen_on"], recipe["rulings"])
    assert "orders_7d" not in recipe["features"]
    assert version.version == serving(world)["version"]


# Recipes under test
def test_an_undecided_challenger_stays_as_a_shadow_and_is_looked_at_again(world):
    edit_model(world.settings.home, NO_FLOOR)
    (first,) = learn(world, FIRST_WEEK).verdicts
    assert (Outcome.INCONCLUSIVE, "superiority", 1) == (first.outcome, first.side, len(first.looks))
    assert (FIRST, CHAMPION) == (first.challenger_recipe, first.champion_recipe)
    assert first.reasons[0].startswith("Recipe 2, refitted every week, ranked ")
    second = learn(world, SECOND_WEEK)
    (again,) = (verdict for verdict in second.verdicts if verdict.challenger_recipe == FIRST)
    assert [3, 4] == [len(look.as_ofs) for look in again.looks]
    assert again.looks[0] == first.looks[0]
    assert again.looks[1].spent > first.looks[0].spent
    assert 2 == len(second.verdicts)
    assert {(FIRST, "open", 2)} < set(contests(world))


def test_a_day_that_was_published_is_judged_by_what_was_published(world):
    edit_model(world.settings.home, NO_FLOOR)
    for week in (FIRST_WEEK, SECOND_WEEK, THIRD_WEEK):
        make_snapshot(world, week)
        pipeline.score(world.stores, world.run(week))
        with suppress(NothingToDo):
            pipeline.refit(world.stores, world.run(week))
    published = date(2017, 6, 12)
    challenge(world, THIRD_WEEK)
    (verdict,) = pipeline.compare(world.stores, world.run(THIRD_WEEK)).verdicts
    assert published in verdict.holdout_as_ofs
    kept = {row["as_of"] for row in world.ask("""select as_of from scores."lapse$recipes" where recipe = 1""")}
    assert published not in kept
    assert {row["as_of"] for row in world.ask("""select as_of from scores."lapse$recipes" where recipe = 2""")} >= {published}


def test_a_comparison_draws_its_share_of_the_years_budget_once(world):
    edit_model(world.settings.home, NO_FLOOR)
    once = learn(world, FIRST_WEEK)
    state = world.ask(CONTESTS)
    assert [0.05 / (52 + 37)] == [pytest.approx(contest["alpha"]) for contest in state]
    assert once == pipeline.compare(world.stores, world.run(FIRST_WEEK))
    assert state == world.ask(CONTESTS)
    assert 1 == world.ask_one("select count(*) from ledger.evaluations where as_of = :day", day=FIRST_WEEK)


def test_of_too_many_shadows_the_least_promising_leaves_for_good_and_its_scores_with_it(world):
    edit_model(world.settings.home, {**NO_FLOOR, "shadow_max = 3 ": "shadow_max = 1 "})
    learn(world, FIRST_WEEK)
    learn(world, SECOND_WEEK)
    assert ["displaced", "open"] == sorted(status for _, status, _ in contests(world))
    (displaced,) = (recipe for recipe, status, _ in contests(world) if status == "displaced")
    later = learn(world, THIRD_WEEK)
    assert displaced not in {verdict.challenger_recipe for verdict in later.verdicts}
    assert 0 == world.ask_one("""select count(*) from scores."lapse$recipes" where recipe = :recipe""", recipe=displaced)


@pytest.mark.mltest("I4")
def test_a_challenger_below_the_floor_is_rejected_and_its_test_ends(world):
    edit_model(world.settings.home, {"min_gain = 0.01 ": "min_gain = 0.5 "})
    (verdict,) = learn(world, FIRST_WEEK).verdicts
    assert (Outcome.REJECT, [(FIRST, "rejected", 1)]) == (verdict.outcome, contests(world))
    with pytest.raises(NotPromoted):
        pipeline.promote(world.stores, world.run(FIRST_WEEK))


def test_an_empty_account_tests_nobody_and_says_when_it_is_filled_again(world):
    world.tell(
        """insert into ledger.contests
               (model, challenger_recipe, champion_recipe, side, alpha, last_look, overlap, status, opened_for, purpose,
                effective_at, ended_at)
           values (:model, 999, 998, 'superiority', 0.0499, 14, 2, 'rejected', '2017-01-09', 'simulation',
               '2017-01-09 12:00', now())""",
        model=MODEL,
    )
    (verdict,) = learn(world, FIRST_WEEK).verdicts
    assert (Outcome.INCONCLUSIVE, date(2018, 1, 9), ()) == (verdict.outcome, verdict.compared_again_on, verdict.looks)
    assert verdict.reasons[0].startswith("The account of false promotions is empty until 2018-01-09")
    assert 1 == len(contests(world))


def test_a_recipe_that_is_known_is_no_new_challenger(world):
    learn(world, FIRST_WEEK)
    with pytest.raises(NothingToTrain, match="that is recipe 2 already"):
        pipeline.challenge(
            world.stores,
            world.run(SECOND_WEEK),
            recipe=replace(ledger_recipe(world, FIRST), features=(), rulings={}),
            reason="Once more.",
        )


def ledger_recipe(world, number):
    with world.stores.warehouse.transaction() as session:
        return ledger.get_recipe(session, MODEL, number).recipe


def test_shadows_start_again_against_a_new_champion(world):
    edit_model(world.settings.home, NO_FLOOR)
    learn(world, FIRST_WEEK)
    newcomer = max(v.challenger_version for v in learn(world, SECOND_WEEK).verdicts)
    approving.force(world.stores, world.run(SECOND_WEEK), newcomer, reason="The business asked for it.")
    learn(world, THIRD_WEEK)
    found = {(c["challenger_recipe"], c["champion_recipe"]): c["status"] for c in world.ask(CONTESTS)}
    assert "ended" == found[FIRST, CHAMPION]
    assert "promoted" == found[SECOND, CHAMPION]
    assert "open" == found[FIRST, SECOND]
    assert (SECOND, "refresh") == (serving(world)["recipe"], serving(world)["kind"])


def test_the_former_champions_recipe_is_kept_warm_and_a_rollback_to_it_finds_a_fresh_fit(world):
    learn(world, FIRST_WEEK)
    newcomer = world.ask_one("select max(version) from ledger.versions")
    approving.force(world.stores, world.run(FIRST_WEEK), newcomer, reason="A test wants it.")
    make_snapshot(world, SECOND_WEEK)
    pipeline.refit(world.stores, world.run(SECOND_WEEK))
    (warm,) = world.ask("select version from ledger.versions where recipe = 1 and trained_for = :day", day=SECOND_WEEK)
    back = pipeline.rollback(world.stores, world.run(SECOND_WEEK), recipe=True)
    assert ("rollback", warm["version"], CHAMPION) == (back.kind, back.version, serving(world)["recipe"])


def test_a_ruling_does_not_take_the_place_of_the_former_recipe(world):
    """Recipe 3 is recipe 2 without a column: what is kept warm for a way back is recipe 1."""
    make_snapshot(world, FIRST_WEEK)
    newcomer = challenge(world, FIRST_WEEK, C=0.01)
    approving.force(world.stores, world.run(FIRST_WEEK), newcomer.version, reason="A test wants it.")
    edit_model(world.settings.home, {"exclude = []": 'exclude = ["orders_7d"]'})
    for day in (SECOND_WEEK, THIRD_WEEK):
        make_snapshot(world, day)
        pipeline.refit(world.stores, world.run(day))
    fitted = world.ask("select recipe from ledger.versions where trained_for = :day order by recipe", day=THIRD_WEEK)
    assert [CHAMPION, SECOND] == [row["recipe"] for row in fitted]
    assert ("ruling", SECOND) == (
        world.ask_one("select origin from ledger.recipes where recipe = 3"),
        serving(world)["recipe"],
    )


def test_a_former_recipe_that_cannot_be_fitted_any_more_stops_no_refresh(world):
    """The rule over a column that was excluded since."""
    make_snapshot(world, FIRST_WEEK)
    run = world.run(FIRST_WEEK)
    rule = Recipe("single_feature", {"feature": "orders_7d", "direction": "decreasing"})
    for version in (pipeline.challenge(world.stores, run, recipe=rule, reason="A test."), challenge(world, FIRST_WEEK, C=0.01)):
        approving.force(world.stores, run, version.version, reason="A test wants it.")
    edit_model(world.settings.home, {"exclude = []": 'exclude = ["orders_7d"]'})
    make_snapshot(world, SECOND_WEEK)
    refreshed = pipeline.refit(world.stores, world.run(SECOND_WEEK))
    assert ("refresh", refreshed.version.version) == (refreshed.promotion.kind, serving(world)["version"])
    make_snapshot(world, THIRD_WEEK)
    assert "refresh" == pipeline.refit(world.stores, world.run(THIRD_WEEK)).promotion.kind


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
    assessed = {verdict.challenger_recipe for verdict in later.verdicts}
    assert (FIRST, "ended", 2) in contests(world)
    assert FIRST not in assessed
    assert THIRD in assessed


def test_a_recipe_that_wins_serves_by_its_newest_fit_and_a_crash_before_that_is_made_good(world):
    edit_model(world.settings.home, NO_FLOOR)
    (first,) = learn(world, FIRST_WEEK).verdicts
    make_snapshot(world, SECOND_WEEK)
    pipeline.refit(world.stores, world.run(SECOND_WEEK))
    pipeline.compare(world.stores, world.run(SECOND_WEEK))
    win(world, first.challenger_version, SECOND_WEEK)
    promotion = pipeline.promote(world.stores, world.run(SECOND_WEEK))
    assert ("promote", FIRST) == (promotion.kind, serving(world)["recipe"])
    (fit,) = world.ask("select trained_for, origin from ledger.versions where version = :version", version=promotion.version)
    assert (SECOND_WEEK, "refresh") == tuple(fit.values())
    assert promotion == pipeline.promote(world.stores, world.run(SECOND_WEEK))


def win(world, version, as_of):
    """Say that the newest verdict on a version was PROMOTE."""
    run = world.run(as_of)
    with world.stores.warehouse.transaction() as session:
        verdict = replace(ledger.latest_evaluation(session, MODEL, version).verdict, outcome=Outcome.PROMOTE, doubts=())
        ledger.record_evaluation(session, run, verdict)


def test_a_backfill_compares_nobody(world):
    with pytest.raises(NotAsked, match="a backfill compares nobody"):
        pipeline.compare(world.stores, world.run(FIRST_WEEK, "backfill"))


def test_a_week_without_a_challenger_compares_nobody(world):
    make_snapshot(world, FIRST_WEEK)
    with pytest.raises(NothingToDo, match="no recipe is under test"):
        pipeline.compare(world.stores, world.run(FIRST_WEEK))


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
    assert (FIRST, "rejected", 1) in contests(world)
    assert FIRST not in {each.challenger_recipe for each in later.verdicts}
