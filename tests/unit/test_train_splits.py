"""The worked example of the split, and histories that are too short for one."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from perennial.config import load_model
from perennial.errors import HistoryTooShort
from perennial.records import SplitPlan
from perennial.train import Fold, make_folds, plan_fit, plan_split
from tests.paths import ROOT

LAPSE = load_model(ROOT / "models" / "lapse.toml")


def mondays(first: date, count: int) -> tuple[date, ...]:
    return tuple(first + timedelta(days=7 * week) for week in range(count))


def test_the_split_of_the_first_training_of_the_demo():
    plan = plan_split(LAPSE, mondays(date(2017, 3, 27), 27), date(2017, 10, 30))
    expected = SplitPlan(mondays(date(2017, 3, 27), 20), mondays(date(2017, 9, 4), 4), knowledge_lag_days=84)
    assert expected == plan


def test_the_folds_of_the_first_training_of_the_demo():
    folds = make_folds(mondays(date(2017, 3, 27), 20), 5, timedelta(days=28))
    assert [
        Fold(mondays(date(2017, 3, 27), 7 + 2 * step), mondays(date(2017, 6, 5) + timedelta(days=14 * step), 2))
        for step in range(5)
    ] == list(folds)


def test_a_history_too_short_to_train_says_when_there_will_be_enough():
    # Eight can train once 03-27 .. 05-15 lie an embargo before 06-12 .. 07-03, which matures on 08-02.
    with pytest.raises(HistoryTooShort, match=r"7 as_ofs can train \(of 14 matured.*enough on 2017-08-02"):
        plan_split(LAPSE, mondays(date(2017, 3, 27), 14), date(2017, 7, 26))


def test_a_history_that_is_just_long_enough_is_trained_on():
    assert len(plan_split(LAPSE, mondays(date(2017, 3, 27), 15), date(2017, 8, 2)).training) == 8


def test_without_any_matured_as_of_the_date_follows_from_the_day_of_the_training():
    with pytest.raises(HistoryTooShort, match="0 as_ofs can train"):
        plan_split(LAPSE, (), date(2017, 4, 3))


def test_a_short_history_gives_fewer_folds():
    folds = make_folds(mondays(date(2017, 3, 27), 6), 5, timedelta(days=28))
    assert [Fold((date(2017, 3, 27),), (date(2017, 4, 24),)), Fold(mondays(date(2017, 3, 27), 2), (date(2017, 5, 1),))] == list(
        folds
    )


def test_a_missing_week_moves_no_fold_into_the_embargo():
    folds = make_folds((date(2017, 3, 27), date(2017, 4, 3), date(2017, 5, 8)), 5, timedelta(days=28))
    assert [Fold(mondays(date(2017, 3, 27), 2), (date(2017, 5, 8),))] == list(folds)


# A fit, by which nothing is chosen
def test_a_fit_learns_from_the_newest_as_ofs_and_holds_nothing_out():
    matured = mondays(date(2017, 3, 6), 30)
    plan = plan_fit(LAPSE, matured, date(2017, 10, 30))
    assert plan == SplitPlan(matured[-26:], (), knowledge_lag_days=35)
    assert plan.trained_for == date(2017, 10, 30)


def test_a_fit_counts_every_as_of_once_whatever_their_order():
    matured = mondays(date(2017, 3, 27), 5)
    assert plan_fit(LAPSE, (*matured[::-1], matured[0]), date(2017, 6, 5)).training == matured


def test_one_as_of_is_enough_for_a_fit():
    assert plan_fit(LAPSE, (date(2017, 3, 27),), date(2017, 5, 1)).training == (date(2017, 3, 27),)


def test_without_anything_to_learn_from_a_fit_says_when_there_will_be_something():
    """On 2017-05-01 the labels of 03-27 are complete (04-26); those of 04-03 will be on 05-03."""
    with pytest.raises(HistoryTooShort, match=r"no as_of that can teach has matured; the next does on 2017-05-03, if"):
        plan_fit(LAPSE, (), date(2017, 5, 1))
