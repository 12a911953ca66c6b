"""Do the scores mean what they say, bin by bin, with an interval for each: the points of a reliability diagram.

Sources: E. B. Wilson, Journal of the American Statistical Association 22 (1927), 209-212, for the interval, which stays
within [0, 1] and has a width even when nothing happened; E. L. Korn, B. I. Graubard, Survey Methodology 24 (1998),
193-201, for giving it the effective number of rows, because one entity's rows of several as_ofs are not independent.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

import numpy as np
import pandas as pd

from perennial.metrics.calibration import prepare_calibration_error
from perennial.metrics.classes import align_classes, make_classes
from perennial.metrics.panel import AlignedRows, Floats, Panel, make_amounts, make_panel
from perennial.metrics.rates import Mask
from perennial.records import Interval

BINS = 10


@dataclass(frozen=True)
class ReliabilityBin:
    """Rows with neighbouring scores: what was promised on average, and the share that came true."""

    rows: int
    mean_score: float
    share: Interval


@dataclass(frozen=True)
class AmountBin:
    """Rows with neighbouring predictions: the mean that was predicted, and the mean that came, in units of the target."""

    rows: int
    mean_predicted: float
    realised: Interval


@dataclass(frozen=True)
class ClassReliability:
    """One class over all rows: its mean probability, the share in which it came, and the calibration error within its tenths.

    Attributes:
        rows: those in which it came.
    """

    name: str
    rows: int
    mean_score: float
    share: Interval
    error: float


def reliability_by_class(scores: pd.DataFrame, labels: pd.Series, *, confidence: float = 0.95) -> tuple[ClassReliability, ...]:
    """Does the probability of each class mean what it says? The commonest first; labels are codes, as in `classes`.

    Raises:
        MisalignedScores: both do not cover the same rows.
        MetricNotFinite: a label is no code of a column, or a row of probabilities does not add up to 1.
    """
    rows = make_classes(labels, scores.shape[1])
    values, everywhere = align_classes(rows, scores), np.ones(rows.rows, dtype=np.bool_)
    found = []
    for code, name in enumerate(scores.columns):
        came, said = rows.codes == code, values[:, code]
        error = prepare_calibration_error(Panel(rows.index, rows.days, rows.entities, came), said)(np.ones((1, rows.rows)))
        share = _share(came.astype(np.float64), rows, everywhere, confidence)
        found.append(ClassReliability(str(name), int(came.sum()), _average(said, rows, everywhere), share, float(error[0])))
    return tuple(sorted(found, key=lambda each: -each.rows))


def reliability_bins(scores: pd.Series, labels: pd.Series, *, confidence: float = 0.95) -> tuple[ReliabilityBin, ...]:
    """Tenths of the rows by score, lowest first; equal scores share a bin, so that there may be fewer. As_ofs are pooled."""
    panel = make_panel(labels)
    values = panel.align(scores)
    return tuple(
        ReliabilityBin(
            rows=int(inside.sum()),
            mean_score=_average(values, panel, inside),
            share=_share(panel.is_positive.astype(np.float64), panel, inside, confidence),
        )
        for inside in _cut_tenths(values)
    )


def amount_bins(predictions: pd.Series, labels: pd.Series, *, confidence: float = 0.95) -> tuple[AmountBin, ...]:
    """Tenths of the rows by predicted amount, as `reliability_bins` cuts them.

    The interval is normal, clustered by entity: of skewed amounts it reaches too low, and it has no width where nothing differs.

    Raises:
        MisalignedScores: both do not cover the same rows.
        MetricNotFinite: a label or a prediction is NaN or infinite, or none is there.
    """
    rows = make_amounts(labels)
    values = rows.align(predictions)
    return tuple(
        AmountBin(
            rows=int(inside.sum()),
            mean_predicted=_average(values, rows, inside),
            realised=_mean(rows.amounts, rows, inside, confidence),
        )
        for inside in _cut_tenths(values)
    )


def _cut_tenths(values: Floats) -> Iterator[Mask]:
    edges = np.unique(np.quantile(values, np.arange(1, BINS) / BINS))
    places = np.searchsorted(edges, values, side="left")
    yield from (places == place for place in np.unique(places))


def _average(values: Floats, rows: AlignedRows, inside: Mask) -> float:
    weights = None if rows.weights is None else rows.weights[inside]
    return float(np.average(values[inside], weights=weights))


def _mean(amounts: Floats, rows: AlignedRows, inside: Mask, confidence: float) -> Interval:
    mean, error = _average(amounts, rows, inside), sqrt(_vary(amounts, rows, inside))
    reach = NormalDist().inv_cdf((1 + confidence) / 2) * error
    return Interval(mean, mean - reach, mean + reach, error)


def _vary(values: Floats, rows: AlignedRows, inside: Mask) -> float:
    """Variance of their mean, clustered by entity."""
    codes, counts = np.unique(rows.entities[inside], return_inverse=True)
    weights = np.ones(len(counts)) if rows.weights is None else rows.weights[inside]
    pulls = weights * (values[inside] - _average(values, rows, inside)) / weights.sum()
    by_entity = np.bincount(counts, weights=pulls)
    small_sample = len(codes) / (len(codes) - 1) if len(codes) > 1 else 1.0
    return small_sample * float(np.square(by_entity).sum())


def _share(happened: Floats, rows: AlignedRows, inside: Mask, confidence: float) -> Interval:
    """Wilson's interval on the rows that are worth as much as these, clustered by entity."""
    share, variance = _average(happened, rows, inside), _vary(happened, rows, inside)
    most = len(np.unique(rows.entities[inside]))
    worth = min(int(inside.sum()), share * (1 - share) / variance) if variance > 0 else most
    return _wilson(share, worth, NormalDist().inv_cdf((1 + confidence) / 2))


def _wilson(share: float, rows: float, reach: float) -> Interval:
    centre = (share + reach**2 / (2 * rows)) / (1 + reach**2 / rows)
    half = reach / (1 + reach**2 / rows) * sqrt(share * (1 - share) / rows + reach**2 / (4 * rows**2))
    low, high = max(0.0, centre - half), min(1.0, centre + half)
    return Interval(share, min(low, share), max(high, share), sqrt(share * (1 - share) / rows))  # rounding keeps it inside
