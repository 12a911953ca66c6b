"""What is found when only so many a day can be acted on.

Both models contact the same number, so that what a contact costs cancels between them: the value of one over the
other is the number of positives it finds more, times what one of them is worth.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from perennial.metrics.panel import Floats, Ints, Panel, make_panel
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
        rankings = tuple(_rank(rows, scores) for rows in panel.rows_by_day())
        return lambda weights: np.mean([_precision_within(r, capacity, panel, weights) for r in rankings], axis=0)

    return prepare


def _rank(rows: Ints, scores: Floats) -> Ranking:
    falling = rows[np.argsort(-scores[rows], kind="stable")]
    return Ranking(falling, np.append(np.flatnonzero(np.diff(scores[falling])), len(falling) - 1))


def _precision_within(ranking: Ranking, capacity: int, panel: Panel, weights: Floats) -> Floats:
    """Positives among the first `capacity`, interpolated within the group of equal scores that the list ends in."""
    weighted = weights[:, ranking.rows]
    rows = _from_zero(np.cumsum(weighted, axis=1)[:, ranking.ends])
    positives = _from_zero(np.cumsum(weighted * panel.is_positive[ranking.rows], axis=1)[:, ranking.ends])
    taken = np.minimum(capacity, rows[:, -1])
    last = np.maximum(np.argmax(rows >= taken[:, np.newaxis], axis=1), 1)
    each = np.arange(len(weights))
    group = rows[each, last] - rows[each, last - 1]
    part = np.divide(taken - rows[each, last - 1], group, out=np.zeros(len(weights)), where=group > 0)
    found = positives[each, last - 1] + part * (positives[each, last] - positives[each, last - 1])
    precision: Floats = np.divide(found, taken, out=np.full(len(weights), np.nan), where=taken > 0)
    return precision


def _from_zero(sums: Floats) -> Floats:
    return np.pad(sums, ((0, 0), (1, 0)))
