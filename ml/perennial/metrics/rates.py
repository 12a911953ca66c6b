"""Shares of rows, such as the share selected, with what each row contributes to their error.

A share is a ratio of two sums; the influence of a row is the delta method's: (hit - share) / counted, 0 where not counted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from perennial.errors import MetricNotFinite
from perennial.metrics.panel import Floats

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Estimated:
    """A figure with its influence values, one per row, summing to 0; differences and multiples carry them along."""

    value: float
    influence: Floats

    def __sub__(self, other: Estimated) -> Estimated:
        return Estimated(self.value - other.value, self.influence - other.influence)

    def __abs__(self) -> Estimated:
        """Linearised at the estimate: close to 0 the error is larger than this says, never smaller than it says by chance."""
        sign = -1.0 if self.value < 0 else 1.0
        return Estimated(sign * self.value, sign * self.influence)


def share(is_hit: Mask, is_counted: Mask) -> Estimated:
    """Of the rows that count, the share that hits.

    Raises:
        MetricNotFinite: no row counts.
    """
    counted = int(is_counted.sum())
    if not counted:
        raise MetricNotFinite("No row counts, so there is no share of them.")
    value = int((is_hit & is_counted).sum()) / counted
    return Estimated(value, is_counted * (is_hit - value) / counted)
