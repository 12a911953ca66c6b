"""The points of a reliability diagram: tenths of the rows, and intervals that know that entities return."""

import numpy as np
import pandas as pd
import pytest

from perennial.metrics import bootstrap_interval, loss_with_interval, prepare_calibration_error, reliability_bins


def make_rows(labels, days=1, entities=None):
    """Rows of `days` as_ofs, one for each entity and day; labels may be a function of the score."""
    entities = entities or len(labels) // days
    index = pd.MultiIndex.from_product(
        [pd.date_range("2017-05-01", periods=days, freq="7D"), range(entities)], names=["as_of", "entity_id"]
    )
    return pd.Series(labels, index=index)


def draw_calibrated(entities=4000, days=1, seed=3):
    rng = np.random.default_rng(seed)
    scores = make_rows(rng.uniform(0, 0.5, entities * days), days)
    return scores, (pd.Series(rng.uniform(size=len(scores)), scores.index) < scores).astype("int64")


def test_true_probabilities_lie_within_their_intervals_in_nearly_every_bin():
    scores, labels = draw_calibrated()
    bins = reliability_bins(scores, labels)
    assert [400] * 10 == [each.rows for each in bins]
    assert sorted(each.mean_score for each in bins) == [each.mean_score for each in bins]
    assert 8 <= sum(each.share.low <= each.mean_score <= each.share.high for each in bins)


def test_overconfident_scores_lie_outside_their_intervals():
    scores, labels = draw_calibrated()
    highest = reliability_bins((scores * 2).clip(upper=1.0), labels)[-1]
    assert highest.mean_score > highest.share.high + 0.2


def test_a_bin_in_which_nothing_happened_still_has_a_width():
    scores = make_rows(np.linspace(0.0, 1.0, 100))
    lowest = reliability_bins(scores, (scores > 0.5).astype("int64"))[0]
    assert (0.0, 0.0) == (lowest.share.estimate, lowest.share.low)
    assert 0.2 < lowest.share.high < 0.35  # Wilson for none of ten: .278


def test_an_entity_that_returns_every_week_is_one_piece_of_evidence():
    rng = np.random.default_rng(5)
    once = (rng.uniform(size=300) < 0.3).astype("int64")
    alone = reliability_bins(make_rows(np.full(300, 0.3)), make_rows(once))[0].share
    fourfold = reliability_bins(make_rows(np.full(1200, 0.3), days=4), make_rows(np.tile(once, 4), days=4))[0].share
    assert pytest.approx(alone.high, abs=0.002) == fourfold.high


def test_equal_scores_share_a_bin():
    scores = make_rows(np.repeat([0.1, 0.4], 50))
    bins = reliability_bins(scores, make_rows(np.tile([0, 1], 50)))
    assert [(50, 0.1), (50, 0.4)] == [(each.rows, pytest.approx(each.mean_score)) for each in bins]


def test_a_loss_has_an_interval_around_its_mean():
    scores, labels = draw_calibrated(entities=500, days=4)
    found = loss_with_interval(scores, labels, loss="brier")
    assert found.low < found.estimate < found.high
    assert pytest.approx(float(((scores - labels) ** 2).mean())) == found.estimate


def test_a_metric_without_influence_values_is_drawn_the_same_each_time():
    scores, labels = draw_calibrated(entities=300, days=2)
    first = bootstrap_interval(prepare_calibration_error, scores, labels, confidence=0.95, seed=7)
    assert first == bootstrap_interval(prepare_calibration_error, scores, labels, confidence=0.95, seed=7)
    assert first.low < first.estimate < first.high
