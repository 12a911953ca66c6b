"""Metrics of choosing from the top: average precision, and precision at a wanted recall.

Like the AUC they are taken within each as_of and averaged. They come as functions of row weights, so that a
bootstrap of entities can ask for hundreds of reweighted values at once: (replicates, rows) in, (replicates,) out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import pandas as pd

from perennial.errors import OneClassLabels
from perennial.metrics.panel import AlignedRows, Amounts, Floats, Ints, Panel, make_panel

Reweighted = Callable[[Floats], Floats]
Metric = Callable[[Panel, Floats], Reweighted]
AmountMetric = Callable[[Amounts, Floats], Reweighted]
Rows = TypeVar("Rows", bound=AlignedRows)
ROUNDING = 1e-9  # sums of weights: 0.8 of 5 positives are reached by 4


@dataclass(frozen=True, eq=False)
class Ranking:
    """One as_of from the highest score down; `ends` are the last places of each group of equal scores."""

    rows: Ints
    ends: Ints


def average_precision(scores: pd.Series, labels: pd.Series) -> float:
    """Precision at each positive from the top, averaged; equal scores are taken together (scikit-learn's definition)."""
    panel = make_panel(labels)
    return evaluate(prepare_average_precision, panel, panel.align(scores))


def precision_at_recall(scores: pd.Series, labels: pd.Series, *, recall: float) -> float:
    """Precision of the smallest top group, cut between different scores, that holds the share `recall` of positives."""
    panel = make_panel(labels)
    return evaluate(prepare_precision_at_recall(recall), panel, panel.align(scores))


def evaluate(metric: Callable[[Rows, Floats], Reweighted], panel: Rows, scores: Floats) -> float:
    """The metric on the rows as they are: every row weighs 1."""
    return float(metric(panel, scores)(np.ones((1, panel.rows)))[0])


def prepare_average_precision(panel: Panel, scores: Floats) -> Reweighted:
    """Sort once, then answer for any weights."""
    rankings = tuple(_rank_by_day(panel, scores))
    return lambda drawn: _mean_over_days([_average_precision(*_count(r, panel, panel.weigh(drawn))) for r in rankings])


def prepare_precision_at_recall(recall: float) -> Metric:
    """The metric for one recall in (0, 1)."""

    def prepare(panel: Panel, scores: Floats) -> Reweighted:
        rankings = tuple(_rank_by_day(panel, scores))
        return lambda drawn: _mean_over_days([_precision_at(recall, *_count(r, panel, panel.weigh(drawn))) for r in rankings])

    return prepare


def _rank_by_day(panel: Panel, scores: Floats) -> Iterator[Ranking]:
    for rows in panel.two_class_days():
        falling = rows[np.argsort(-scores[rows], kind="stable")]
        yield Ranking(falling, np.append(np.flatnonzero(np.diff(scores[falling])), len(falling) - 1))


def _count(ranking: Ranking, panel: Panel, weights: Floats) -> tuple[Floats, Floats]:
    """Weight of positives, and of all rows, down to each group of equal scores: two of (replicates, groups)."""
    weighted = weights[:, ranking.rows]
    positives = np.cumsum(weighted * panel.is_positive[ranking.rows], axis=1)[:, ranking.ends]
    return positives, np.cumsum(weighted, axis=1)[:, ranking.ends]


def _average_precision(positives: Floats, rows: Floats) -> Floats:
    steps = np.diff(positives, axis=1, prepend=0.0)
    earned = np.nansum(steps * divide(positives, rows), axis=1)  # NaN above the first row that was drawn
    return divide(earned, positives[:, -1])


def _precision_at(recall: float, positives: Floats, rows: Floats) -> Floats:
    reached = np.argmax(positives >= recall * positives[:, -1:] - ROUNDING, axis=1)[:, np.newaxis]
    precision = divide(np.take_along_axis(positives, reached, axis=1), np.take_along_axis(rows, reached, axis=1))[:, 0]
    chosen: Floats = np.where(positives[:, -1] > 0, precision, np.nan)
    return chosen


def divide(part: Floats, whole: Floats) -> Floats:
    """NaN where the whole is zero: a replicate that drew none of these rows says nothing."""
    quotient: Floats = np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)
    return quotient


def _mean_over_days(values: list[Floats]) -> Floats:
    if not values:
        raise OneClassLabels("None of the as_ofs holds both classes: there is nothing to choose from.")
    by_day = np.stack(values)
    return divide(np.nansum(by_day, axis=0), np.isfinite(by_day).sum(axis=0).astype(np.float64))
