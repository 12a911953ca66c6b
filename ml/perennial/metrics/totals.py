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


def paired_bias_difference(
    challenger: pd.Series, champion: pd.Series, labels: pd.Series, *, confidence: float = 0.95
) -> Interval:
    """How much further from 1 the challenger's total bias lies than the champion's, on the same rows: below 0 is better.

    Linearised at the estimate: close to 1 the error is larger than this says.
    """
    rows = make_amounts(labels)
    right = Estimated(1.0, np.zeros(rows.rows))
    ours, theirs = (abs(estimate_total_bias(rows, rows.align(each)) - right) for each in (challenger, champion))
    difference = ours - theirs
    return clustered_interval(difference.value, difference.influence, rows, confidence=confidence)


def estimate_total_bias(rows: Amounts, predictions: Floats) -> Estimated:
    """`total_bias` with its influence values."""
    realised = float(rows.amounts.sum())
    if not realised > 0:
        raise MetricNotFinite(f"{rows.rows} labels add up to {realised:g}: the total bias wants a sum above 0.")
    ratio = float(predictions.sum()) / realised
    return Estimated(ratio, (predictions - ratio * rows.amounts) / realised)
