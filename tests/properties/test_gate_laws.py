"""What holds for every gain and every sequence of looks."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from perennial.compare.boundaries import find_boundary, relate_looks
from perennial.compare.spending import measure_information, spend
from perennial.metrics import paired_auc_by_day, paired_auc_difference

shares = st.floats(0, 1)


@st.composite
def worlds(draw):
    """Scores of two models and labels on some as_ofs, of which not all households are there on all."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    as_ofs, entities = draw(st.integers(2, 6)), draw(st.integers(6, 40))
    index = pd.MultiIndex.from_product(
        [pd.date_range("2017-09-04", periods=as_ofs, freq="7D"), range(entities)], names=["as_of", "entity_id"]
    )
    index = index[(rng.random(len(index)) < 0.8) | (np.arange(len(index)) < 2)]
    labels = pd.Series(rng.integers(0, 2, len(index)), index=index)
    labels.iloc[:2] = [0, 1]
    ours, theirs = (pd.Series(rng.random(len(index)).round(2), index=index) for _ in range(2))
    return ours, theirs, labels, rng


@st.composite
def covariances(draw):
    """Of the gains of four to eight as_ofs."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    as_ofs = draw(st.integers(4, 8))
    mixed = rng.standard_normal((as_ofs + 3, as_ofs)) * rng.uniform(0.3, 2, as_ofs)
    return mixed.T @ mixed


@given(worlds())
@settings(deadline=None, max_examples=60)
def test_the_mean_over_as_ofs_and_its_error_are_those_of_the_paired_difference(world):
    ours, theirs, labels, _ = world
    daily, plain = paired_auc_by_day(ours, theirs, labels), paired_auc_difference(ours, theirs, labels)
    assert (daily.estimate, daily.standard_error) == pytest.approx((plain.estimate, plain.standard_error), abs=1e-12)


@given(worlds())
@settings(deadline=None, max_examples=60)
def test_the_error_of_the_mean_is_the_mean_of_the_covariances(world):
    ours, theirs, labels, _ = world
    daily = paired_auc_by_day(ours, theirs, labels)
    assert daily.standard_error**2 == pytest.approx(daily.covariance.mean(), abs=1e-15)


@given(worlds())
@settings(deadline=None, max_examples=40)
def test_reordering_rows_changes_neither_gains_nor_covariances(world):
    ours, theirs, labels, rng = world
    before = paired_auc_by_day(ours, theirs, labels)
    after = paired_auc_by_day(*(series.iloc[rng.permutation(len(series))] for series in (ours, theirs, labels)))
    assert after.as_ofs == before.as_ofs
    assert np.allclose(after.gains, before.gains, atol=1e-12)
    assert np.allclose(after.covariance, before.covariance, atol=1e-12)


@given(worlds())
@settings(deadline=None, max_examples=40)
def test_swapping_the_two_flips_the_gains_and_keeps_the_covariances(world):
    ours, theirs, labels, _ = world
    forth, back = paired_auc_by_day(ours, theirs, labels), paired_auc_by_day(theirs, ours, labels)
    assert np.allclose(forth.gains, -back.gains, atol=1e-12)
    assert np.allclose(forth.covariance, back.covariance, atol=1e-12)


@given(shares, shares, st.floats(1e-6, 0.1))
def test_spending_grows_with_information_and_never_passes_alpha(one, other, alpha):
    less, more = sorted((one, other))
    assert 0 <= spend(alpha, less) <= spend(alpha, more) <= alpha


@given(covariances())
@settings(deadline=None, max_examples=60)
def test_every_look_knows_more_than_the_one_before(covariance):
    known = [0.0]
    for count in range(3, len(covariance) + 1):
        part = covariance[:count, :count]
        known.append(measure_information(part, final=len(covariance), overlap=4, former=known[-1]))
    assert all(before < after for before, after in pairwise(known))
    assert known[-1] == 1


@given(covariances(), st.floats(1e-5, 1e-2), st.integers(0, 99))
@settings(deadline=None, max_examples=15)
def test_a_boundary_lies_between_the_quantiles_of_what_is_spent_now_and_in_all(covariance, error, seed):
    """To have crossed before can only lower it, and by no more than was spent before."""
    before = norm.isf(error)
    height = find_boundary(relate_looks(covariance, (3, len(covariance))), [before], error, seed=seed)
    assert norm.isf(2 * error) - 0.05 <= height <= before + 0.05
