"""A day as it stands beside the same day as the files would build it: entities, values, labels, scores."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from perennial.homes.planning.plan import ColumnChange, ScoreChange
from perennial.metrics import count_top, find_top, rank_correlation


def compare_columns(before: pd.DataFrame, after: pd.DataFrame) -> tuple[ColumnChange, ...]:
    """The columns that differ, in the order in which features.sql gives them, gone ones last.

    Args:
        before, after: features by entity; a value that is missing on both sides is the same.
    """
    return tuple(_compare(before, after))


def _compare(before: pd.DataFrame, after: pd.DataFrame) -> Iterator[ColumnChange]:
    for name in after.columns:
        if name not in before.columns:
            yield ColumnChange(str(name), "new", 1.0)
        elif (change := compare_values(before[name], after[name])) is not None:
            yield change
    for name in before.columns:
        if name not in after.columns:
            yield ColumnChange(str(name), "gone", 1.0)


def compare_values(before: pd.Series, after: pd.Series) -> ColumnChange | None:
    """How a column differs for the entities that both sides hold; None where it does not."""
    common = before.index.intersection(after.index)
    left, right = before.loc[common], after.loc[common]
    if not (pd.api.types.is_numeric_dtype(left.dtype) and pd.api.types.is_numeric_dtype(right.dtype)):
        left, right = left.astype("object"), right.astype("object")
    differs = ~((left.to_numpy() == right.to_numpy()) | (left.isna().to_numpy() & right.isna().to_numpy()))
    if not differs.any():
        return None
    return ColumnChange(str(after.name), "changed", float(differs.mean()), _find_largest(left[differs], right[differs]))


def _find_largest(left: pd.Series, right: pd.Series) -> float | None:
    """None of texts, and where one side is always missing."""
    if not (pd.api.types.is_numeric_dtype(left.dtype) and pd.api.types.is_numeric_dtype(right.dtype)):
        return None
    moves = np.abs(right.to_numpy(dtype=float) - left.to_numpy(dtype=float))
    known = moves[~np.isnan(moves)]
    return float(known.max()) if len(known) else None


def compare_scores(before: pd.Series, after: pd.Series) -> ScoreChange:
    """How the champion's scores differ; each side's top tenth is that of all its rows."""
    common = before.index.intersection(after.index)
    left, right = before.loc[common], after.loc[common]
    moves = (right - left).abs()
    former, new = find_top(before, count_top(before)), find_top(after, count_top(after))
    return ScoreChange(
        share=float((moves > 0).mean()) if len(common) else 0.0,
        largest=float(moves.max()) if len(common) else 0.0,
        mean_before=float(before.mean()),
        mean_after=float(after.mean()),
        rank_correlation=rank_correlation(right, left) if len(common) else 1.0,
        top=len(former),
        entering=len(new - former),
        leaving=len(former - new),
    )
