"""Do predicted amounts add up? The sum of all that was predicted over the sum of all that came, with its interval.

1 is right on the whole, 1.2 promised a fifth too much. As_ofs are pooled: money is added up, not averaged. The influence of
a row on a ratio of two sums is the delta method's: (predicted - ratio * realised) / sum realised.

Source: W. G. Cochran, "Sampling Techniques" (1977), chapter 6, for the ratio; clusters as in `clustered`.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from perennial.errors import MetricNotFinite
from perennial.metrics.clustered import clustered_interval
from perennial.metrics.panel import Amounts, Floats, make_amounts
from perennial.metrics.rates import Estimated
from perennial.records import Interval


def total_bias(predictions: pd.Series, labels: pd.Series) -> float:
    """Sum predicted over sum realised, without unit.

    Raises:
        MisalignedScores: both do not cover the same rows.
        MetricNotFinite: a label or a prediction is NaN or infinite, or the labels do not add up to more than 0.
    """
    rows = make_amounts(labels)
    return estimate_total_bias(rows, rows.align(predictions)).value


def total_bias_with_interval(predictions: pd.Series, labels: pd.Series, *, confidence: float = 0.95) -> Interval:
    """`total_bias` with its interval, clustered by entity."""
    rows = make_amounts(labels)
    found = estimate_total_bias(rows, rows.align(predictions))
    return clustered_interval(found.value, found.influence, rows, confidence=confidence)


def estimate_total_bias(rows: Amounts, predictions: Floats) -> Estimated:
    """`total_bias` with its influence values."""
    weights = _weigh_each(rows)
    realised = float(weights @ rows.amounts)
    if not realised > 0:
        raise MetricNotFinite(f"{rows.rows} labels add up to {realised:g}: the total bias wants a sum above 0.")
    ratio = float(weights @ predictions) / realised
    return Estimated(ratio, weights * (predictions - ratio * rows.amounts) / realised)


def _weigh_each(rows: Amounts) -> Floats:
    return np.ones(rows.rows) if rows.weights is None else rows.weights


def bias_size(predictions: pd.Series, labels: pd.Series) -> float:
    """How far the predicted sum lies from the realised one, as a share of the sum of |labels|; 0 is right on the whole.

    With labels of 0 and more that is |`total_bias` - 1|; unlike it, it is known of amounts that cancel as well.

    Raises:
        MisalignedScores: both do not cover the same rows.
        MetricNotFinite: a label or a prediction is NaN or infinite, or all labels are 0.
    """
    rows = make_amounts(labels)
    return _estimate_size(rows, rows.align(predictions)).value


def paired_bias_size_difference(
    challenger: pd.Series, champion: pd.Series, labels: pd.Series, *, confidence: float = 0.95
) -> Interval:
    """`bias_size` of the challenger minus that of the champion, on the same rows: below 0 is better.

    Linearised at the estimate: close to 0 the error is larger than this says.
    """
    rows = make_amounts(labels)
    difference = _estimate_size(rows, rows.align(challenger)) - _estimate_size(rows, rows.align(champion))
    return clustered_interval(difference.value, difference.influence, rows, confidence=confidence)


def _estimate_size(rows: Amounts, predictions: Floats) -> Estimated:
    weights = _weigh_each(rows)
    sizes = weights * np.abs(rows.amounts)
    whole = float(sizes.sum())
    if not whole > 0:
        raise MetricNotFinite(f"All {rows.rows} labels are 0: a bias is a share of what came.")
    missed = weights * (predictions - rows.amounts)
    share = float(missed.sum()) / whole
    return abs(Estimated(share, (missed - share * sizes) / whole))


def coverage_gap(predictions: pd.Series, labels: pd.Series, *, quantile: float) -> float:
    """How far the share of labels that come to no more than predicted lies from the quantile that was asked for; 0 is right.

    Raises:
        MisalignedScores: both do not cover the same rows.
        MetricNotFinite: a label or a prediction is NaN or infinite.
    """
    rows = make_amounts(labels)
    return _estimate_gap(rows, rows.align(predictions), quantile).value


def paired_coverage_gap_difference(
    challenger: pd.Series, champion: pd.Series, labels: pd.Series, *, quantile: float, confidence: float = 0.95
) -> Interval:
    """`coverage_gap` of the challenger minus that of the champion, on the same rows: below 0 is better."""
    rows = make_amounts(labels)
    difference = _estimate_gap(rows, rows.align(challenger), quantile) - _estimate_gap(rows, rows.align(champion), quantile)
    return clustered_interval(difference.value, difference.influence, rows, confidence=confidence)


def _estimate_gap(rows: Amounts, predictions: Floats, quantile: float) -> Estimated:
    covered = Estimated(*rows.average((rows.amounts <= predictions).astype(np.float64)))
    return abs(covered - Estimated(quantile, np.zeros(rows.rows)))
