"""What train leaves behind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AliasChoices, Field

from perennial.records.current_state import CurrentStateUse
from perennial.records.recipes import CHOSEN_WORDS, Algorithm, Recipe, RecipeChoice
from perennial.records.tuning import Tuning
from perennial.records.verdicts import Promotion

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd  # DAG parsing reads this package and must stay light


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """Snapshots joined with matured labels.

    Attributes:
        features: model inputs, float64 (of many rows that teach float32, where it is the same) or category dtype, index
            (as_of: datetime64, entity_id), sorted, unique.
        labels: 0 or 1, or amounts; same index.
        segments: segment columns (text), same index; never an input.
        clusters: which entities are copies of each other (text), same index; never an input; None: none are.
        data_hash: SHA-256 over the checksums of the snapshots and labels in it, the query hash, and what a person ruled
            about the inputs, and the as_ofs that rested: after another ruling, or a release, the same day is trained anew.
        current_state: which features come from `current_state` sources, where that was asked; None: there is no such source.
        beside: `weight` and `value` of each row, where the model names such columns, or rows were drawn; same index.
        drawn_of: of so many rows these were drawn, as `training.max_rows` has it; None: they are all.
        checksums: `features` and `labels` -> of each day that was read, as the ledger had it then.
    """

    features: pd.DataFrame
    labels: pd.Series
    segments: pd.DataFrame
    data_hash: str
    clusters: pd.Series | None = None
    current_state: CurrentStateUse | None = None
    beside: Mapping[str, pd.Series] = field(default_factory=dict)
    drawn_of: int | None = None
    checksums: Mapping[str, Mapping[date, str]] = field(default_factory=dict)

    @property
    def as_ofs(self) -> tuple[date, ...]:
        return tuple(stamp.date() for stamp in self.features.index.get_level_values("as_of").unique())

    def rows_of(self, as_ofs: tuple[date, ...]) -> TrainingSet:
        """The part of this set that lies on the given as_ofs: a view where they stand together, and a copy elsewhere."""
        chosen = self.features.index.get_level_values("as_of").isin([datetime.combine(day, time()) for day in as_ofs])
        (places,) = chosen.nonzero()
        together = len(places) > 0 and places[-1] - places[0] == len(places) - 1
        return self._take(slice(int(places[0]), int(places[-1]) + 1) if together else chosen)

    def weighing(self) -> TrainingSet:
        """Without the rows that weigh nothing: they teach nothing and judge nobody."""
        return self._take((self.beside["weight"] > 0).to_numpy()) if "weight" in self.beside else self

    def _take(self, part: slice | np.ndarray[tuple[int], np.dtype[np.bool_]]) -> TrainingSet:
        clusters = None if self.clusters is None else self.clusters.iloc[part]
        features, labels, segments = self.features.iloc[part], self.labels.iloc[part], self.segments.iloc[part]
        beside = {name: column.iloc[part] for name, column in self.beside.items()}
        return replace(self, features=features, labels=labels, segments=segments, clusters=clusters, beside=beside)


@dataclass(frozen=True)
class SplitPlan:
    """Which as_ofs train, which are held out, and what the label period forbids in between.

    Attributes:
        training: oldest first; of a search at least the embargo before the first holdout as_of.
        holdout: the newest matured as_ofs, never tuned on; empty where nothing is chosen.
        rested: those from the first training as_of on that were set aside, and neither teach nor judge.
        knowledge_lag_days: from the newest training as_of to the day of the training.
    """

    training: tuple[date, ...]
    holdout: tuple[date, ...]
    knowledge_lag_days: int
    rested: tuple[date, ...] = ()

    @property
    def trained_for(self) -> date:
        """The as_of of the training."""
        return self.training[-1] + timedelta(days=self.knowledge_lag_days)


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
    """What a training would use, and the sentences about what it may not use: references, not rows.

    Attributes:
        plan: what is fitted: the newest as_ofs that may teach.
        search: what a search would look at; None while history is too short for one.
    """

    as_of: date
    plan: SplitPlan
    search: SplitPlan | None
    rows: int
    data_hash: str
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class Baseline:
    """A fitted baseline as predictor files of its own, so that it can score the same holdout rows as everybody.

    Attributes:
        feature: of the single-feature rule: the one it ranks by; None for the linear recipe.
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
        recipe: what it is a fit of, with its inputs and rulings.
        parameters: as given to the library; `rounds` is the median of the early stops over the folds.
        fold_metrics: one row per fold: metric name -> value.
        tuning: how the booster came by its parameters; None when a linear recipe was fitted again.
        learning_curve: number of training as_ofs -> the headline on the last fold.
        pictures: name -> PNG file; `alarms`: sentences of the leak checks that did not stop the training.
        baselines: `logistic` (of amounts `ridge`) and `recency`, fitted on the same rows.
        choice: why it is this recipe; None when a known one was fitted again.
    """

    folder: Path
    recipe: Recipe
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
    choice: RecipeChoice | None = None

    @property
    def algorithm(self) -> Algorithm:
        return self.recipe.algorithm


Origin = Literal["training", "refresh", "manual"]


@dataclass(frozen=True)
class FitDistance:
    """How far the scores of a new fit lie from those of the former fit of its recipe, on the newest valid snapshot.

    Attributes:
        version: the former fit.
        rank_correlation: Spearman's, in [-1, 1].
        top_decile_overlap: share of the former top decile that stays in it, in [0, 1].
        mean_shift: change of the mean score as a share of what it was, or of the spread where that lies near 0.
    """

    version: int
    as_of: date
    rows: int
    rank_correlation: float
    top_decile_overlap: float
    mean_shift: float


@dataclass(frozen=True)
class Version:
    """A registered predictor as the ledger knows it.

    Attributes:
        recipe: number of what it is a fit of.
        manifest: file name -> SHA-256; `baselines`: the same for each baseline that was fitted on its rows.
        holdout_as_ofs: the newest matured as_ofs; fits of its recipe that had not seen them scored them: `holdout_mean_score`,
            and `holdout_headline`, in the column `holdout_auc`. Empty while history is too short for that.
        newest_mean_score: mean of its scores of the newest valid snapshot when it was fitted.
        distance: from the former fit of its recipe; None for the first.
        origin: `training`: the first fit of a recipe under test, `refresh`: a later one, `manual`: registered by hand.
        tuning: how the booster of its training came by its parameters; `choice`: why it is this recipe, and no other.
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
    recipe: int = 1
    parameters: Mapping[str, object] = field(default_factory=dict)
    holdout_mean_score: float | None = None
    holdout_headline: Annotated[float | None, Field(validation_alias=AliasChoices("holdout_headline", "holdout_auc"))] = None
    newest_mean_score: float | None = None
    distance: FitDistance | None = None
    config_hash: str = ""
    query_hash: str = ""
    code_version: str = ""
    baselines: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    origin: Origin = "training"
    tuning: Tuning | None = None
    rested: tuple[date, ...] = ()
    choice: RecipeChoice | None = None

    @property
    def reference_as_ofs(self) -> tuple[date, ...]:
        """What its scores are held against later: the holdout, or its own training rows where nothing was held out."""
        return self.holdout_as_ofs or self.training_as_ofs

    @property
    def knowledge_lag_days(self) -> int:
        return (self.trained_for - max(self.training_as_ofs)).days

    @property
    def rulings(self) -> Mapping[str, str]:
        """What a person had ruled about the inputs: the words among the parameters that no recipe has."""
        return {name: words for name, words in self.parameters.items() if isinstance(words, str) and name not in CHOSEN_WORDS}


@dataclass(frozen=True)
class Refreshed:
    """A weekly fit, and whether it serves.

    Attributes:
        promotion: the movement to it; None when it is held back.
        held: why it is held back; empty when it serves.
    """

    version: Version
    promotion: Promotion | None
    held: str = ""
