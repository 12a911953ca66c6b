"""Metrics that have no influence values, and their paired differences, by drawing entities with replacement.

Source: B. Efron, R. J. Tibshirani, "An Introduction to the Bootstrap" (1993), chapters 6 and 13: the standard error,
and the normal interval, which unlike the percentiles does not inherit the bias of a metric such as calibration error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from statistics import NormalDist

import numpy as np
import pandas as pd

from perennial.errors import MetricNotFinite
from perennial.metrics.panel import AlignedRows, Floats, make_amounts, make_panel
from perennial.metrics.selection import AmountMetric, Metric, Reweighted, Rows, evaluate
from perennial.records import Interval

REPLICATES = 400  # the standard error is then known to 4 %: 1 / sqrt(2 * 400)
MOST_WEIGHTS = 4_000_000  # held at a time: 32 MB


def paired_bootstrap_difference(
    metric: Metric,
    scores: tuple[pd.Series, pd.Series],
    labels: pd.Series,
    *,
    confidence: float,
    seed: int,
) -> Interval:
    """The metric of the first scores minus that of the second; an entity is drawn with all its rows.

    Raises:
        MetricNotFinite: the metric is NaN, on the rows as they are or in every replicate.
    """
    return _draw_difference(metric, make_panel(labels), scores, confidence, seed)


def paired_amounts_difference(
    metric: AmountMetric,
    predictions: tuple[pd.Series, pd.Series],
    labels: pd.Series,
    *,
    confidence: float,
    seed: int,
) -> Interval:
    """As `paired_bootstrap_difference`, for labels that are amounts.

    Raises:
        MetricNotFinite: the metric is NaN, on the rows as they are or in every replicate.
    """
    return _draw_difference(metric, make_amounts(labels), predictions, confidence, seed)


def bootstrap_interval(metric: Metric, scores: pd.Series, labels: pd.Series, *, confidence: float, seed: int) -> Interval:
    """The metric itself with its interval; an entity is drawn with all its rows.

    Raises:
        MetricNotFinite: the metric is NaN, on the rows as they are or in every replicate.
    """
    rows = make_panel(labels)
    return bootstrap_reweighted(metric(rows, rows.align(scores)), rows, confidence=confidence, seed=seed)


def bootstrap_reweighted(reweigh: Reweighted, rows: AlignedRows, *, confidence: float, seed: int) -> Interval:
    """A figure that answers for any weights of the rows, with its interval; an entity is drawn with all its rows.

    Raises:
        MetricNotFinite: the figure is NaN, on the rows as they are or in every replicate.
    """
    estimate = float(reweigh(np.ones((1, rows.rows)))[0])
    drawn = np.concatenate([reweigh(weights) for weights in _draw_entities(rows, seed)])
    return _spread(estimate, drawn, confidence)


def _draw_difference(
    metric: Callable[[Rows, Floats], Reweighted], rows: Rows, scores: tuple[pd.Series, pd.Series], confidence: float, seed: int
) -> Interval:
    first, second = (rows.align(each) for each in scores)
    estimate = evaluate(metric, rows, first) - evaluate(metric, rows, second)
    ours, theirs = metric(rows, first), metric(rows, second)
    drawn = np.concatenate([ours(weights) - theirs(weights) for weights in _draw_entities(rows, seed)])
    return _spread(estimate, drawn, confidence)


def _spread(estimate: float, drawn: Floats, confidence: float) -> Interval:
    finite = drawn[np.isfinite(drawn)]
    if not np.isfinite(estimate) or len(finite) <= REPLICATES // 2:
        raise MetricNotFinite(f"A metric came out as {estimate}, with {len(finite)} of {REPLICATES} replicates finite.")
    standard_error = float(finite.std(ddof=1))
    reach = NormalDist().inv_cdf((1 + confidence) / 2) * standard_error
    return Interval(estimate, estimate - reach, estimate + reach, standard_error)


def _draw_entities(panel: AlignedRows, seed: int) -> Iterator[Floats]:
    """Row weights of all replicates, some at a time: how often the entity of each row was drawn."""
    rng = np.random.default_rng(seed)
    count = panel.entity_count
    at_a_time = max(1, MOST_WEIGHTS // panel.rows)
    for done in range(0, REPLICATES, at_a_time):
        replicates = min(at_a_time, REPLICATES - done)
        times_drawn = rng.multinomial(count, np.full(count, 1 / count), size=replicates)
        yield times_drawn[:, panel.entities].astype(np.float64)
