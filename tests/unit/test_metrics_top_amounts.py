"""Totals, tenths and the k highest predictions, against scikit-learn and closed forms."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import ndcg_score

from perennial.errors import MetricNotFinite, OneClassLabels
from perennial.metrics import (
    amount_bins,
    bias_size,
    coverage_gap,
    ndcg_at,
    paired_amounts_difference,
    paired_bias_size_difference,
    paired_coverage_gap_difference,
    prepare_ndcg_at,
    prepare_value_at,
    total_bias,
    total_bias_with_interval,
    value_at,
)
from perennial.metrics.panel import make_amounts
from perennial.metrics.totals import estimate_total_bias
from tests.amounts import agree, leave_out_entities, make_world


@pytest.fixture(scope="module")
def world():
    return make_world()


def one_day(predictions, labels):
    index = pd.MultiIndex.from_product([[pd.Timestamp("2017-09-04")], range(len(labels))], names=["as_of", "entity_id"])
    return pd.Series(predictions, index=index, dtype=float), pd.Series(labels, index=index, dtype=float)


def test_the_total_bias_is_the_sum_predicted_over_the_sum_realised(world):
    good, _, labels = world
    assert total_bias(good, labels) == pytest.approx(good.sum() / labels.sum())
    assert total_bias(labels * 1.2, labels) == pytest.approx(1.2)


def test_the_influence_on_the_total_bias_is_that_of_leaving_out_entities(world):
    good, _, labels = world
    rows = make_amounts(labels)
    found = np.bincount(rows.entities, weights=estimate_total_bias(rows, rows.align(good)).influence)
    likeness, slope = agree(found, leave_out_entities(total_bias, good, labels))
    assert likeness >= 0.999
    assert slope == pytest.approx(1, abs=0.04)
    assert found.sum() == pytest.approx(0, abs=1e-12)


def test_the_difference_of_biases_says_whose_sum_is_further_off(world):
    _, _, labels = world
    assert bias_size(labels * 0.7, labels) == pytest.approx(0.3)
    assert bias_size(-labels * 0.7, -labels) == pytest.approx(0.3), "amounts below 0 count by their size"
    for ours, theirs in ((0.7, 1.2), (1.3, 0.8)):
        found = paired_bias_size_difference(labels * ours + 0.01, labels * theirs, labels)
        assert found.estimate == pytest.approx(0.1, abs=0.02)
        assert found.low < found.estimate < found.high


def test_a_quantile_is_right_where_its_share_comes_to_no_more():
    """Of labels 0 to 9 eight come to 7 at most, and five to 4."""
    entities = range(10)
    index = pd.MultiIndex.from_product([[pd.Timestamp("2017-09-04")], entities], names=["as_of", "entity_id"])
    labels = pd.Series(np.arange(10.0), index=index)
    seven, four = labels * 0 + 7, labels * 0 + 4
    assert coverage_gap(seven, labels, quantile=0.8) == pytest.approx(0)
    assert coverage_gap(four, labels, quantile=0.8) == pytest.approx(0.3)
    found = paired_coverage_gap_difference(four, seven, labels, quantile=0.8)
    assert found.estimate == pytest.approx(0.3)
    assert found.low < found.estimate < found.high


def test_labels_that_are_all_0_have_no_size_of_a_bias(world):
    _, _, labels = world
    with pytest.raises(MetricNotFinite, match="labels are 0"):
        bias_size(labels, labels * 0)


def test_labels_without_a_total_have_no_bias(world):
    good, _, labels = world
    with pytest.raises(MetricNotFinite, match="add up to 0"):
        total_bias_with_interval(good, labels * 0)


def test_tenths_hold_all_rows_and_their_means(world):
    good, _, labels = world
    found = amount_bins(good, labels)
    assert sum(each.rows for each in found) == len(labels)
    assert sum(each.rows * each.mean_predicted for each in found) == pytest.approx(good.sum())
    assert sum(each.rows * each.realised.estimate for each in found) == pytest.approx(labels.sum())
    assert [each.mean_predicted for each in found] == sorted(each.mean_predicted for each in found)


def test_the_interval_of_a_tenth_is_clustered_by_entity():
    day = pd.date_range("2017-09-04", periods=4, freq="7D")
    index = pd.MultiIndex.from_product([day, range(20)], names=["as_of", "entity_id"])
    labels = pd.Series(np.tile(np.arange(20.0), 4), index=index)
    (only,) = amount_bins(labels * 0 + 1, labels)
    assert only.realised.standard_error == pytest.approx(np.std(np.arange(20), ddof=1) / np.sqrt(20))


@pytest.mark.parametrize("k", [1, 7, 40, 10_000])
def test_ndcg_is_the_mean_over_as_ofs_of_scikit_learns_with_ties(world, k):
    good, _, labels = world
    expected = [ndcg_score([labels.xs(day)], [good.round(0).xs(day)], k=k) for day in labels.index.unique("as_of")]
    assert ndcg_at(good.round(0), labels, k=k) == pytest.approx(np.mean(expected), rel=1e-12)


def test_the_value_of_the_k_highest_is_the_sum_of_their_labels(world):
    good, _, labels = world
    predictions = good + np.random.default_rng(1).random(len(good)) * 1e-9
    expected = [labels.xs(day)[predictions.xs(day).nlargest(20).index].sum() for day in labels.index.unique("as_of")]
    assert value_at(predictions, labels, k=20) == pytest.approx(np.mean(expected))


def test_of_equal_predictions_at_the_end_of_the_list_each_counts_in_part():
    predictions, labels = one_day([3, 2, 2, 1], [5, 10, 0, 7])
    assert value_at(predictions, labels, k=2) == 10
    assert value_at(predictions, labels, k=100) == 22


@pytest.mark.parametrize("prepare", [prepare_value_at, prepare_ndcg_at])
def test_a_row_of_weight_two_is_a_row_that_is_there_twice(world, prepare):
    good, _, labels = world
    rows = make_amounts(labels)
    weights = np.random.default_rng(2).integers(0, 3, rows.rows).astype(float)
    twice = np.repeat(np.arange(rows.rows), weights.astype(int))
    index = pd.MultiIndex.from_arrays([labels.index.get_level_values("as_of")[twice], range(len(twice))])
    there = make_amounts(labels.iloc[twice].set_axis(index))
    expected = prepare(30)(there, good.to_numpy()[twice])(np.ones((1, there.rows)))
    assert prepare(30)(rows, good.to_numpy())(weights[np.newaxis]) == pytest.approx(expected)


@pytest.mark.parametrize(("prepare", "measure"), [(prepare_value_at, value_at), (prepare_ndcg_at, ndcg_at)])
def test_the_bootstrap_draws_entities(world, prepare, measure):
    good, poor, labels = world
    gain = paired_amounts_difference(prepare(30), (good, poor), labels, confidence=0.95, seed=7)
    same = paired_amounts_difference(prepare(30), (good, good), labels, confidence=0.95, seed=7)
    assert gain.low < gain.estimate < gain.high
    assert gain.estimate == pytest.approx(measure(good, labels, k=30) - measure(poor, labels, k=30))
    assert (same.estimate, same.standard_error) == (0, 0)


def test_an_as_of_on_which_nobody_spent_has_no_ndcg():
    predictions, labels = one_day([3, 2, 1], [0, 4, 0])
    later = [each.set_axis(each.index.set_levels([pd.Timestamp("2017-09-11")], level=0)) for each in (predictions, labels * 0)]
    both = [pd.concat(pair) for pair in zip((predictions, labels), later, strict=True)]
    assert ndcg_at(*both, k=3) == pytest.approx(1 / np.log2(3))
    with pytest.raises(OneClassLabels, match="0 above it"):
        ndcg_at(*later, k=3)
    with pytest.raises(OneClassLabels, match="1 labels lie below 0"):
        ndcg_at(predictions, labels.replace(4, -4), k=3)
