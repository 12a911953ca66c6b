"""Which rows may be compared on, and when there will be enough of them."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from perennial.compare.rows import check_rows, compared_again_on, needed_as_ofs, unseen_as_ofs
from perennial.errors import MisalignedScores, RowsSeenInTraining
from tests.harm_worlds import WEEKS
from tests.unit.test_compare_superiority import AS_OFS, make_contest


def train(contest, who, newest):
    """One of the two was trained up to this as_of."""
    return replace(contest, **{who: replace(getattr(contest, who), training_as_ofs=(newest, *WEEKS[:5]))})


def test_the_first_unseen_as_of_lies_just_the_embargo_after_the_last_training():
    candidates = (date(2017, 9, 18), date(2017, 9, 10), date(2017, 9, 11))
    found = unseen_as_ofs(candidates, (date(2017, 8, 14), date(2017, 8, 7)), embargo=timedelta(days=28))
    assert found == (date(2017, 9, 11), date(2017, 9, 18))


def test_a_first_champion_needs_two_as_ofs_and_a_challenger_those_of_a_holdout():
    assert (needed_as_ofs(make_contest(champion=None)), needed_as_ofs(make_contest())) == (2, 4)


def test_rows_that_nobody_has_seen_are_all_compared_on():
    assert check_rows(make_contest()) == AS_OFS


def test_rows_that_the_challenger_has_seen_are_listed():
    with pytest.raises(RowsSeenInTraining) as refused:
        check_rows(train(make_contest(), "challenger", date(2017, 8, 28)))
    assert str(refused.value) == (
        "lapse, as_of 2017-11-06: version 2 was trained to 2017-08-28, so rows before 2017-09-25 cannot assess it; found "
        "2017-09-11, 2017-09-18. Leave them out of the comparison."
    )


def test_even_one_row_too_many_of_the_challenger_is_an_error():
    with pytest.raises(RowsSeenInTraining, match="version 2"):
        check_rows(train(make_contest(), "challenger", date(2017, 10, 2)))


def test_rows_that_the_champion_has_seen_are_an_error_while_two_others_are_there():
    with pytest.raises(RowsSeenInTraining, match="version 1"):
        check_rows(train(make_contest(), "champion", date(2017, 8, 28)))


@pytest.mark.parametrize(("newest", "left"), [(date(2017, 9, 4), AS_OFS[3:]), (date(2017, 9, 11), ())], ids=["one", "none"])
def test_where_the_champion_has_seen_almost_everything_the_rest_is_what_there_is(newest, left):
    assert check_rows(train(make_contest(), "champion", newest)) == left


@pytest.mark.parametrize("who", ["refit", "anchor"])
def test_whoever_else_is_compared_covers_the_same_rows(who):
    contest = make_contest()
    fewer = contest.champion.scores.iloc[1:]
    beside = {"refit": fewer, "anchor": replace(contest.champion, scores=fewer)}
    with pytest.raises(MisalignedScores, match="1039 rows stand against 1040"):
        check_rows(replace(contest, **{who: beside[who]}))


@pytest.mark.parametrize(
    ("who", "newest", "again_on"),
    [("champion", date(2017, 9, 25), date(2017, 12, 13)), ("challenger", date(2017, 9, 25), date(2017, 12, 13))],
)
def test_the_pair_is_compared_again_when_the_fourth_unseen_as_of_has_matured(who, newest, again_on):
    """Trained to 09-25: 10-23 to 11-13 are unseen, and the labels of 11-13 are complete on 11-13 + 28 + 2 days."""
    assert compared_again_on(train(make_contest(), who, newest)) == again_on


def test_a_first_champion_waits_for_two_as_ofs():
    contest = train(make_contest(champion=None), "challenger", date(2017, 9, 25))
    assert compared_again_on(contest) == date(2017, 11, 29)


@pytest.mark.parametrize(("as_of", "again_on"), [(date(2017, 12, 12), date(2017, 12, 13)), (date(2017, 12, 13), None)], ids=str)
def test_a_day_that_has_come_is_not_promised(as_of, again_on):
    assert compared_again_on(train(make_contest(as_of=as_of), "champion", date(2017, 9, 25))) == again_on
