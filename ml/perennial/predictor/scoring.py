"""What a loaded model says about rows: calibrated scores, and the strongest reasons for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from perennial.predictor.calibration import apply_calibrator
from perennial.predictor.contract import Contract, Feature
from perennial.predictor.encoding import Matrix, encode, refuse_infinite
from perennial.predictor.linear import Places, contribute_linear, predict_linear
from perennial.predictor.native import NativeBooster, contribute_every, contribute_native, predict_raw
from perennial.predictor.shares import Shares, trust_shares

if TYPE_CHECKING:
    import pandas as pd

Reasons = NDArray[np.object_]
LONGEST_VALUE = 80  # characters of a text in a reason: a street has 40, a comment 2,000
LARGEST_VALUE = 1e15  # beyond it a number is written by its first digits: 1e300 has 301


@dataclass(frozen=True, eq=False)
class Predictor:
    """A model ready to score; `booster` is None for what is linear, `threads` bounds the libraries' own.

    Args:
        golden: encoded rows on which tables for the reasons must say what the library does; None: the library explains.
    """

    contract: Contract
    booster: NativeBooster | None
    threads: int = 2
    golden: Matrix | None = None

    def score(self, frame: pd.DataFrame) -> Matrix:
        """Calibrated scores, one per row, or one per row and class; the order of the columns is irrelevant.

        Probabilities lie in [0, 1]; amounts are in the units of the target, and above 0 where the link is a logarithm.

        Raises:
            SchemaMismatch: columns are missing, retyped or infinite.
        """
        return self.score_matrix(encode(frame, self.contract.features))

    def explain(self, frame: pd.DataFrame, count: int) -> list[tuple[str, ...]]:
        """The `count` strongest reasons of every row, strongest first: `+ recency_days = 41` raised the score.

        Of classes they are those of the likeliest: what raised or lowered its margin.

        Ties go to the feature that stands first in the contract; a missing value reads `unknown`.
        """
        return [tuple(row) for row in self.explain_matrix(encode(frame, self.contract.features), count)]

    def score_matrix(self, matrix: Matrix) -> Matrix:
        """`score` for rows that are encoded already."""
        return apply_calibrator(self.contract.calibrator, self._predict(matrix))

    def explain_matrix(self, matrix: Matrix, count: int) -> Reasons:
        """`explain` for rows that are encoded already: an array of texts, rows by `count` (at most one per feature)."""
        contributions = self._contribute(matrix)
        # A stable sort keeps the features' order among equals.
        strongest = np.argsort(-np.abs(contributions), axis=1, kind="stable")[:, :count]
        texts = np.empty(strongest.shape, dtype=object)
        for position, feature in enumerate(self.contract.features):
            rows, places = np.nonzero(strongest == position)
            texts[rows, places] = _write_reasons(feature, matrix[rows, position], contributions[rows, position] < 0)
        return texts

    def _predict(self, matrix: Matrix) -> Matrix:
        features = self.contract.features
        refuse_infinite(matrix, features)
        if len(matrix) == 0:
            return np.empty(0 if self.contract.classes is None else (0, len(self.contract.classes)))
        if self.contract.linear is not None:
            return predict_linear(self.contract.linear, matrix, features, self.contract.link)
        assert self.booster is not None
        return predict_raw(self.booster, matrix, features, threads=self.threads, link=self.contract.link)

    def _contribute(self, matrix: Matrix) -> Matrix:
        features = self.contract.features
        if len(matrix) == 0:
            return np.empty((0, len(features)))
        chosen = None if self.contract.classes is None else self.score_matrix(matrix).argmax(axis=1)
        if self._shares is not None:
            return _read_shares(self._shares, matrix, chosen)
        if self.contract.linear is not None:
            return contribute_linear(self.contract.linear, matrix, features, chosen)
        assert self.booster is not None
        return contribute_native(self.booster, matrix, features, threads=self.threads, chosen=chosen)

    @cached_property
    def _shares(self) -> tuple[Shares, ...] | None:
        """Made for the first rows that are explained, and checked on the golden ones: whoever only scores pays nothing."""
        if self.booster is None or self.golden is None:
            return None
        expected = contribute_every(self.booster, self.golden, self.contract.features, threads=self.threads)
        return trust_shares(self.booster, self.golden, expected, self.contract.model)


def _read_shares(shares: Sequence[Shares], matrix: Matrix, chosen: Places | None) -> Matrix:
    """Of classes, for each row those of the chosen one."""
    if chosen is None:
        return shares[0].contribute(matrix)
    found = np.empty(matrix.shape)
    for place in np.unique(chosen):
        found[chosen == place] = shares[place].contribute(matrix[chosen == place])
    return found


def _write_reasons(feature: Feature, values: Matrix, lowers: NDArray[np.bool_]) -> list[str]:
    """One text per row; every distinct value is written only once, for most rows share theirs."""
    distinct, places = np.unique(values, return_inverse=True)
    shown = [_show_value(feature, float(value)) for value in distinct]
    return [f"{'-' if low else '+'} {feature.name} = {shown[place]}" for place, low in zip(places, lowers, strict=True)]


def _show_value(feature: Feature, value: float) -> str:
    if np.isnan(value):
        return "unknown"
    if feature.kind == "category":
        return _shorten(feature.categories[int(value)]) if value < len(feature.categories) else "a rare value"
    if abs(value) >= LARGEST_VALUE:
        return f"{value:.3g}"
    if value == int(value):
        return str(int(value))
    return f"{value:.2f}".rstrip("0").rstrip(".") if abs(value) >= 1 else f"{value:.3g}"


def _shorten(value: str) -> str:
    """On one line, and no longer than people read."""
    line = " ".join(value.split()) if "\n" in value or "\r" in value else value
    return line if len(line) <= LONGEST_VALUE else f"{line[: LONGEST_VALUE - 1]}…"
