"""What is found when only so many a day can be acted on.

Both models contact the same number, so that what a contact costs cancels between them: the value of one over the
other is the number of positives it finds more, times what one of them is worth.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from perennial.metrics.panel import Floats, Ints, Panel, make_panel
from perennial.metrics.rates import Mask
from perennial.metrics.selection import Metric, Ranking, Reweighted, evaluate


def precision_at_capacity(scores: pd.Series, labels: pd.Series, *, capacity: int) -> float:
    """Share of positives among the `capacity` highest scores of each as_of, averaged over as_ofs.

    Of equal scores at the end of the list each counts in part: whom of them people choose is chance.
    """
    panel = make_panel(labels)
    return evaluate(prepare_precision_at_capacity(capacity), panel, panel.align(scores))


def prepare_precision_at_capacity(capacity: int) -> Metric:
    """Sort once, then answer for any weights."""

    def prepare(panel: Panel, scores: Floats) -> Reweighted:
        rankings = tuple(rank(rows, scores) for rows in panel.rows_by_day())
        return lambda weights: np.mean([_precision_within(r, capacity, panel, weights) for r in rankings], axis=0)

    return prepare


def rank(rows: Ints, scores: Floats) -> Ranking:
    """The given rows from the highest score down."""
    falling = rows[np.argsort(-scores[rows], kind="stable")]
    return Ranking(falling, np.append(np.flatnonzero(np.diff(scores[falling])), len(falling) - 1))


def _precision_within(ranking: Ranking, capacity: int, panel: Panel, weights: Floats) -> Floats:
    found, taken = sum_first(ranking, capacity, panel.is_positive, weights)
    precision: Floats = np.divide(found, taken, out=np.full(len(weights), np.nan), where=taken > 0)
    return precision


def sum_first(ranking: Ranking, capacity: int, values: Floats | Mask, weights: Floats) -> tuple[Floats, Floats]:
    """Sum of values over the first `capacity`, interpolated within the group of equal scores that the list ends in.

    Also returns how many rows that are: fewer than `capacity` where there are no more. Both have the shape (replicates,).
    """
    rows, sums = accumulate(ranking, values, weights)
    taken = np.minimum(capacity, rows[:, -1])
    last = np.maximum(np.argmax(rows >= taken[:, np.newaxis], axis=1), 1)
    each = np.arange(len(weights))
    group = rows[each, last] - rows[each, last - 1]
    part = np.divide(taken - rows[each, last - 1], group, out=np.zeros(len(weights)), where=group > 0)
    return sums[each, last - 1] + part * (sums[each, last] - sums[each, last - 1]), taken


def accumulate(ranking: Ranking, values: Floats | Mask, weights: Floats) -> tuple[Floats, Floats]:
    """Weight of rows, and sum of values, before and down to each group of equal scores: two of (replicates, 1 + groups)."""
    weighted = weights[:, ranking.rows]
    rows = np.cumsum(weighted, axis=1)[:, ranking.ends]
    return _from_zero(rows), _from_zero(np.cumsum(weighted * values[ranking.rows], axis=1)[:, ranking.ends])


def _from_zero(sums: Floats) -> Floats:
    return np.pad(sums, ((0, 0), (1, 0)))
