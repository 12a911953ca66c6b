"""Which rows may be compared on, and when there will be enough of them."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from perennial.compare.rows import check_rows, compared_again_on, needed_as_ofs, unseen_as_ofs
from perennial.errors import MisalignedScores, RowsSeenInTraining
from tests.unit.test_compare_superiority import AS_OFS, make_contest


def choose(contest, who, newest):
    """One of the two recipes was chosen on as_ofs up to this one; its newest fit has learned from later ones."""
    return replace(contest, **{who: replace(getattr(contest, who), chosen_on=newest, newest_as_of=date(2017, 10, 9))})


def test_the_first_unseen_as_of_lies_just_the_embargo_after_the_last_choice():
    candidates = (date(2017, 9, 18), date(2017, 9, 10), date(2017, 9, 11))
    found = unseen_as_ofs(candidates, (date(2017, 8, 14), date(2017, 8, 7)), embargo=timedelta(days=28))
    assert found == (date(2017, 9, 11), date(2017, 9, 18))


def test_a_choice_that_looked_at_nothing_forbids_nothing():
    candidates = (date(2017, 9, 18), date(2017, 9, 4))
    assert unseen_as_ofs(candidates, (None, date(2017, 8, 14)), embargo=timedelta(days=28)) == (date(2017, 9, 18),)
    assert unseen_as_ofs(candidates, (None, None), embargo=timedelta(days=28)) == (date(2017, 9, 4), date(2017, 9, 18))


def test_a_challenger_needs_the_as_ofs_of_a_holdout():
    assert needed_as_ofs(make_contest()) == 4


def test_rows_that_nobody_has_seen_are_all_compared_on():
    assert check_rows(make_contest()) == AS_OFS


def test_rows_that_the_challenger_has_seen_are_listed():
    with pytest.raises(RowsSeenInTraining) as refused:
        check_rows(choose(make_contest(), "challenger", date(2017, 8, 28)))
    assert str(refused.value) == (
        "lapse, as_of 2017-11-06: recipe 2 was chosen on as_ofs up to 2017-08-28, so rows before 2017-09-25 cannot assess it; "
        "found 2017-09-11, 2017-09-18. Leave them out of the comparison."
    )


def test_even_one_row_too_many_of_the_challenger_is_an_error():
    with pytest.raises(RowsSeenInTraining, match="recipe 2"):
        check_rows(choose(make_contest(), "challenger", date(2017, 10, 2)))


def test_rows_that_the_champion_has_seen_are_an_error_while_two_others_are_there():
    with pytest.raises(RowsSeenInTraining, match="recipe 1"):
        check_rows(choose(make_contest(), "champion", date(2017, 8, 28)))


@pytest.mark.parametrize(("newest", "left"), [(date(2017, 9, 4), AS_OFS[3:]), (date(2017, 9, 11), ())], ids=["one", "none"])
def test_where_the_champion_has_seen_almost_everything_the_rest_is_what_there_is(newest, left):
    assert check_rows(choose(make_contest(), "champion", newest)) == left


@pytest.mark.parametrize("who", ["challenger", "champion"])
def test_a_recipe_that_nothing_was_looked_at_for_may_be_judged_on_any_row(who):
    assert check_rows(choose(make_contest(), who, None)) == AS_OFS


@pytest.mark.parametrize("who", ["challenger", "champion"])
def test_whoever_is_compared_covers_the_same_rows(who):
    contest = make_contest()
    fewer = replace(getattr(contest, who), scores=getattr(contest, who).scores.iloc[1:])
    with pytest.raises(MisalignedScores, match="1039 rows stand against 1040"):
        check_rows(replace(contest, **{who: fewer}))


@pytest.mark.parametrize(
    ("who", "newest", "again_on"),
    [("champion", date(2017, 9, 25), date(2017, 12, 13)), ("challenger", date(2017, 9, 25), date(2017, 12, 13))],
)
def test_the_pair_is_compared_again_when_the_fourth_unseen_as_of_has_matured(who, newest, again_on):
    """Chosen on 09-25: 10-23 to 11-13 are unseen, and the labels of 11-13 are complete on 11-13 + 28 + 2 days."""
    assert compared_again_on(choose(make_contest(), who, newest)) == again_on


@pytest.mark.parametrize(("as_of", "again_on"), [(date(2017, 12, 12), date(2017, 12, 13)), (date(2017, 12, 13), None)], ids=str)
def test_a_day_that_has_come_is_not_promised(as_of, again_on):
    assert compared_again_on(choose(make_contest(as_of=as_of), "champion", date(2017, 9, 25))) == again_on


def test_where_neither_choice_looked_at_anything_the_weeks_count_from_the_day_of_the_comparison():
    """11-06 is a Monday: 11-06 to 11-27 are four as_ofs, and the labels of 11-27 are complete on 11-27 + 28 + 2 days."""
    contest = choose(choose(make_contest(), "champion", None), "challenger", None)
    assert compared_again_on(contest) == date(2017, 12, 27)
