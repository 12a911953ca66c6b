"""Folds and splits for any history: time-ordered, embargoed, nothing seen twice."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perennial.config import load_model
from perennial.errors import HistoryTooShort
from perennial.train import make_folds, plan_split
from tests.paths import ROOT

LAPSE = load_model(ROOT / "models" / "lapse.toml")
EMBARGO = timedelta(days=28)
FIRST = date(2017, 3, 27)

histories = st.sets(st.integers(min_value=0, max_value=80), min_size=1, max_size=60).map(
    lambda weeks: tuple(FIRST + timedelta(days=7 * week) for week in sorted(weeks))
)
long_histories = histories.filter(lambda days: days[-1] - days[0] >= EMBARGO)
fold_counts = st.integers(min_value=1, max_value=8)


@given(long_histories, fold_counts)
def test_every_training_as_of_lies_at_least_the_embargo_before_every_validation_as_of(days, count):
    folds = make_folds(days, count, EMBARGO)
    assert all(fold.validation[0] - fold.training[-1] >= EMBARGO for fold in folds)


@given(long_histories, fold_counts)
def test_no_as_of_is_validated_twice(days, count):
    validated = [day for fold in make_folds(days, count, EMBARGO) for day in fold.validation]
    assert sorted(set(validated)) == validated


@given(long_histories, fold_counts)
def test_later_folds_train_on_all_that_earlier_folds_trained_on(days, count):
    folds = make_folds(days, count, EMBARGO)
    assert all(set(older.training) <= set(newer.training) for older, newer in pairwise(folds))


@given(long_histories, fold_counts)
def test_the_newest_training_as_of_is_validated(days, count):
    assert make_folds(days, count, EMBARGO)[-1].validation[-1] == days[-1]


@given(long_histories, fold_counts)
def test_there_are_between_one_and_the_asked_for_number_of_folds(days, count):
    assert 1 <= len(make_folds(days, count, EMBARGO)) <= count


@given(long_histories, fold_counts, st.randoms())
def test_the_order_of_the_as_ofs_does_not_matter(days, count, random):
    shuffled = random.sample(days, len(days))
    assert make_folds(shuffled, count, EMBARGO) == make_folds(days, count, EMBARGO)


@given(histories.filter(lambda days: days[-1] - days[0] < EMBARGO), fold_counts)
def test_a_history_within_one_embargo_has_no_folds(days, count):
    with pytest.raises(HistoryTooShort):
        make_folds(days, count, EMBARGO)


enough = st.integers(min_value=15, max_value=60).map(
    lambda weeks: tuple(FIRST + timedelta(days=7 * week) for week in range(weeks))
)


@given(enough)
def test_a_plan_keeps_the_embargo_between_training_and_holdout(matured):
    plan = plan_split(LAPSE, matured, matured[-1] + timedelta(days=35))
    assert plan.holdout[0] - plan.training[-1] == EMBARGO


@given(enough)
def test_a_plan_holds_out_the_newest_matured_as_ofs(matured):
    plan = plan_split(LAPSE, matured, matured[-1] + timedelta(days=35))
    assert plan.holdout == matured[-4:]


@given(enough)
def test_a_plan_trains_on_no_more_as_ofs_than_the_model_allows(matured):
    plan = plan_split(LAPSE, matured, matured[-1] + timedelta(days=35))
    assert LAPSE.training.min_as_ofs <= len(plan.training) <= LAPSE.training.as_ofs
