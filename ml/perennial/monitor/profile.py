"""What a version was trained on, as far as a drift check asks: bins and counts of every column and of its scores, no rows.

A check against a profile says to the last digit what a check against the rows says: the bins are theirs.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from perennial.errors import SchemaMismatch
from perennial.monitor.psi import Bins, Floats, bin_shared, count_categories, count_numbers, cut_numbers


@dataclass(frozen=True)
class ColumnProfile:
    """One column of the reference.

    Attributes:
        counts: rows of each bin; of numbers the missing ones come last, of categories first.
        missing: share of rows without a value.
        edges: of numbers, the upper ends of the bins; None of categories.
        values: of categories, in the order in which the rows name them.
        mean: of the numbers that are finite; None when there are none.
    """

    column: str
    counts: tuple[int, ...]
    missing: float
    edges: tuple[float, ...] | None = None
    values: tuple[object, ...] = ()
    mean: float | None = None

    def describe(self, current: pd.Series) -> tuple[Bins, float, float | None]:
        """The reference and these rows in the same bins; of these the share without a value, and the mean of numbers."""
        before = np.array(self.counts, dtype=np.intp)
        if self.edges is None:
            return bin_shared(self.values, before, current), float(current.isna().mean()), None
        numbers = to_numbers(current)
        bins = Bins(before, count_numbers(numbers, np.array(self.edges)))
        return bins, float(bins.current[-1] / len(numbers)), find_mean(numbers)


@dataclass(frozen=True)
class ScoresProfile:
    """The scores of rows that the fits had not seen.

    Attributes:
        variance, deviation: kept apart, each as it was computed.
    """

    rows: int
    mean: float
    variance: float
    deviation: float
    edges: tuple[float, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True)
class ReferenceProfile:
    """All that a check compares with; `entities` counts who is among the rows."""

    rows: int
    entities: int
    columns: tuple[ColumnProfile, ...]
    scores: ScoresProfile

    def dump(self) -> str:
        """As JSON, exact to the last digit; an edge may be infinite, which our records write as null and Python reads back."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))


def load_profile(dumped: str) -> ReferenceProfile:
    """What `dump` wrote."""
    kept = json.loads(dumped, object_hook=_tuples)
    columns = tuple(ColumnProfile(**column) for column in kept["columns"])
    return ReferenceProfile(kept["rows"], kept["entities"], columns, ScoresProfile(**kept["scores"]))


def _tuples(found: dict[str, object]) -> dict[str, object]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in found.items()}


def profile_reference(reference: pd.DataFrame, scores: pd.Series) -> ReferenceProfile:
    """Bins and counts of what a version was trained on.

    Args:
        reference: its training rows, features only, indexed by (as_of, entity_id), or by the entity alone. Its columns are the
            ones that are checked.
        scores: of rows that the fits had not seen (scores of training rows shift 7 % by themselves).
    """
    return ReferenceProfile(
        rows=len(reference),
        entities=int(reference.index.get_level_values(-1).nunique()),
        columns=tuple(_profile_column(reference[name]) for name in reference.columns),
        scores=_profile_scores(to_numbers(scores)),
    )


def _profile_column(column: pd.Series) -> ColumnProfile:
    name = str(column.name)
    if not pd.api.types.is_numeric_dtype(column):
        values, counts = count_categories(column)
        return ColumnProfile(name, tuple(counts.tolist()), float(column.isna().mean()), values=values)
    numbers = to_numbers(column)
    edges, counts = cut_numbers(numbers)
    missing = float(counts[-1] / len(numbers)) if len(numbers) else np.nan
    return ColumnProfile(name, tuple(counts.tolist()), missing, tuple(edges.tolist()), mean=find_mean(numbers))


def _profile_scores(scores: Floats) -> ScoresProfile:
    edges, counts = cut_numbers(scores)
    moments = (float(scores.mean()), float(scores.var()), float(scores.std())) if len(scores) else (np.nan, np.nan, np.nan)
    return ScoresProfile(len(scores), *moments, tuple(edges.tolist()), tuple(counts.tolist()))


def to_numbers(column: pd.Series) -> Floats:
    """The column as float64, missing values as NaN.

    Raises:
        SchemaMismatch: it holds something else.
    """
    try:
        return np.ascontiguousarray(column.to_numpy(dtype=np.float64, na_value=np.nan))  # of a row-wise frame else one in 30
    except (TypeError, ValueError) as error:
        raise SchemaMismatch(f"Column {column.name} was a number in training and holds something else now: {error}.") from error


def find_mean(values: Floats) -> float | None:
    """The mean of what is known and finite; None when nothing is."""
    is_known = np.isfinite(values)
    rows = np.count_nonzero(is_known)
    return float(np.where(is_known, values, 0.0).sum() / rows) if rows else None
