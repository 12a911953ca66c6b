"""What stops a training before a library sees a row: both boosters train on nonsense without a word."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from perennial.config import Model
from perennial.errors import (
    ColumnContractBroken,
    ConfigError,
    GrainViolated,
    LabelsIncomplete,
    MisalignedScores,
    OneClassLabels,
    RowsSeenInTraining,
    SnapshotMissing,
)
from perennial.records import SplitPlan, TrainingSet
from perennial.tasks import task_of
from perennial.train.devices import check_device
from perennial.train.rows import FoldRows, choose_inputs, cut_folds, gather_rows
from perennial.train.splits import Fold, make_folds


def check_training_set(model: Model, training: TrainingSet, plan: SplitPlan) -> None:
    """Refuse rows that are doubled, not planned, unlabelled, all labelled alike, or held out, and a device that is not there.

    Raises:
        GrainViolated, MisalignedScores, RowsSeenInTraining, SnapshotMissing, LabelsIncomplete, ColumnContractBroken,
        OneClassLabels, ConfigError: as their names say.
    """
    check_device(model)
    _check_grain(model, training)
    _check_as_ofs(model, training, plan)
    _check_weights(model, training)
    _check_labels(model, training.weighing().labels)
    _check_inputs(model, training)


def drop_useless_folds(model: Model, folds: Sequence[FoldRows]) -> tuple[FoldRows, ...]:
    """The folds from which something can be learned.

    Raises:
        OneClassLabels: there is none.
    """
    kept = tuple(fold for fold in folds if fold.is_usable)
    if not kept:
        named, task = "; ".join(_name_fold(fold.fold) for fold in folds), task_of(model)
        raise OneClassLabels(
            f"{model.name}: every fold has {task.alike} among the rows that train, or within each as_of that "
            f"validates ({named}): wait for {task.awaited}, build older snapshots, or check labels.sql."
        )
    return kept


def has_folds(model: Model, training: TrainingSet, plan: SplitPlan) -> bool:
    """Are there as_ofs enough for a fold from which something can be learned?

    The labels alone say so: one input is encoded, for rows have one at least.
    """
    days = plan.training
    if len(days) < model.training.min_as_ofs or days[-1] - model.embargo < days[0]:
        return False
    rows = gather_rows(model, training.rows_of(days), only=choose_inputs(training, model.training)[:1])
    cut = cut_folds(rows, make_folds(days, model.training.folds, model.embargo))
    return any(fold.is_usable for fold in cut)


def name_dropped_folds(folds: Sequence[FoldRows], kept: Sequence[FoldRows]) -> tuple[str, ...]:
    """A sentence about the folds that were left out, if any."""
    dropped = [_name_fold(fold.fold) for fold in folds if fold not in kept]
    return (f"Left out for {folds[0].training.task.alike}: {'; '.join(dropped)}.",) if dropped else ()


def _name_fold(fold: Fold) -> str:
    return f"training {fold.training[0]} .. {fold.training[-1]}, validation {fold.validation[0]} .. {fold.validation[-1]}"


def _check_grain(model: Model, training: TrainingSet) -> None:
    index = training.features.index
    if not (_is_sorted(index) or index.is_unique):
        doubled = index[index.duplicated()]
        raise GrainViolated(
            f"{model.name}: {len(doubled)} rows of the training set occur twice, the first is {doubled[0]}: "
            "features and labels must each hold one row per (as_of, entity_id)."
        )
    if not index.equals(training.labels.index):
        raise MisalignedScores(
            f"{model.name}: {len(index)} rows of features and {len(training.labels)} labels do not cover the same rows "
            "in the same order."
        )


def _is_sorted(index: pd.Index) -> bool:
    """Does every row lie behind the one before it? Then none occurs twice: cheaper to say than by a hash, 64 bytes a row."""
    if not isinstance(index, pd.MultiIndex) or index.names != ["as_of", "entity_id"]:
        return False
    (days, entities), (as_ofs, numbers) = index.levels, index.codes
    if not (days.is_monotonic_increasing and days.is_unique and entities.is_monotonic_increasing and entities.is_unique):
        return False
    places = as_ofs.astype(np.int64) * len(entities) + numbers
    return bool((as_ofs >= 0).all() and (numbers >= 0).all() and (places[1:] > places[:-1]).all())


def _check_as_ofs(model: Model, training: TrainingSet, plan: SplitPlan) -> None:
    """The holdout never enters a training: not one row, not one day of the embargo."""
    last = plan.holdout[0] - model.embargo if plan.holdout else plan.training[-1]
    seen = [str(day) for day in training.as_ofs if plan.holdout and day > last]
    if seen:
        raise RowsSeenInTraining(
            f"{model.name}: the training set holds {', '.join(seen)}, but the holdout begins on {plan.holdout[0]} and the "
            f"embargo is {model.embargo.days} days: train on as_ofs up to {last}."
        )
    missing = [str(day) for day in plan.training if day not in training.as_ofs]
    if missing:
        raise SnapshotMissing(
            f"{model.name}: planned as_ofs are missing from the training set: {', '.join(missing)}: "
            "build them with `perennial backfill`, or plan without them."
        )


def _check_weights(model: Model, training: TrainingSet) -> None:
    weights = training.beside.get("weight")
    if weights is None:
        return
    broken = int((~(weights >= 0) | np.isinf(weights)).sum())
    if broken or not (weights > 0).any():
        raise ColumnContractBroken(
            f"{model.name}: {broken} of {len(weights)} rows have a weight that is missing, infinite or below 0, and "
            f"{int((weights > 0).sum())} one above 0: correct {model.label.weight} in labels.sql."
        )


def _check_labels(model: Model, labels: pd.Series) -> None:
    missing = int(labels.isna().sum())
    if missing:
        raise LabelsIncomplete(f"{model.name}: {missing} of {len(labels)} training rows have no label: build their labels first.")
    task = task_of(model)
    wrong = task.find_wrong_labels(labels)
    if wrong:
        raise ColumnContractBroken(f"{model.name}: {wrong}: correct labels.sql, or what models/{model.name}.toml says of labels.")
    if len(labels) and not task.can_learn(labels):
        raise OneClassLabels(f"{model.name}: {task.say_unlearnable(labels)}: there is nothing to learn; check labels.sql.")


def _check_inputs(model: Model, training: TrainingSet) -> None:
    among_inputs = sorted(set(training.features.columns) & (set(model.asides) | set(training.segments.columns)))
    if among_inputs:
        raise ConfigError(
            f"models/{model.name}.toml: segments or clusters {', '.join(among_inputs)} are among the inputs of the "
            "training: they are read by the SQL and never fed to the model."
        )
    for key, names in model.training.named_features.items():
        unknown = [name for name in names if name not in training.features.columns]
        if unknown:
            raise ConfigError(
                f"models/{model.name}.toml: training.{key} names {', '.join(unknown)}, which is no feature: "
                f"name one of {', '.join(training.features.columns)}, or leave it out."
            )
    _check_rulings(model, training)


def _check_rulings(model: Model, training: TrainingSet) -> None:
    """A category has no order, and a model that excludes everything has nothing to learn from."""
    features = training.features
    unordered = [name for name in model.training.monotone if not pd.api.types.is_numeric_dtype(features[name].dtype)]
    if unordered:
        raise ConfigError(
            f"models/{model.name}.toml: training.monotone names {', '.join(unordered)}, which is a category and has no order: "
            "name numbers only."
        )
    if set(features.columns) <= set(model.training.exclude):
        raise ConfigError(f"models/{model.name}.toml: training.exclude leaves no feature to learn from: shorten it.")
