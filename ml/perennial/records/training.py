"""What train leaves behind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from perennial.records.recipes import Algorithm, Recipe, recipe_hash
from perennial.records.tuning import Tuning

if TYPE_CHECKING:
    import pandas as pd  # DAG parsing reads this package and must stay light


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """Snapshots joined with matured labels.

    Attributes:
        features: model inputs, float64 or category dtype, index (as_of: datetime64, entity_id), sorted, unique.
        labels: 0 or 1, same index.
        segments: segment columns (text), same index; never an input.
        data_hash: SHA-256 over the checksums of the snapshots and labels in it, the query hash, and what a person ruled
            about the inputs, and the as_ofs that rested: after another ruling, or a release, the same day is trained anew.
    """

    features: pd.DataFrame
    labels: pd.Series
    segments: pd.DataFrame
    data_hash: str

    @property
    def as_ofs(self) -> tuple[date, ...]:
        return tuple(stamp.date() for stamp in self.features.index.get_level_values("as_of").unique())

    def rows_of(self, as_ofs: tuple[date, ...]) -> TrainingSet:
        """The part of this set that lies on the given as_ofs."""
        chosen = self.features.index.get_level_values("as_of").isin([datetime.combine(day, time()) for day in as_ofs])
        return TrainingSet(self.features[chosen], self.labels[chosen], self.segments[chosen], self.data_hash)


@dataclass(frozen=True)
class SplitPlan:
    """Which as_ofs train, which are held out, and what the label period forbids in between.

    Attributes:
        training: oldest first; at least the embargo before the first holdout as_of.
        holdout: the newest matured as_ofs, never tuned on.
        rested: those from the first training as_of on that were set aside, and neither teach nor judge.
        knowledge_lag_days: from the newest training as_of to the day of the training.
    """

    training: tuple[date, ...]
    holdout: tuple[date, ...]
    knowledge_lag_days: int
    rested: tuple[date, ...] = ()


@dataclass(frozen=True)
class Labelled:
    """The matured as_ofs that can teach, oldest first, and why others cannot.

    Attributes:
        rested: those that rest or were rejected, oldest first.
        outdated: those whose snapshots a former definition of the features built.
        left_out: sentences about these, and about every day that got no labels.
    """

    days: tuple[date, ...]
    outdated: tuple[date, ...]
    left_out: tuple[str, ...]
    rested: tuple[date, ...] = ()


@dataclass(frozen=True)
class Assembly:
    """What a training would use, and the sentences about what it may not use: references, not rows."""

    as_of: date
    plan: SplitPlan
    rows: int
    data_hash: str
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class Baseline:
    """A fitted baseline as predictor files of its own, so that it can score the same holdout rows as everybody.

    Attributes:
        feature: of the single-feature rule: the one it ranks by; None for logistic regression.
        metrics: out of fold: metric name -> value.
    """

    folder: Path
    manifest: Mapping[str, str]
    feature: str | None
    metrics: Mapping[str, float]


@dataclass(frozen=True)
class Trained:
    """A fitted challenger on disk, not yet registered.

    Attributes:
        folder: holds the native model file, contract.json and golden.json; hashed by `manifest`.
        algorithm: xgboost, lightgbm or logistic.
        parameters: as given to the library; `rounds` is the median of the early stops over the folds.
        fold_metrics: one row per fold: metric name -> value.
        tuning: how the booster came by its parameters; None when a logistic regression was fitted again.
        learning_curve: number of training as_ofs -> AUC on the last fold.
        pictures: name -> PNG file; `alarms`: sentences of the leak checks that did not stop the training.
        baselines: `logistic` and `recency`, fitted on the same rows.
    """

    folder: Path
    algorithm: Literal["xgboost", "lightgbm", "logistic"]
    parameters: Mapping[str, float | int | str]
    rounds: int
    trials: int
    metrics: Mapping[str, float]
    fold_metrics: tuple[Mapping[str, float], ...]
    tuning: Tuning | None
    importances: Mapping[str, float]
    learning_curve: Mapping[int, float]
    pictures: Mapping[str, Path]
    alarms: tuple[str, ...]
    manifest: Mapping[str, str]
    plan: SplitPlan
    data_hash: str
    seconds: float
    baselines: Mapping[str, Baseline] = field(default_factory=dict)


Origin = Literal["training", "renewal", "manual"]


@dataclass(frozen=True)
class Version:
    """A registered predictor as the ledger knows it.

    Attributes:
        manifest: file name -> SHA-256; `baselines`: the same for each baseline that was fitted on its rows.
        origin: `training` was made for the day, `renewal` is the champion's recipe refitted for it.
        tuning: how the booster of its training came by its parameters.
        rested: as_ofs among its days that had been set aside when it was trained.
    """

    model: str
    version: int
    algorithm: str
    mlflow_run_id: str
    manifest: Mapping[str, str]
    data_hash: str
    training_as_ofs: tuple[date, ...]
    holdout_as_ofs: tuple[date, ...]
    trained_for: date
    effective_at: datetime
    parameters: Mapping[str, object] = field(default_factory=dict)
    holdout_mean_score: float | None = None
    config_hash: str = ""
    query_hash: str = ""
    code_version: str = ""
    baselines: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    origin: Origin = "training"
    tuning: Tuning | None = None
    rested: tuple[date, ...] = ()

    @property
    def knowledge_lag_days(self) -> int:
        return (self.trained_for - max(self.training_as_ofs)).days

    @property
    def recipe(self) -> Recipe:
        """What to fit again on other rows."""
        numbers = {name: value for name, value in self.parameters.items() if isinstance(value, int | float)}
        return Recipe(cast("Algorithm", self.algorithm), numbers)

    @property
    def rulings(self) -> Mapping[str, str]:
        """What a person had ruled about the inputs: the words among the parameters."""
        return {name: words for name, words in self.parameters.items() if isinstance(words, str)}

    @property
    def recipe_hash(self) -> str:
        """Two versions with equal data hash and equal recipe hash are the same predictor."""
        return recipe_hash(self.algorithm, self.parameters)
