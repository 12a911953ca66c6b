"""What holds for every set of scores and labels."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perennial.metrics import auc_with_interval, mean_auc, paired_auc_difference, paired_loss_difference


@st.composite
def worlds(draw):
    """Scores of two models (with ties) and labels of both classes on one to three as_ofs."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    days, entities, levels = draw(st.integers(1, 3)), draw(st.integers(4, 30)), draw(st.integers(2, 50))
    index = pd.MultiIndex.from_product(
        [pd.date_range("2017-09-04", periods=days, freq="7D"), range(entities)], names=["as_of", "entity_id"]
    )
    labels = pd.Series(rng.integers(0, 2, len(index)), index=index)
    labels.iloc[:2] = [0, 1]
    ours, theirs = (pd.Series(rng.integers(1, levels, len(index)) / levels, index=index) for _ in range(2))
    return ours, theirs, labels, rng


@given(worlds())
@settings(deadline=None, max_examples=50)
def test_swapping_champion_and_challenger_flips_the_sign(world):
    ours, theirs, labels, _ = world
    forth, back = paired_auc_difference(ours, theirs, labels), paired_auc_difference(theirs, ours, labels)
    assert (forth.estimate, forth.low, forth.high) == pytest.approx((-back.estimate, -back.high, -back.low))


@given(worlds())
@settings(deadline=None, max_examples=50)
def test_reordering_rows_changes_nothing(world):
    ours, theirs, labels, rng = world
    shuffled = [series.iloc[rng.permutation(len(series))] for series in (ours, theirs, labels)]
    for measure in (paired_auc_difference, paired_loss_difference):
        before, after = measure(ours, theirs, labels), measure(*shuffled)
        assert (before.estimate, before.standard_error) == pytest.approx((after.estimate, after.standard_error), abs=1e-12)


@given(worlds())
@settings(deadline=None, max_examples=50)
def test_only_the_order_of_scores_matters_to_the_auc(world):
    ours, _, labels, _ = world
    assert mean_auc(np.log(ours), labels) == pytest.approx(mean_auc(ours, labels))
    assert mean_auc(-ours, labels) == pytest.approx(1 - mean_auc(ours, labels))


@given(st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=20, derandomize=True)
def test_random_labels_give_an_auc_of_one_half_within_four_standard_errors(seed):
    rng = np.random.default_rng(seed)
    index = pd.MultiIndex.from_product([pd.date_range("2017-09-04", periods=4, freq="7D"), range(500)])
    scores = pd.Series(np.tile(rng.random(500), 4), index=index)
    auc = auc_with_interval(scores, pd.Series(rng.integers(0, 2, 2000), index=index))
    assert abs(auc.estimate - 0.5) < 4 * auc.standard_error
