"""Linear recipes as our own JSON: no library opens a file, and nothing can execute."""

from __future__ import annotations

from collections.abc import Sequence
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
