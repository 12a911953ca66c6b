"""A training set encoded once and cut by as_of, without a copy; a fold keeps its bins while they are small."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property

import lightgbm
import numpy as np
import pandas as pd
import xgboost
from numpy.typing import NDArray

from perennial.config import Model
from perennial.config.training import Direction, Training
from perennial.metrics import weigh_index
from perennial.predictor import Feature, encode_columns
from perennial.records import TrainingSet
from perennial.tasks import Scores, Task, frame_scores, task_of
from perennial.train.bins import bin_for_lightgbm, bin_for_xgboost, bin_held_for_lightgbm
from perennial.train.inputs import Floats, Inputs, Part
from perennial.train.pooling import pool_rare
from perennial.train.splits import Fold

KEPT_CELLS = 1 << 24
"""Rows times columns of the largest fold that keeps its bins: of five folds and two libraries a third of a GB. Larger ones
are made for each fit, which costs as much as some 60 rounds."""


@dataclass(frozen=True, eq=False)
class TrainingRows:
    """Encoded inputs with their labels; one row per (as_of, entity_id), one column per feature.

    Attributes:
        inputs: the columns; `matrix` makes one matrix of them, and is for rows that are few.
        labels: as recipes learn them; of classes their places in `classes`, which parts of the rows share.
        weights: in units of `mean_weight`, their mean over all rows of the training.
    """

    task: Task
    features: tuple[Feature, ...]
    inputs: Inputs
    labels: Floats
    index: pd.MultiIndex
    classes: tuple[str, ...] | None = None
    weights: Floats | None = None
    mean_weight: float = 1.0

    @property
    def matrix(self) -> Floats:
        """One row per row, one float64 column per feature: a copy."""
        return self.inputs.matrix()

    def on(self, as_ofs: Sequence[date]) -> TrainingRows:
        """The rows of these as_ofs: a view where they stand together, as those of a fold do, and a copy elsewhere."""
        places = np.flatnonzero(self.index.levels[0].isin(pd.to_datetime(list(as_ofs))))
        chosen = np.flatnonzero(np.isin(self.index.codes[0], places))
        together = len(chosen) > 0 and chosen[-1] - chosen[0] == len(chosen) - 1
        return self.take(slice(chosen[0], chosen[-1] + 1) if together else chosen)

    def take(self, part: Part) -> TrainingRows:
        """Some of the rows: a view of a slice, and a copy of what is picked."""
        weights = None if self.weights is None else self.weights[part]
        return replace(self, inputs=self.inputs.take(part), labels=self.labels[part], index=self.index[part], weights=weights)

    def pick(self, places: Sequence[int]) -> TrainingRows:
        """All rows, some of the features."""
        return replace(self, features=tuple(self.features[place] for place in places), inputs=self.inputs.pick(places))

    def only(self, name: str) -> TrainingRows:
        """All rows, one feature."""
        return self.pick([[feature.name for feature in self.features].index(name)])

    def bound_to(self, direction: object) -> TrainingRows:
        """The same rows, every feature bound to move the score in this direction; None leaves them free."""
        return replace(self, features=tuple(feature.model_copy(update={"monotone": direction}) for feature in self.features))

    def series(self, values: Floats) -> pd.Series:
        """One value per row, as the metrics want them."""
        return pd.Series(values, index=self.index)

    def frame(self, values: Floats) -> Scores:
        """What a predictor says of each row, as the task wants it."""
        return frame_scores(values, self.index, self.classes)

    @property
    def named(self) -> pd.Series:
        """The labels as the task wants them: of classes their names."""
        if self.classes is None:
            return self.series(self.labels)
        return pd.Series(np.array(self.classes, dtype=object)[self.labels.astype(np.intp)], index=self.index, dtype="str")

    @property
    def category_places(self) -> list[int]:
        return [place for place, feature in enumerate(self.features) if feature.kind == "category"]


@dataclass(frozen=True, eq=False)
class FoldRows:
    """The rows of one fold; what is binned for one trial is kept for the next."""

    fold: Fold
    training: TrainingRows
    validation: TrainingRows

    @property
    def is_usable(self) -> bool:
        """Do labels differ among the rows that train, and within an as_of of those that validate?"""
        task = self.training.task
        return task.can_learn(self.training.named) and task.can_judge(self.validation.named)

    @property
    def for_xgboost(self) -> tuple[xgboost.QuantileDMatrix, xgboost.QuantileDMatrix]:
        """Training and validation rows, the second in the bins of the first."""
        return self._xgboost_bins if self.keeps_bins else self._bin_for_xgboost()

    @property
    def for_lightgbm(self) -> tuple[lightgbm.Dataset, lightgbm.Dataset]:
        """Training and validation rows, the second in the bins of the first."""
        return self._lightgbm_bins if self.keeps_bins else self._bin_for_lightgbm()

    @property
    def keeps_bins(self) -> bool:
        """Are they small enough to wait for the next trial?"""
        return self.training.inputs.cells <= KEPT_CELLS

    def forget_bins(self) -> None:
        """Let go of what was kept; it is made again for whoever asks."""
        for kept in ("_xgboost_bins", "_lightgbm_bins"):
            self.__dict__.pop(kept, None)

    @cached_property
    def _xgboost_bins(self) -> tuple[xgboost.QuantileDMatrix, xgboost.QuantileDMatrix]:
        return self._bin_for_xgboost()

    @cached_property
    def _lightgbm_bins(self) -> tuple[lightgbm.Dataset, lightgbm.Dataset]:
        return self._bin_for_lightgbm()

    def _bin_for_xgboost(self) -> tuple[xgboost.QuantileDMatrix, xgboost.QuantileDMatrix]:
        training = bin_for_xgboost(self.training)
        return training, bin_for_xgboost(self.validation, bins_of=training)

    def _bin_for_lightgbm(self) -> tuple[lightgbm.Dataset, lightgbm.Dataset]:
        training = bin_for_lightgbm(self.training)
        return training, bin_held_for_lightgbm(self.validation, bins_of=training)


def gather_rows(model: Model, training: TrainingSet, *, only: Sequence[str] = ()) -> TrainingRows:
    """Encode every row of a training set, less the features that the model excludes.

    Args:
        only: the inputs of a recipe; empty: all that are not excluded.

    Raises:
        SchemaMismatch: a value is infinite.
    """
    training = training.weighing()
    index = training.features.index
    assert isinstance(index, pd.MultiIndex)
    features = describe_features(model, training, only=only)
    inputs = Inputs(encode_columns(training.features, features), len(index))
    task, beside = task_of(model), training.beside
    labels, classes = task.code_labels(training.labels)
    if not beside:
        return TrainingRows(task, features, inputs, labels, index, classes)
    weights = beside["weight"].to_numpy(dtype=np.float64) if "weight" in beside else None
    mean = 1.0 if weights is None else float(weights.mean())
    shares = None if weights is None else weights / mean  # so that what shrinks a fit weighs as much as before
    return TrainingRows(task, features, inputs, labels, weigh_index(index, beside), classes, shares, mean)


def describe_features(model: Model, training: TrainingSet, *, only: Sequence[str] = ()) -> tuple[Feature, ...]:
    """The inputs of a fit on these rows, none of which is encoded; `only` as in `gather_rows`."""
    names = [name for name in choose_inputs(training, model.training) if not only or name in only]
    entities: NDArray[np.intp] | None = None
    if any(not pd.api.types.is_numeric_dtype(training.features[name].dtype) for name in names):
        entities, _ = pd.factorize(training.features.index.get_level_values(-1))
    monotone = model.training.monotone
    return tuple(_describe(training.features[name], monotone.get(name), entities) for name in names)


def choose_inputs(training: TrainingSet, rules: Training | None = None) -> list[str]:
    """The columns that a fit may read, in their order."""
    return [str(name) for name in training.features.columns if rules is None or name not in rules.exclude]


def _describe(column: pd.Series, monotone: Direction | None, entities: NDArray[np.intp] | None) -> Feature:
    """Numbers and booleans are numeric; what remains is a category of the values seen in training, the rare ones together."""
    if pd.api.types.is_numeric_dtype(column.dtype):
        return Feature(name=str(column.name), monotone=monotone)
    assert entities is not None
    categories, pooled = pool_rare(column, entities)
    return Feature(name=str(column.name), kind="category", categories=categories, pooled=pooled)


def cut_folds(rows: TrainingRows, folds: Sequence[Fold]) -> tuple[FoldRows, ...]:
    """The rows that each fold trains on and validates."""
    return tuple(cut_fold(rows, fold) for fold in folds)


def cut_fold(rows: TrainingRows, fold: Fold) -> FoldRows:
    """The rows of one of them."""
    return FoldRows(fold, rows.on(fold.training), rows.on(fold.validation))
