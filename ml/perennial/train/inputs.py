"""Encoded inputs as columns: views of the frame that was read, cut into blocks of rows for whoever wants a matrix.

Rows stand in memory once. Above `BLOCK_CELLS` no library gets them as one matrix: it takes blocks, and keeps its bins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from perennial.predictor import EncodedColumn, decode_codes

Floats = NDArray[np.float64]
Part = slice | NDArray[np.intp] | NDArray[np.bool_]
Cell = TypeVar("Cell", np.float32, np.float64)
BLOCK_CELLS = 1 << 24
"""Rows times columns of the largest matrix that is made: 128 MB of float64. What is smaller goes to a library as a whole."""
SCORED_CELLS = 1 << 22
"""The same where a matrix is scored, for which a linear recipe makes three of its size."""


@dataclass(frozen=True, eq=False)
class Inputs:
    """One column per feature; a number as float64, or float32 where that holds the same; a category as codes, -1 for none.

    Attributes:
        columns: of the same length each.
    """

    columns: tuple[EncodedColumn, ...]
    rows: int

    @property
    def cells(self) -> int:
        """How large the matrix would be."""
        return self.rows * len(self.columns)

    @property
    def is_large(self) -> bool:
        """Is it too large to be one matrix?"""
        return self.cells > BLOCK_CELLS

    def take(self, part: Part) -> Inputs:
        """Some of the rows: a view of a slice, and a copy of what is picked."""
        columns = tuple(column[part] for column in self.columns)
        return Inputs(columns, len(columns[0]) if columns else 0)

    def pick(self, places: Sequence[int]) -> Inputs:
        """Some of the columns."""
        return Inputs(tuple(self.columns[place] for place in places), self.rows)

    def column(self, place: int) -> Floats:
        """One column as a matrix would hold it."""
        column = self.columns[place]
        return (
            decode_codes(column.astype(np.int32, copy=False))
            if column.dtype.kind == "i"
            else column.astype(np.float64, copy=False)
        )

    def matrix(self, part: slice = slice(None)) -> Floats:
        """The rows of a slice as float64; of all rows without one."""
        return self._fill(part, np.dtype(np.float64))

    def single_matrix(self, part: slice) -> NDArray[np.float32]:
        """The same as float32, which is what XGBoost works with whatever it is given."""
        return self._fill(part, np.dtype(np.float32))

    def blocks(self, cells: int | None = None) -> Iterator[slice]:
        """Slices that hold all rows in their order, each of at most so many cells (else `BLOCK_CELLS`); of no rows none."""
        step = max(1, (cells or BLOCK_CELLS) // max(1, len(self.columns)))
        yield from (slice(start, min(start + step, self.rows)) for start in range(0, self.rows, step))

    def score(self, predict: Callable[[Floats], Floats]) -> Floats:
        """What is said of each row, block by block."""
        parts = [predict(self.matrix(part)) for part in self.blocks(SCORED_CELLS)]
        return (parts[0] if len(parts) == 1 else np.concatenate(parts)) if parts else predict(self.matrix())

    def _fill(self, part: slice, kind: np.dtype[Cell]) -> NDArray[Cell]:
        cut = self.take(part)
        matrix = np.empty((cut.rows, len(cut.columns)), dtype=kind)
        for place in range(len(cut.columns)):
            matrix[:, place] = cut.column(place)
        return matrix
