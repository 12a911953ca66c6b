"""What was assessed out of fold, put side by side, measured and written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from perennial.predictor import IDENTITIES, Predictor
from perennial.records import Baseline, Interval, Recipe, RecipeChoice
from perennial.tasks import Task
from perennial.train.baselines import PLAIN, read_inverse_penalty
from perennial.train.boosters import SPACES
from perennial.train.candidates import (
    Candidate,
    assess_booster,
    assess_linear,
    assess_single_feature,
    write_candidate,
)
from perennial.train.engine import Engine
from perennial.train.rows import FoldRows, TrainingRows
from perennial.train.search import Searched, try_recipe


@dataclass(frozen=True, eq=False)
class Assessed:
    """The challenger with its recipe, and what stood beside it on the same out-of-fold rows.

    Attributes:
        booster: None when a recipe without one is fitted again.
        linear: the linear recipe of the task: logistic regression, or ridge.
        recency: the single-feature rule.
    """

    challenger: Candidate
    recipe: Recipe
    booster: Candidate | None
    linear: Candidate
    recency: Candidate

    @property
    def task(self) -> Task:
        """Of the model."""
        return self.challenger.task

    @property
    def named(self) -> dict[str, Candidate]:
        """What was assessed, under the names of its metrics."""
        known = {"booster": self.booster, self.task.fitting.linear: self.linear, "recency": self.recency}
        return {name: candidate for name, candidate in known.items() if candidate is not None}


def choose_challenger(
    searched: Searched, folds: Sequence[FoldRows], engine: Engine, seed: int, *, single: Recipe, recency: Candidate
) -> Assessed:
    """The lowest loss out of fold among booster, linear recipe and single-feature rule, all calibrated alike."""
    booster, linear = assess_booster(searched.best, folds, seed, engine), assess_linear(folds)
    plain = PLAIN[recency.task.fitting.linear]
    entered = ((recency, single), (linear, plain), (booster, searched.best.recipe))  # of equals the plainest
    challenger, recipe = min(entered, key=lambda each: each[0].loss)
    return Assessed(challenger, recipe, booster, linear, recency)


def keep_recipe(recipe: Recipe, folds: Sequence[FoldRows], *, recency: Candidate, seed: int, engine: Engine) -> Assessed:
    """The challenger is this very recipe, whatever else is ahead."""
    candidate = assess_recipe(recipe, folds, seed=seed, engine=engine)
    booster = candidate if recipe.algorithm in SPACES else None
    return Assessed(candidate, recipe, booster, assess_linear(folds), recency)


def assess_recipe(recipe: Recipe, folds: Sequence[FoldRows], *, seed: int, engine: Engine) -> Candidate:
    """A known recipe on these folds: rounds and calibrator are found anew."""
    if recipe.algorithm == "single_feature":
        return assess_single_feature(recipe, folds)
    if recipe.algorithm == folds[0].training.task.fitting.linear:
        return assess_linear(folds, read_inverse_penalty(recipe))
    return assess_booster(try_recipe(recipe, folds, seed=seed, engine=engine), folds, seed, engine)


def state_choice(
    assessed: Assessed, suspicions: tuple[str, ...], remarks: tuple[str, ...], constant: float | None
) -> RecipeChoice:
    """What the choice rests on: the loss of everybody, and what a person should look at."""
    fitting = assessed.task.fitting
    named = {"booster": assessed.booster, fitting.linear: assessed.linear, "single_feature": assessed.recency}
    losses = {name: candidate.loss for name, candidate in named.items() if candidate is not None}
    return RecipeChoice(losses, suspicions, remarks=remarks, loss=fitting.loss_named, constant=constant)


@dataclass(frozen=True, eq=False)
class Written:
    """The fitted challenger with the manifest of its files, and the baselines beside it."""

    challenger: Predictor
    manifest: Mapping[str, str]
    baselines: Mapping[str, Baseline]


def write_all(assessed: Assessed, rows: TrainingRows, golden: pd.DataFrame, folder: Path) -> Written:
    """Fit and write challenger/, that of the linear recipe (logistic/ or ridge/) and recency/, each a predictor of its own.

    The baselines are plain: a linear recipe states probabilities or amounts by itself, and a calibrated one is what the
    challenger becomes where it wins.
    """
    linear = assessed.task.fitting.linear
    challenger, manifest = write_candidate(assessed.challenger, rows, golden, folder / "challenger")
    baselines = {
        linear: _write_baseline(assessed.linear, rows, golden, folder / linear),
        "recency": _write_baseline(assessed.recency, rows, golden, folder / "recency"),
    }
    return Written(challenger, manifest, baselines)


def _write_baseline(candidate: Candidate, rows: TrainingRows, golden: pd.DataFrame, folder: Path) -> Baseline:
    plain = replace(candidate, calibrator=IDENTITIES[candidate.task.fitting.link])
    predictor, manifest = write_candidate(plain, rows, golden, folder)
    names = predictor.contract.names
    return Baseline(folder, manifest, names[0] if folder.name == "recency" else None, candidate.metrics)


def measure_out_of_fold(assessed: Assessed) -> dict[str, float]:
    """The challenger's own metrics, and those of all that were assessed under their names."""
    each = {f"{name}_{metric}": value for name, one in assessed.named.items() for metric, value in one.metrics.items()}
    return {**assessed.challenger.metrics, **each}


def measure_fold(assessed: Assessed, fold: FoldRows, number: int) -> dict[str, float]:
    """One row for a fold: its size, and what each candidate achieved there."""
    rows = fold.validation.index
    labels = assessed.challenger.labels.loc[rows]
    everybody = {"challenger": assessed.challenger, **assessed.named}
    headline = assessed.task.headline
    achieved = {
        f"{name}_{headline.name}": headline.value(candidate.scores.loc[rows], labels) for name, candidate in everybody.items()
    }
    sizes = {"training_rows": float(len(fold.training.labels)), "validation_rows": float(len(rows))}
    return {"fold": float(number), **sizes, **achieved}


def measure_search(searched: Searched) -> dict[str, float]:
    """What the search found and cost."""
    name = searched.best.task.headline.name
    return {
        f"tuned_{name}": searched.best.value,
        f"default_{name}": searched.default.value,
        "trials": float(searched.trials),
        "pruned_trials": float(searched.pruned),
        "fold_fits": float(searched.fold_fits),
    }


def compare_to_default(searched: Searched, labels: pd.Series) -> Interval:
    """What the booster's recipe gains on the better regularised default in the headline, out of fold, on the same rows.

    The best of many trials flatters itself on the rows it was chosen by, so that this is an upper hope, not a promise.
    """
    return searched.best.task.headline.gain(searched.best.raw, searched.default.raw, labels)
