"""A champion is a recipe: its newest fit takes over, a verdict is about recipes, and there is a way back to the former one."""

from dataclasses import replace
from datetime import timedelta

import pytest

from perennial.errors import NothingToRollBackTo, PromotionRefused
from perennial.promote import (
    choose_challenger,
    choose_former_champion,
    choose_former_recipe,
    choose_refresh,
    find_taken_back,
    is_served,
    list_champions,
    newest_champion,
)
from perennial.records import Evaluation, Move, Outcome
from tests.register import CLOCK, RUN
from tests.unit.test_promote import assess
from tests.unit.test_promote import history as move


def history(*moves):
    """Movements (kind, version, recipe), one a day up to CLOCK."""
    recipes = [recipe for _, _, recipe in moves]
    moved = move(*((kind, version) for kind, version, _ in moves))
    return tuple(replace(each, recipe=recipe) for each, recipe in zip(moved, recipes, strict=True))


REFRESHED = history(("promote", 1, 1), ("refresh", 2, 1), ("refresh", 3, 1))
CHANGED = (*REFRESHED, *history(("promote", 4, 2), ("refresh", 5, 2)))
"""Recipe 1 was fitted as 1, 2 and 3; recipe 2 took its place as 4, and was fitted again as 5."""


def judge(version, recipe, champion, champion_recipe, outcome=Outcome.PROMOTE) -> Evaluation:
    """A verdict on the newest fits of two recipes."""
    evaluation = assess(version, champion, outcome)
    verdict = replace(evaluation.verdict, challenger_recipe=recipe, champion_recipe=champion_recipe)
    return Evaluation(70 + version, verdict)


# Refresh
def refresh(moves, version, *, of, run=RUN):
    return choose_refresh(moves, run, version, of=of, reason="Fitted on newer as_ofs.")


def test_the_newest_fit_of_the_champions_recipe_takes_over_without_a_verdict():
    assert refresh(REFRESHED, 4, of=1) == Move(4, "refresh", "Fitted on newer as_ofs.", evaluation_id=None)


def test_a_fit_that_serves_already_is_not_moved_to_again():
    assert refresh(REFRESHED, 3, of=1) is None


def test_a_fit_for_a_recipe_that_no_longer_serves_does_not_take_over():
    with pytest.raises(PromotionRefused, match="version 6 is a fit for recipe 1, which does not serve any more"):
        refresh(CHANGED, 6, of=1)


def test_there_is_nothing_to_refresh_before_the_first_champion():
    with pytest.raises(PromotionRefused, match="recipe 1, which does not serve"):
        refresh((), 1, of=1)


def test_a_backfill_refreshes_nothing():
    with pytest.raises(PromotionRefused, match="backfill never moves"):
        refresh(REFRESHED, 3, of=1, run=replace(RUN, purpose="backfill"))


def test_an_older_run_refreshes_nothing():
    with pytest.raises(PromotionRefused, match=r"version 3 has been champion since .* an older run"):
        refresh(REFRESHED, 4, of=1, run=replace(RUN, clock=CLOCK - timedelta(seconds=1)))


# The verdict is about recipes
def test_a_refresh_of_the_champion_since_does_not_spoil_a_verdict():
    evaluation = judge(9, 2, champion=1, champion_recipe=1)
    assert choose_challenger(REFRESHED, evaluation, RUN, approval="auto").version == 9


def test_a_verdict_against_the_recipe_before_does():
    evaluation = judge(9, 3, champion=3, champion_recipe=1)
    with pytest.raises(PromotionRefused, match="compared with version 3, but the champion is now version 5"):
        choose_challenger(CHANGED, evaluation, RUN, approval="auto")


def test_a_verdict_from_before_recipes_were_kept_is_about_the_version():
    old = judge(9, None, champion=1, champion_recipe=None)
    with pytest.raises(PromotionRefused, match="compared with version 1, but the champion is now version 3"):
        choose_challenger(REFRESHED, old, RUN, approval="auto")


def test_the_newest_fit_of_the_winner_serves_and_not_the_one_that_was_looked_at():
    moved = choose_challenger(REFRESHED, judge(7, 2, champion=3, champion_recipe=1), RUN, approval="auto", fit=9)
    assert (moved.version, moved.kind, moved.evaluation_id) == (9, "promote", 77)


def act_on(evaluation, moves, version):
    """The movement to the newest fit of the winner, after these."""
    moved = replace(moves[-1], version=version, kind="promote", recipe=2, evaluation_id=evaluation.evaluation_id)
    return (*moves, moved)


def test_a_verdict_is_acted_on_once_though_another_fit_of_the_winner_serves():
    evaluation = judge(7, 2, champion=3, champion_recipe=1)
    served = act_on(evaluation, REFRESHED, 9)
    refreshed = (*served, replace(served[-1], version=10, kind="refresh", evaluation_id=None))
    assert is_served(served, evaluation)
    assert is_served(refreshed, evaluation)
    assert choose_challenger(refreshed, evaluation, RUN, approval="auto", fit=10) is None


def test_a_verdict_that_nobody_acted_on_serves_not_even_if_its_recipe_does():
    assert not is_served(CHANGED, judge(7, 2, champion=3, champion_recipe=1))


def test_a_verdict_whose_winner_was_taken_back_does_not_serve():
    evaluation = judge(7, 2, champion=3, champion_recipe=1)
    served = act_on(evaluation, REFRESHED, 9)
    taken_back = (*served, replace(REFRESHED[-1], kind="rollback"))
    assert not is_served(taken_back, evaluation)
    with pytest.raises(PromotionRefused, match="a verdict does so once"):
        choose_challenger(taken_back, evaluation, RUN, approval="auto", fit=10)


def test_a_verdict_without_a_recipe_does_not_serve_by_one_that_is_unknown():
    evaluation = judge(7, None, champion=3, champion_recipe=None)
    served = (*REFRESHED, replace(REFRESHED[-1], version=7, recipe=None, evaluation_id=77))
    assert not is_served(served, evaluation)


def test_nothing_serves_before_the_first_champion():
    assert not is_served((), judge(7, 2, champion=None, champion_recipe=None))


# The way back
def test_refreshes_stand_in_the_line_of_champions():
    assert (list_champions(CHANGED), newest_champion(CHANGED)) == ((1, 2, 3, 4, 5), 5)


def test_a_rollback_goes_to_the_newest_earlier_fit():
    assert choose_former_champion(CHANGED, "lapse").version == 4
    assert choose_former_champion(REFRESHED, "lapse").version == 2


def test_a_rollback_to_the_former_recipe_goes_to_its_newest_fit_though_that_never_served():
    assert choose_former_recipe(CHANGED, "lapse", {1: 6, 2: 5}) == Move(6, "rollback", "Rolled back from recipe 2 to recipe 1.")


def test_where_the_former_recipe_was_not_fitted_again_its_last_champion_returns():
    assert choose_former_recipe(CHANGED, "lapse", {}).version == 3


def test_the_former_recipe_is_the_one_that_served_last_before_this_one():
    third = (*CHANGED, *history(("promote", 8, 3)))
    assert choose_former_recipe(third, "lapse", {1: 6, 2: 7, 3: 8}).version == 7


@pytest.mark.parametrize(
    "moves", [(), REFRESHED, history(("promote", 1, None), ("promote", 2, 1))], ids=["none", "one", "unknown"]
)
def test_without_another_recipe_there_is_no_former_one(moves):
    with pytest.raises(NothingToRollBackTo, match=r"no other recipe has served before: `perennial rollback lapse`"):
        choose_former_recipe(moves, "lapse", {})


BACK = (*CHANGED, *history(("rollback", 6, 1)))
"""Rolled back to recipe 1 by version 6, which was kept warm and had not served."""


def test_a_rollback_to_a_recipe_takes_back_every_fit_of_what_came_after_it():
    assert set(find_taken_back(BACK)) == {4, 5}
    assert list_champions(BACK) == (1, 2, 3, 6)


def test_after_a_rollback_to_a_recipe_the_way_back_does_not_lead_forward():
    assert choose_former_champion(BACK, "lapse").version == 3
    with pytest.raises(NothingToRollBackTo, match="no other recipe"):
        choose_former_recipe(BACK, "lapse", {1: 6, 2: 5})


def test_a_rollback_to_a_version_goes_to_that_one_and_not_to_the_last_fit_of_its_recipe():
    assert list_champions((*CHANGED, *history(("rollback", 2, 1)))) == (1, 2)


@pytest.mark.parametrize("kind", ["forced", "manual"])
def test_only_a_rollback_goes_back_to_a_recipe(kind):
    assert list_champions((*CHANGED, *history((kind, 6, 1)))) == (1, 2, 3, 4, 5, 6)


def test_a_refresh_by_a_fit_of_a_recipe_that_served_goes_forward():
    assert list_champions((*CHANGED, *history(("refresh", 6, 2)))) == (1, 2, 3, 4, 5, 6)


def test_a_rollback_to_an_unknown_version_goes_forward():
    unknown = (*history(("promote", 1, None), ("promote", 2, 2)), *history(("rollback", 9, None)))
    assert list_champions(unknown) == (1, 2, 9)


def test_a_refresh_takes_nothing_back_though_its_version_served_before():
    again = (*REFRESHED, *history(("refresh", 2, 1)))
    assert list_champions(again) == (1, 2, 3, 2)
    assert find_taken_back(again) == {}
