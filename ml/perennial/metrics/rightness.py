"""Of several classes: how often the likeliest is right, and do the probabilities of all mean what they say?

Labels are codes of classes, scores frames with a column for each, as in `classes`.

Sources: M. Kull and others, Advances in Neural Information Processing Systems 32 (2019), for the calibration error averaged over
classes; the cluster-robust variance of an average (see `clustered`).
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from perennial.metrics.amounts import average_by_day
from perennial.metrics.bootstrap import bootstrap_reweighted
from perennial.metrics.calibration import prepare_calibration_error
from perennial.metrics.classes import Classes, align_classes, make_classes
from perennial.metrics.clustered import clustered_interval
from perennial.metrics.panel import Floats, Panel
from perennial.metrics.rates import Estimated, Mask
from perennial.metrics.selection import Reweighted
from perennial.records import Interval


def accuracy_with_interval(
    scores: pd.DataFrame, labels: pd.Series, *, capacity: int | None = None, confidence: float = 0.95
) -> Interval:
    """The share of rows whose likeliest class is right, within each as_of, averaged; clustered by entity.

    Args:
        capacity: only so many rows of an as_of count, those whose likeliest class is likeliest; whether a row is among them is
            taken as given. None: all.

    Raises:
        MisalignedScores: both do not cover the same rows.
        MetricNotFinite: a label is no code of a column, or a row of probabilities does not add up to 1.
    """
    rows = make_classes(labels, scores.shape[1])
    found = _estimate_accuracy(rows, align_classes(rows, scores), capacity)
    return clustered_interval(found.value, found.influence, rows, confidence=confidence)


def accuracy(scores: pd.DataFrame, labels: pd.Series, *, capacity: int | None = None) -> float:
    """The same without its interval."""
    rows = make_classes(labels, scores.shape[1])
    return _estimate_accuracy(rows, align_classes(rows, scores), capacity).value


def paired_accuracy_difference(
    challenger: pd.DataFrame,
    champion: pd.DataFrame,
    labels: pd.Series,
    *,
    capacity: int | None = None,
    confidence: float = 0.95,
) -> Interval:
    """That of the challenger minus that of the champion, on the same rows."""
    rows = make_classes(labels, champion.shape[1])
    ours, theirs = (_estimate_accuracy(rows, align_classes(rows, each), capacity) for each in (challenger, champion))
    found = ours - theirs
    return clustered_interval(found.value, found.influence, rows, confidence=confidence)


def class_calibration_error(scores: pd.DataFrame, labels: pd.Series) -> float:
    """The calibration error of each class (see `calibration_error`), averaged over classes."""
    rows = make_classes(labels, scores.shape[1])
    return float(_prepare_calibration(rows, scores)(np.ones((1, rows.rows)))[0])


def class_calibration_with_interval(scores: pd.DataFrame, labels: pd.Series, *, confidence: float, seed: int) -> Interval:
    """The same with its interval; an entity is drawn with all its rows."""
    rows = make_classes(labels, scores.shape[1])
    return bootstrap_reweighted(_prepare_calibration(rows, scores), rows, confidence=confidence, seed=seed)


def paired_class_calibration_difference(
    challenger: pd.DataFrame, champion: pd.DataFrame, labels: pd.Series, *, confidence: float, seed: int
) -> Interval:
    """That of the challenger minus that of the champion, on the same rows and the same draws."""
    rows = make_classes(labels, champion.shape[1])
    ours, theirs = (_prepare_calibration(rows, each) for each in (challenger, champion))
    return bootstrap_reweighted(lambda weights: ours(weights) - theirs(weights), rows, confidence=confidence, seed=seed)


def _prepare_calibration(rows: Classes, scores: pd.DataFrame) -> Reweighted:
    values = align_classes(rows, scores)
    parts = [
        prepare_calibration_error(Panel(rows.index, rows.days, rows.entities, rows.codes == code), values[:, code])
        for code in range(values.shape[1])
    ]

    def reweigh(weights: Floats) -> Floats:
        errors: Floats = np.mean([part(weights) for part in parts], axis=0)
        return errors

    return reweigh


def _estimate_accuracy(rows: Classes, values: Floats, capacity: int | None) -> Estimated:
    is_right = values.argmax(axis=1) == rows.codes
    if capacity is None:
        return average_by_day(rows, is_right.astype(np.float64))
    is_first = _take_first(rows, values.max(axis=1), capacity)
    counts = np.bincount(rows.days[is_first])
    means = np.bincount(rows.days[is_first], weights=is_right[is_first]) / counts
    pulls = is_first * (is_right - means[rows.days]) / (counts[rows.days] * len(counts))
    return Estimated(float(means.mean()), pulls)


def _take_first(rows: Classes, likely: Floats, capacity: int) -> Mask:
    """The highest of each as_of; of equal ones those that stand first."""
    is_first = np.zeros(rows.rows, dtype=np.bool_)
    for members in rows.rows_by_day():
        is_first[members[np.argsort(-likely[members], kind="stable")[:capacity]]] = True
    return is_first
