"""A training set as matrices: encoded once, cut by as_of, binned once per fold and library.

Binning is what the trials share: with it a trial costs only its trees.
"""

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
from perennial.predictor import Feature, encode, number_inputs
from perennial.records import TrainingSet
from perennial.tasks import Scores, Task, frame_scores, task_of
from perennial.train.pooling import pool_rare
from perennial.train.splits import Fold

Floats = NDArray[np.float64]
BINS = 255  # LightGBM's default; the same for XGBoost, whose validation matrix must use its training matrix's bins
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


@dataclass(frozen=True, eq=False)
class TrainingRows:
    """Encoded inputs with their labels; one row per (as_of, entity_id), one column per feature.

    Attributes:
        labels: as recipes learn them; of classes their places in `classes`, which parts of the rows share.
        weights: in units of `mean_weight`, their mean over all rows of the training.
    """

    task: Task
    features: tuple[Feature, ...]
    matrix: Floats
    labels: Floats
    index: pd.MultiIndex
    classes: tuple[str, ...] | None = None
    weights: Floats | None = None
    mean_weight: float = 1.0

    def on(self, as_ofs: Sequence[date]) -> TrainingRows:
        """The rows of these as_ofs: a view where they stand together, as those of a fold do, and a copy elsewhere."""
        chosen = np.flatnonzero(self.index.get_level_values("as_of").isin(pd.to_datetime(list(as_ofs))))
        together = len(chosen) > 0 and chosen[-1] - chosen[0] == len(chosen) - 1
        part = slice(chosen[0], chosen[-1] + 1) if together else chosen
        weights = None if self.weights is None else self.weights[part]
        return replace(self, matrix=self.matrix[part], labels=self.labels[part], index=self.index[part], weights=weights)

    def only(self, name: str) -> TrainingRows:
        """All rows, one feature."""
        place = [feature.name for feature in self.features].index(name)
        return replace(self, features=(self.features[place],), matrix=self.matrix[:, [place]])

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

    @cached_property
    def for_xgboost(self) -> tuple[xgboost.QuantileDMatrix, xgboost.QuantileDMatrix]:
        """Training and validation rows, the second in the bins of the first."""
        training = bin_for_xgboost(self.training)
        return training, bin_for_xgboost(self.validation, bins_of=training)

    @cached_property
    def for_lightgbm(self) -> tuple[lightgbm.Dataset, lightgbm.Dataset]:
        """Training and validation rows, the second in the bins of the first."""
        training = bin_for_lightgbm(self.training)
        held = self.validation
        return training, training.create_valid(held.matrix, label=held.labels, weight=held.weights)


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
    matrix = encode(training.features, features)
    task, beside = task_of(model), training.beside
    labels, classes = task.code_labels(training.labels)
    if not beside:
        return TrainingRows(task, features, matrix, labels, index, classes)
    weights = beside["weight"].to_numpy(dtype=np.float64) if "weight" in beside else None
    mean = 1.0 if weights is None else float(weights.mean())
    shares = None if weights is None else weights / mean  # so that what shrinks a fit weighs as much as before
    return TrainingRows(task, features, matrix, labels, weigh_index(index, beside), classes, shares, mean)


def describe_features(model: Model, training: TrainingSet, *, only: Sequence[str] = ()) -> tuple[Feature, ...]:
    """The inputs of a fit on these rows, none of which is encoded; `only` as in `gather_rows`."""
    names = [name for name in choose_inputs(training, model.training) if not only or name in only]
    entities, _ = pd.factorize(training.features.index.get_level_values(-1))
    monotone = model.training.monotone
    return tuple(_describe(training.features[name], monotone.get(name), entities) for name in names)


def choose_inputs(training: TrainingSet, rules: Training | None = None) -> list[str]:
    """The columns that a fit may read, in their order."""
    return [str(name) for name in training.features.columns if rules is None or name not in rules.exclude]


def _describe(column: pd.Series, monotone: Direction | None, entities: NDArray[np.intp]) -> Feature:
    """Numbers and booleans are numeric; what remains is a category of the values seen in training, the rare ones together."""
    if pd.api.types.is_numeric_dtype(column.dtype):
        return Feature(name=str(column.name), monotone=monotone)
    categories, pooled = pool_rare(column, entities)
    return Feature(name=str(column.name), kind="category", categories=categories, pooled=pooled)


def cut_folds(rows: TrainingRows, folds: Sequence[Fold]) -> tuple[FoldRows, ...]:
    """The rows that each fold trains on and validates."""
    return tuple(cut_fold(rows, fold) for fold in folds)


def cut_fold(rows: TrainingRows, fold: Fold) -> FoldRows:
    """The rows of one of them."""
    return FoldRows(fold, rows.on(fold.training), rows.on(fold.validation))


def bin_for_xgboost(rows: TrainingRows, *, bins_of: xgboost.QuantileDMatrix | None = None) -> xgboost.QuantileDMatrix:
    """Rows in quantile bins, with the numbers and kinds that the predictor will check."""
    kinds = ["c" if feature.kind == "category" else "q" for feature in rows.features]
    return xgboost.QuantileDMatrix(
        rows.matrix,
        label=rows.labels,
        weight=rows.weights,
        feature_names=number_inputs(rows.features),
        feature_types=kinds,
        enable_categorical="c" in kinds,
        max_bin=BINS,
        nthread=THREADS_PER_FIT,
        ref=bins_of,
    )


def bin_for_lightgbm(rows: TrainingRows) -> lightgbm.Dataset:
    """Rows in bins that fit every trial."""
    return lightgbm.Dataset(
        rows.matrix,
        label=rows.labels,
        weight=rows.weights,
        feature_name=number_inputs(rows.features),
        categorical_feature=rows.category_places,
        params=LIGHTGBM_BINNING,
        free_raw_data=False,
    )
