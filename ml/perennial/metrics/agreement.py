"""How alike two scorings of the same rows are: for people who act on ranks, and for those who act on probabilities."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

TENTH = 10


def rank_correlation(ours: pd.Series, theirs: pd.Series) -> float:
    """Spearman's, in [-1, 1]; equal scores share the mean of their ranks. 1 where either side says the same of everybody."""
    left, right = ours.rank().to_numpy(), theirs.reindex(ours.index).rank().to_numpy()
    if np.ptp(left) == 0 or np.ptp(right) == 0:
        return 1.0
    return float(np.corrcoef(left, right)[0, 1])


def top_tenth_overlap(ours: pd.Series, theirs: pd.Series) -> float:
    """Share of their top tenth, rounded up to whole rows, that is ours too, in [0, 1]; of equal scores the first in the index
    counts as higher.
    """
    size = count_top(theirs)
    return len(find_top(ours, size) & find_top(theirs, size)) / size if size else 1.0


def count_top(scores: pd.Series) -> int:
    """Rows of the top tenth, rounded up."""
    return math.ceil(len(scores) / TENTH)


def find_top(scores: pd.Series, size: int) -> set[object]:
    """The entries of the index with the highest scores; of equal ones the first in the index counts as higher."""
    return set(scores.sort_index().sort_values(ascending=False, kind="stable").index[:size])


def mean_shift(ours: pd.Series, theirs: pd.Series, *, scale: float) -> float:
    """Change of the mean from theirs to ours as a share of the scale of theirs; of the mean of ours where that is 0.

    Args:
        scale: the mean of theirs, or what stands for it where that lies near 0; its sign does not count.
    """
    before, now = float(theirs.mean()), float(ours.mean())
    if 0 < before == scale:
        return now / before - 1  # the bits in which the ledger has said it from the beginning
    size = abs(scale) or abs(now)
    return (now - before) / size if size > 0 else 0.0
