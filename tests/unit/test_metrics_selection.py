"""Average precision, precision at recall and calibration, with their bootstrap of entities."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score

from perennial.errors import MetricNotFinite, OneClassLabels
from perennial.metrics import (
    average_precision,
    calibration_error,
    paired_auc_difference,
    paired_bootstrap_difference,
    precision_at_recall,
    prepare_average_precision,
    prepare_calibration_error,
    prepare_precision_at_recall,
)
from perennial.metrics.auc import mean_auc
from perennial.metrics.panel import make_panel


def series(values, index):
    return pd.Series(values, index=index)


def one_day(scores, labels):
    index = pd.MultiIndex.from_product([[pd.Timestamp("2017-09-04")], range(len(scores))], names=["as_of", "entity_id"])
    return series(scores, index), series(labels, index)


@pytest.fixture(scope="module")
def world():
    rng = np.random.default_rng(3)
    index = pd.MultiIndex.from_product(
        [pd.date_range("2017-09-04", periods=4, freq="7D"), range(300)], names=["as_of", "entity_id"]
    )
    risk = np.tile(rng.normal(size=300), 4) - 1.5
    true = 1 / (1 + np.exp(-risk))
    labels = series((rng.random(1200) < true).astype(int), index)
    noisy = 1 / (1 + np.exp(-(risk + rng.normal(size=1200))))
    return series(true.round(2), index), series(noisy.round(2), index), labels


def test_average_precision_is_the_mean_over_as_ofs_of_scikit_learns(world):
    good, _, labels = world
    by_day = [average_precision_score(labels.xs(day), good.xs(day)) for day in labels.index.levels[0]]
    assert average_precision(good, labels) == pytest.approx(np.mean(by_day), abs=1e-12)


@pytest.mark.parametrize(
    ("recall", "precision"),
    [
        (0.2, 1.0),  # the first row is one of four positives
        (0.5, 2 / 3),  # two positives within the first three
        (0.8, 4 / 7),  # all four are needed
    ],
)
def test_precision_at_recall_takes_the_smallest_top_group(recall, precision):
    scores, labels = one_day([0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2], [1, 0, 1, 0, 1, 0, 1, 0])
    assert precision_at_recall(scores, labels, recall=recall) == pytest.approx(precision)


def test_equal_scores_are_chosen_together():
    scores, labels = one_day([0.9, 0.9, 0.9, 0.1], [1, 0, 0, 1])
    assert precision_at_recall(scores, labels, recall=0.5) == pytest.approx(1 / 3)


def test_calibration_error_is_the_gap_between_what_was_said_and_what_happened():
    scores, labels = one_day([0.2] * 10 + [0.7] * 10, [1] * 2 + [0] * 8 + [1] * 9 + [0])
    assert calibration_error(scores, labels) == pytest.approx((0 + 0.2) / 2)


def test_the_bootstrap_agrees_with_influence_values_where_both_exist(world):
    good, noisy, labels = world

    def prepare_auc(panel, scores):
        return lambda weights: np.array(
            [mean_auc(*repeat(series(scores, panel.index), series(panel.is_positive * 1, panel.index), row)) for row in weights]
        )

    drawn = paired_bootstrap_difference(prepare_auc, (good, noisy), labels, confidence=0.95, seed=1)
    exact = paired_auc_difference(good, noisy, labels)
    assert drawn.estimate == pytest.approx(exact.estimate)
    assert drawn.standard_error == pytest.approx(exact.standard_error, rel=0.12)


def repeat(scores, labels, weights):
    rows = np.repeat(np.arange(len(scores)), weights.astype(int))
    unique = pd.MultiIndex.from_arrays([labels.index.get_level_values(0)[rows], np.arange(len(rows))])
    return scores.iloc[rows].set_axis(unique), labels.iloc[rows].set_axis(unique)


@pytest.mark.parametrize(
    ("prepare", "metric"),
    [
        (prepare_average_precision, average_precision),
        (prepare_precision_at_recall(0.8), partial(precision_at_recall, recall=0.8)),
    ],
)
def test_weights_mean_that_a_row_is_there_so_often(world, prepare, metric):
    good, _, labels = world
    weights = np.random.default_rng(5).integers(0, 3, len(labels)).astype(float)
    panel = make_panel(labels)
    assert prepare(panel, panel.align(good))(weights[None, :])[0] == pytest.approx(metric(*repeat(good, labels, weights)))


@pytest.mark.parametrize("prepare", [prepare_average_precision, prepare_precision_at_recall(0.8), prepare_calibration_error])
def test_the_same_seed_gives_the_same_interval_in_any_order_of_rows(world, prepare):
    good, noisy, labels = world
    shuffle = np.random.default_rng(2).permutation(len(labels))
    straight = paired_bootstrap_difference(prepare, (good, noisy), labels, confidence=0.95, seed=1)
    shuffled = paired_bootstrap_difference(prepare, (good, noisy), labels.iloc[shuffle], confidence=0.95, seed=1)
    assert (straight.estimate, straight.standard_error) == pytest.approx((shuffled.estimate, shuffled.standard_error))


def test_the_true_probabilities_choose_better_and_are_better_calibrated_than_noisy_ones(world):
    good, noisy, labels = world
    chooses = paired_bootstrap_difference(prepare_average_precision, (good, noisy), labels, confidence=0.95, seed=1)
    misses = paired_bootstrap_difference(prepare_calibration_error, (good, noisy), labels, confidence=0.95, seed=1)
    assert chooses.low > 0 > misses.high


def test_one_class_leaves_nothing_to_choose_from():
    scores, labels = one_day([0.9, 0.1], [0, 0])
    with pytest.raises(OneClassLabels):
        average_precision(scores, labels)


def test_a_metric_that_is_nan_is_an_error(world):
    good, noisy, labels = world
    with pytest.raises(MetricNotFinite, match="0 of 400 replicates"):
        paired_bootstrap_difference(
            lambda panel, scores: lambda weights: np.full(len(weights), np.nan), (good, noisy), labels, confidence=0.95, seed=1
        )
