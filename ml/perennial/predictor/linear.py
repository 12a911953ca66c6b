"""Linear recipes as our own JSON: no library opens a file, and nothing can execute."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from perennial.predictor.calibration import apply_link
from perennial.predictor.contract import ClassLinear, Feature, Linear
from perennial.predictor.encoding import Matrix
from perennial.records import Link

Places = NDArray[np.intp]


def expand_inputs(matrix: Matrix, features: Sequence[Feature]) -> Matrix:
    """The columns that a linear recipe reads, from an encoded matrix.

    A number keeps its column, with the training median (0 without one) where it is missing; a category becomes one
    0/1 column per code, all 0 when it is missing or unknown.
    """
    return np.column_stack([_expand(matrix[:, position], feature) for position, feature in enumerate(features)])


def _expand(column: Matrix, feature: Feature) -> Matrix:
    if feature.kind == "category":
        return np.equal(column[:, None], np.arange(feature.width)).astype(np.float64)
    return np.where(np.isnan(column), feature.median or 0.0, column)[:, None]


def predict_linear(linear: Linear | ClassLinear, matrix: Matrix, features: Sequence[Feature], link: Link = "logit") -> Matrix:
    """Raw scores, one per row: probabilities or amounts; of classes one per row and class."""
    if isinstance(linear, ClassLinear):
        inputs = _standardise(linear, matrix, features)
        # A product of matrices adds up in an order that depends on the number of rows: a row alone would get other last digits.
        sums = [(inputs * np.array(weights)).sum(axis=1) for weights in linear.coefficients]
        return apply_link(link, np.column_stack(sums) + linear.intercepts)
    return apply_link(link, _weigh(linear, matrix, features, None).sum(axis=1) + linear.intercept)


@dataclass(frozen=True, eq=False)
class LinearMargins:
    """The margins of `predict_linear`, to the bit, with what does not depend on rows looked up before.

    Attributes:
        columns: of the encoded matrix, for each expanded one.
        codes: that make a column of a category 1; of a number NaN.
        medians: of a category 0, so that nothing is missing.
    """

    columns: Places
    codes: Matrix
    medians: Matrix
    means: Matrix
    scales: Matrix
    weights: tuple[Matrix, ...]
    intercepts: Matrix

    @classmethod
    def of(cls, linear: Linear | ClassLinear, features: Sequence[Feature]) -> LinearMargins:
        """For a recipe and its features, in their order."""
        places = [(place, code) for place, feature in enumerate(features) for code in range(feature.width)]
        is_number = np.array([features[place].kind == "numeric" for place, _ in places])
        weights = linear.coefficients if isinstance(linear, ClassLinear) else (linear.coefficients,)
        intercepts = linear.intercepts if isinstance(linear, ClassLinear) else (linear.intercept,)
        return cls(
            np.array([place for place, _ in places], dtype=np.intp),
            np.where(is_number, np.nan, np.array([code for _, code in places], dtype=np.float64)),
            np.array([features[place].median or 0.0 for place, _ in places]),
            np.array(linear.means),
            np.array(linear.scales),
            tuple(np.array(each) for each in weights),
            np.array(intercepts),
        )

    def add_up(self, matrix: Matrix) -> Matrix:
        """One per row; of classes one per row and class."""
        found = matrix.take(self.columns, axis=1)
        inputs = np.where(np.isnan(self.codes), np.where(np.isnan(found), self.medians, found), found == self.codes)
        standard = (inputs - self.means) / self.scales
        sums = [(standard * weights).sum(axis=1) for weights in self.weights]
        return np.column_stack(sums) + self.intercepts if len(sums) > 1 else sums[0] + self.intercepts[0]


def contribute_linear(
    linear: Linear | ClassLinear, matrix: Matrix, features: Sequence[Feature], chosen: Places | None = None
) -> Matrix:
    """Contribution of every feature: coefficient times standardised value, summed over a category's columns.

    It is in the units of the link: log-odds, those of the target, or logarithms of these.

    Args:
        chosen: of classes: which one's margin is explained, for each row.
    """
    weighted = _weigh(linear, matrix, features, chosen)
    edges = np.concatenate([[0], np.cumsum([feature.width for feature in features])])
    return np.column_stack([weighted[:, start:stop].sum(axis=1) for start, stop in pairwise(edges)])


def _weigh(linear: Linear | ClassLinear, matrix: Matrix, features: Sequence[Feature], chosen: Places | None) -> Matrix:
    coefficients = np.array(linear.coefficients)
    weights = coefficients if chosen is None else coefficients[chosen]
    return np.asarray(_standardise(linear, matrix, features) * weights, dtype=np.float64)


def _standardise(linear: Linear | ClassLinear, matrix: Matrix, features: Sequence[Feature]) -> Matrix:
    return np.asarray((expand_inputs(matrix, features) - np.array(linear.means)) / np.array(linear.scales), dtype=np.float64)
