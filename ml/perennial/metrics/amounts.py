"""Mean losses of predicted amounts, with intervals clustered by entity, and their gain as_of by as_of.

Grain: labels (any finite numbers) and predictions have one row per (as_of, entity_id), or (as_of, entity_id, cluster). A loss
is averaged within each as_of, then over as_ofs, as the sequential test does it: what is shown and what is tested are the same
figure. With equally many rows on every as_of that is the mean over all rows.

Sources: the cluster-robust variance of an average (see `clustered`); G. W. Oehlert, The American Statistician 46 (1992),
27-29, for the delta method of the root.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from perennial.errors import MetricNotFinite
from perennial.metrics.clustered import clustered_interval
from perennial.metrics.daily import DailyGain
from perennial.metrics.panel import AlignedRows, Amounts, Floats, make_amounts
from perennial.metrics.rates import Estimated
from perennial.metrics.row_losses import RowLoss, squared_loss
from perennial.records import Interval

DIFFERENT = "lose differently under both"


def mean_loss(predictions: pd.Series, labels: pd.Series, loss: RowLoss) -> float:
    """The loss within each as_of, averaged, in units of the loss.

    Raises:
        MisalignedScores: both do not cover the same rows.
        MetricNotFinite: a label or a prediction is NaN or infinite, or none is there.
    """
    rows = make_amounts(labels)
    return estimate_loss(rows, rows.align(predictions), loss).value


def mean_loss_with_interval(predictions: pd.Series, labels: pd.Series, loss: RowLoss, *, confidence: float = 0.95) -> Interval:
    """`mean_loss` with its interval, clustered by entity."""
    rows = make_amounts(labels)
    return _interval(estimate_loss(rows, rows.align(predictions), loss), rows, confidence)


def paired_mean_loss_difference(
    challenger: pd.Series, champion: pd.Series, labels: pd.Series, loss: RowLoss, *, confidence: float = 0.95
) -> Interval:
    """Mean loss of the challenger minus that of the champion, on the same rows, clustered by entity: below 0 is better."""
    rows = make_amounts(labels)
    ours, theirs = (estimate_loss(rows, rows.align(each), loss) for each in (challenger, champion))
    return _interval(ours - theirs, rows, confidence)


def rmse(predictions: pd.Series, labels: pd.Series, *, cap: float = np.inf) -> float:
    """The root of the mean squared loss, in units of the target: of all as_ofs together, not a mean of daily roots."""
    rows = make_amounts(labels)
    return estimate_rmse(rows, rows.align(predictions), cap).value


def rmse_with_interval(predictions: pd.Series, labels: pd.Series, *, cap: float = np.inf, confidence: float = 0.95) -> Interval:
    """`rmse` with its interval by the delta method: to be shown; what is tested is the squared loss."""
    rows = make_amounts(labels)
    return _interval(estimate_rmse(rows, rows.align(predictions), cap), rows, confidence)


def paired_rmse_difference(
    challenger: pd.Series, champion: pd.Series, labels: pd.Series, *, cap: float = np.inf, confidence: float = 0.95
) -> Interval:
    """`rmse` of the challenger minus that of the champion, on the same rows: to be shown; below 0 is better."""
    rows = make_amounts(labels)
    ours, theirs = (estimate_rmse(rows, rows.align(each), cap) for each in (challenger, champion))
    return _interval(ours - theirs, rows, confidence)


def paired_loss_by_day(challenger: pd.Series, champion: pd.Series, labels: pd.Series, loss: RowLoss) -> DailyGain:
    """The champion's mean loss minus the challenger's within each as_of, in units of the loss: positive is better.

    RMSE is tested with `squared_loss(cap)`: a daily root is biased where amounts are skewed.

    Raises:
        MisalignedScores: the three do not cover the same rows.
        MetricNotFinite: a label, a prediction or a loss is NaN or infinite, or none is there.
    """
    rows = make_amounts(labels)
    ours, theirs = (loss(rows.amounts, rows.align(each)) for each in (challenger, champion))
    return compare_losses(rows, ours, theirs)


def compare_losses(rows: AlignedRows, ours: Floats, theirs: Floats) -> DailyGain:
    """Their mean loss minus ours within each as_of, from one loss per row.

    Raises:
        MetricNotFinite: a loss is NaN or infinite.
    """
    saved = theirs - ours
    if not np.isfinite(saved).all():
        raise MetricNotFinite(f"{int((~np.isfinite(saved)).sum())} of {rows.rows} losses are NaN or infinite.")
    days = list(rows.rows_by_day())
    gains, pulls = _average_within(rows, saved)
    influence = np.column_stack([rows.sum_by_entity(members, pulls[members]) for members in days])
    return DailyGain(rows.name_days(days), gains, influence, {DIFFERENT: rows.count_entities(saved != 0)})


def estimate_loss(rows: Amounts, predictions: Floats, loss: RowLoss) -> Estimated:
    """`mean_loss` with its influence values."""
    return average_by_day(rows, loss(rows.amounts, predictions))


def estimate_rmse(rows: Amounts, predictions: Floats, cap: float) -> Estimated:
    """`rmse` with its influence values, those of the mean squared loss by the slope of the root; 0 where nothing errs."""
    squared = estimate_loss(rows, predictions, squared_loss(cap))
    root = float(np.sqrt(squared.value))
    return Estimated(root, squared.influence / (2 * root) if root > 0 else squared.influence)


def average_by_day(rows: AlignedRows, values: Floats) -> Estimated:
    """The mean over as_ofs of the mean within each; influence values sum to 0 within each as_of."""
    means, pulls = _average_within(rows, values)
    return Estimated(float(means.mean()), pulls / len(means))


def _average_within(rows: AlignedRows, values: Floats) -> tuple[Floats, Floats]:
    """The mean within each as_of, and what each row contributes to the error of its own."""
    weights = np.ones(rows.rows) if rows.weights is None else rows.weights
    totals = np.bincount(rows.days, weights=weights)
    means = np.bincount(rows.days, weights=weights * values) / totals
    pulls: Floats = weights * (values - means[rows.days]) / totals[rows.days]
    return means.astype(np.float64), pulls


def _interval(found: Estimated, rows: AlignedRows, confidence: float) -> Interval:
    return clustered_interval(found.value, found.influence, rows, confidence=confidence)
