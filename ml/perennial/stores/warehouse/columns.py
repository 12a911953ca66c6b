"""Columns of numbers while they fill: float64 side by side, or, of a large training set, float32 for as long as that is the same.

A column is float32 until a value comes that a float32 does not hold; then it is float64, with what it held before. Flags, small
counts and whole amounts up to 16.7 million stay narrow, and what is learned of them is the same to the bit: XGBoost works on
float32 whatever it is given, and LightGBM and everything else takes the very same numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]
NARROW_CELLS = 1 << 24
"""Rows times columns above which a training set is tried as float32: smaller ones take 128 MB at most."""


class Wide:
    """All columns as float64 in one array, around which the frame is made."""

    def __init__(self, count: int, rows: int) -> None:
        self._values = np.empty((count, rows))

    def put(self, new: slice, values: Floats) -> None:
        """Values of a block, a row for each column."""
        self._values[:, new] = values

    def widen(self, more: int) -> None:
        """Room for more rows."""
        self._values = np.pad(self._values, ((0, 0), (0, more)))

    def join(self, order: Sequence[str], beside: Mapping[str, pd.Series], rows: int) -> pd.DataFrame:
        """The first rows, without a copy, and other columns between."""
        numbers = pd.Index([name for name in order if name not in beside], dtype="str")
        frame = pd.DataFrame(self._values[:, :rows].T, columns=numbers, copy=False)
        for name, column in beside.items():
            frame.insert(order.index(name), name, column)
        return frame


class Narrow:
    """Each column in an array of its own."""

    def __init__(self, count: int, rows: int) -> None:
        self._columns: list[NDArray[np.float32] | Floats] = [np.empty(rows, dtype=np.float32) for _ in range(count)]

    def put(self, new: slice, values: Floats) -> None:
        """Values of a block, a row for each column."""
        for place, column in enumerate(values):
            if self._columns[place].dtype == np.float32 and not _is_held(column):
                wide = np.empty(len(self._columns[place]))
                wide[: new.start] = self._columns[place][: new.start]
                self._columns[place] = wide
            self._columns[place][new] = column

    def widen(self, more: int) -> None:
        """Room for more rows."""
        for place, column in enumerate(self._columns):
            self._columns[place] = np.append(column, np.zeros(more, dtype=column.dtype))

    def join(self, order: Sequence[str], beside: Mapping[str, pd.Series], rows: int) -> pd.DataFrame:
        """The first rows, without a copy, and other columns between."""
        left = iter(self._columns)
        columns = {name: beside[name] if name in beside else next(left)[:rows] for name in order}
        frame = pd.DataFrame(columns, index=pd.RangeIndex(rows), copy=False)
        return frame.set_axis(pd.Index(list(order), dtype="str"), axis="columns")


def _is_held(values: Floats) -> bool:
    """Is each of these numbers, or its absence, the same as float32?"""
    with np.errstate(over="ignore"):  # what is too large becomes infinite, and is not the same
        narrow = values.astype(np.float32)
    return bool(((narrow == values) | np.isnan(values)).all())


def open_columns(count: int, rows: int, *, may_be_narrow: bool) -> Wide | Narrow:
    """Room for so many columns and rows."""
    return Narrow(count, rows) if may_be_narrow and count * rows > NARROW_CELLS else Wide(count, rows)
