"""Rows in the bins of a library, made of one matrix, or of blocks where there are too many rows for one.

Binning is what the trials share: with it a trial costs only its trees.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import lightgbm
import numpy as np
import xgboost

from perennial.predictor import number_inputs
from perennial.train.inputs import Floats, Inputs

if TYPE_CHECKING:
    from perennial.train.rows import TrainingRows

BINS = 255  # LightGBM's default; the same for XGBoost, whose validation matrix must use its training matrix's bins
OUTLINE_LINES = 4096  # sixteen values a bin
SORTED_ROWS = 1_000_000  # of more rows every so-manieth: their order is that of as_of and entity
# Two OpenMP threads wait for each other by spinning: on two busy cores a training took 530 s with two threads per fit
# and 75 s with one. So folds run side by side instead, each on one thread, and no fit waits for another.
THREADS_PER_FIT = 1
# feature_pre_filter would drop columns for the first trial's min_data_in_leaf, and for all that follow.
LIGHTGBM_BINNING = {
    "feature_pre_filter": False,
    "max_bin": BINS,
    "verbosity": -1,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": THREADS_PER_FIT,
}


def bin_for_xgboost(rows: TrainingRows, *, bins_of: xgboost.QuantileDMatrix | None = None) -> xgboost.QuantileDMatrix:
    """Rows in quantile bins, with the numbers and kinds that the predictor will check.

    Of blocks XGBoost merges the quantiles of each, so that bins may lie elsewhere than those of one matrix; equal rows always
    give equal bins.
    """
    kinds = ["c" if feature.kind == "category" else "q" for feature in rows.features]
    named = {"feature_names": number_inputs(rows.features), "feature_types": kinds}
    shared = {"enable_categorical": "c" in kinds, "max_bin": BINS, "nthread": THREADS_PER_FIT, "ref": bins_of}
    if rows.inputs.is_large:
        return xgboost.QuantileDMatrix(_Batches(rows, named), **shared)
    return xgboost.QuantileDMatrix(rows.matrix, label=rows.labels, weight=rows.weights, **named, **shared)


class _Batches(xgboost.DataIter):  # type: ignore[misc]  # ships no types
    """The blocks of rows, as often as XGBoost asks for them."""

    def __init__(self, rows: TrainingRows, named: dict[str, list[str]]) -> None:
        super().__init__()
        self._rows, self._named = rows, named
        self._left: Iterator[slice] = iter(())
        self.reset()

    def reset(self) -> None:
        self._left = self._rows.inputs.blocks()

    def next(self, input_data: Callable[..., object]) -> bool:
        part = next(self._left, None)
        if part is None:
            return False
        rows, matrix = self._rows, self._rows.inputs.single_matrix(part)
        beside = {} if rows.weights is None else {"weight": rows.weights[part]}
        input_data(data=matrix, label=rows.labels[part], **beside, **self._named)
        return True


def bin_for_lightgbm(rows: TrainingRows, *, outline: Floats | None = None) -> lightgbm.Dataset:
    """Rows in bins that fit every trial; of blocks they are the same as of one matrix. They are made at the first fit.

    Args:
        outline: of all rows of which these are a part (`outline_columns`), whose bins they get; None: they are all.
    """
    named = {"feature_name": number_inputs(rows.features), "categorical_feature": rows.category_places}
    given = {"label": rows.labels, "weight": rows.weights, **named}
    if outline is None:
        return lightgbm.Dataset(_offer(rows.inputs), params=LIGHTGBM_BINNING, **given)
    parameters = {**LIGHTGBM_BINNING, "enable_bundle": False}  # which columns are never filled together no outline says
    bins_of = lightgbm.Dataset(outline, label=np.zeros(len(outline)), params=parameters, **named).construct()
    return lightgbm.Dataset(_offer(rows.inputs), params=parameters, reference=bins_of, **given)


def outline_columns(rows: TrainingRows) -> Floats:
    """Each column by so many of its values, evenly spaced in their order and the missing ones last: enough to make bins of.

    A line of it is no row. Of processes that share a fit LightGBM lets each make the bins of some columns of its own rows alone:
    a column that these do not fill would be lost to all.
    """
    columns = [rows.inputs.column(place)[:: max(1, rows.inputs.rows // SORTED_ROWS)] for place in range(len(rows.features))]
    places = np.linspace(0, len(columns[0]) - 1, min(OUTLINE_LINES, len(columns[0]))).round().astype(np.intp)
    return np.column_stack([np.sort(column)[places] for column in columns])


def bin_held_for_lightgbm(rows: TrainingRows, *, bins_of: lightgbm.Dataset) -> lightgbm.Dataset:
    """Rows that are not learned from, in the bins of those that are."""
    return bins_of.create_valid(_offer(rows.inputs), label=rows.labels, weight=rows.weights)


def _offer(inputs: Inputs) -> Floats | lightgbm.Sequence:
    return _Rows(inputs) if inputs.is_large else inputs.matrix()


class _Rows(lightgbm.Sequence):  # type: ignore[misc]  # ships no types
    """Rows by number, which LightGBM asks for in their order: a sample to find its bins, then all of them, block by block."""

    def __init__(self, inputs: Inputs) -> None:
        self._inputs = inputs
        first = next(inputs.blocks(), slice(0, 0))
        self.batch_size = first.stop
        self._block, self._begin = np.empty((0, 0)), 0

    def __getitem__(self, place: int | slice | list[int]) -> Floats:
        if isinstance(place, slice):
            return self._inputs.matrix(place)
        if isinstance(place, list):
            return np.stack([self[each] for each in place])
        if not 0 <= place - self._begin < len(self._block):
            self._begin = place - place % self.batch_size
            self._block = self._inputs.matrix(slice(self._begin, min(self._begin + self.batch_size, len(self))))
        row: Floats = self._block[place - self._begin]
        return row

    def __len__(self) -> int:
        return self._inputs.rows
