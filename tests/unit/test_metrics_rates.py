"""Shares with influence values, and what is found within a capacity, against hand computation and a bootstrap of entities."""

import numpy as np
import pandas as pd
import pytest

from perennial.errors import MetricNotFinite
from perennial.metrics.capacity import precision_at_capacity, prepare_precision_at_capacity
from perennial.metrics.clustered import clustered_interval
from perennial.metrics.panel import make_panel
from perennial.metrics.rates import share
from tests.harm_worlds import draw_contest

YES, NO = True, False


def draw(rows):
    """Scores and labels of one as_of, from pairs."""
    index = pd.MultiIndex.from_product([pd.to_datetime(["2017-09-11"]), range(len(rows))], names=["as_of", "entity_id"])
    scores, labels = zip(*rows, strict=True)
    return pd.Series(scores, index=index), pd.Series(labels, index=index)


def test_a_share_is_of_the_rows_that_count():
    found = share(np.array([YES, YES, NO, YES]), np.array([YES, NO, YES, YES]))
    assert found.value == pytest.approx(2 / 3)
    assert found.influence == pytest.approx([1 / 9, 0, -2 / 9, 1 / 9])


def test_a_share_of_nothing_is_an_error():
    with pytest.raises(MetricNotFinite, match="No row counts"):
        share(np.array([YES]), np.array([NO]))


def test_a_distance_carries_the_influence_of_its_direction():
    one, other = share(np.array([NO, YES]), np.array([YES, YES])), share(np.array([YES, YES]), np.array([YES, YES]))
    assert abs(one - other).value == 0.5
    assert abs(one - other).influence == pytest.approx([0.25, -0.25])


def test_the_error_of_a_difference_of_shares_is_that_of_a_bootstrap_of_entities():
    contest = draw_contest(entities=250)
    panel = make_panel(contest.labels)
    ours, theirs = (side.scores.to_numpy() >= 0.5 for side in (contest.challenger, contest.champion))
    difference = share(~ours, panel.is_positive) - share(~theirs, panel.is_positive)
    rng = np.random.default_rng(11)
    drawn = []
    for _ in range(500):
        times = np.bincount(rng.integers(0, 250, 250), minlength=250)[panel.entities] * panel.is_positive
        drawn.append(((~ours * 1.0 - ~theirs) * times).sum() / times.sum())
    standard_error = clustered_interval(difference.value, difference.influence, panel, confidence=0.95).standard_error
    assert standard_error == pytest.approx(np.std(drawn), rel=0.12)


@pytest.mark.parametrize(("capacity", "precision"), [(1, 1), (2, 1 / 2), (3, 2 / 3), (4, 1 / 2), (9, 1 / 2)])
def test_a_capacity_takes_the_highest_scores_of_a_day(capacity, precision):
    scores, labels = draw([(0.9, 1), (0.8, 0), (0.7, 1), (0.1, 0)])
    assert precision_at_capacity(scores, labels, capacity=capacity) == pytest.approx(precision)


def test_equal_scores_at_the_end_of_the_list_count_in_part():
    """One place is left for three of equal score, two of them positive: two thirds of a positive is found there."""
    scores, labels = draw([(0.9, 1), (0.5, 1), (0.5, 0), (0.5, 1), (0.1, 0)])
    assert precision_at_capacity(scores, labels, capacity=2) == pytest.approx((1 + 2 / 3) / 2)


def test_days_count_alike_whatever_their_positives():
    first, second = draw([(0.9, 1), (0.1, 0)]), draw([(0.9, 0), (0.1, 0)])
    later = [series.rename(lambda day: day + pd.Timedelta(days=7), level="as_of") for series in second]
    scores, labels = (pd.concat(both) for both in zip(first, later, strict=True))
    assert precision_at_capacity(scores, labels, capacity=1) == 0.5


def test_an_entity_drawn_twice_takes_two_places():
    scores, labels = draw([(0.9, 1), (0.8, 0), (0.7, 1)])
    panel = make_panel(labels)
    reweigh = prepare_precision_at_capacity(2)(panel, panel.align(scores))
    assert reweigh(np.array([[1.0, 1, 1], [2, 1, 0], [0, 2, 1], [0, 0, 1]])) == pytest.approx([1 / 2, 1, 0, 1])
