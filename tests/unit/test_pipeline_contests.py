"""On which as_ofs two recipes are compared: those that neither choice looked at, and those of earlier looks as they were."""

from datetime import UTC, date, datetime, timedelta

import pytest

from perennial.compare import TestPlan
from perennial.config import load_model
from perennial.pipeline.contests import ContestPair, Side, choose_as_ofs
from perennial.records import Contest, Look, Recipe, RecipeEntry
from tests.cards import VERSION
from tests.paths import ROOT

LAPSE = load_model(ROOT / "models" / "lapse.toml")
PLAN = TestPlan(alpha=0.001, final=16, overlap=4, seed=7)


def mondays(first: date, count: int) -> tuple[date, ...]:
    return tuple(first + timedelta(days=7 * week) for week in range(count))


LABELLED = mondays(date(2017, 5, 1), 24)
"""05-01 to 10-09."""


def side(number, chosen_on):
    recipe = Recipe("xgboost", {"max_depth": number})
    return Side(RecipeEntry("lapse", number, recipe, "search" if chosen_on else "person", chosen_on, "Because."), VERSION)


def pair(challenger=date(2017, 8, 14), champion=date(2017, 7, 10), *, looked_at=(), test=PLAN):
    looks = (Look(looked_at, 0.01, 0.005, 0.2, 0.0001, 4.0),) if looked_at else ()
    opened = datetime(2017, 10, 16, tzinfo=UTC)
    contest = Contest(1, "lapse", 2, 1, 0.001, 16, 4, "open", date(2017, 10, 16), opened, looks)
    return ContestPair(side(2, challenger), side(1, champion), contest, test)


def test_an_as_of_judges_from_the_embargo_after_the_later_choice_on():
    assert choose_as_ofs(LAPSE, pair(), LABELLED) == mondays(date(2017, 9, 11), 5)
    assert choose_as_ofs(LAPSE, pair(date(2017, 7, 10), date(2017, 8, 28)), LABELLED) == mondays(date(2017, 9, 25), 3)


def test_a_recipe_that_a_person_wrote_is_judged_on_the_last_sixteen_at_once():
    assert choose_as_ofs(LAPSE, pair(None, date(2017, 3, 27)), LABELLED) == LABELLED[-16:]


def test_but_not_on_what_the_choice_of_the_champion_looked_at():
    assert choose_as_ofs(LAPSE, pair(None, date(2017, 8, 14)), LABELLED) == mondays(date(2017, 9, 11), 5)


def test_the_looks_of_a_written_recipe_go_on_where_the_last_one_ended():
    looked_at = LABELLED[-17:-1]
    found = choose_as_ofs(LAPSE, pair(None, date(2017, 3, 27), looked_at=looked_at, test=None), LABELLED)
    assert found == (*looked_at, LABELLED[-1])


def test_a_day_that_was_repaired_after_a_look_over_it_stays_out():
    """Looked at without 09-18: 09-18 was not known then, and 10-02 comes next."""
    looked_at = (date(2017, 9, 11), date(2017, 9, 25))
    assert choose_as_ofs(LAPSE, pair(looked_at=looked_at), LABELLED) == (*looked_at, date(2017, 10, 2), date(2017, 10, 9))


@pytest.mark.parametrize("final", [1, 3])
def test_no_as_of_is_looked_at_beyond_the_last_look(final):
    test = TestPlan(alpha=0.001, final=final, overlap=4, seed=7)
    assert choose_as_ofs(LAPSE, pair(test=test), LABELLED) == mondays(date(2017, 9, 11), final)
