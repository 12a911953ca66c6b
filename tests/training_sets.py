"""Synthetic training sets for the tests of the train stage: small, seeded, with a signal of known kind."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pandas as pd

from perennial.config import Model, load_model
from perennial.records import SplitPlan, TrainingSet
from perennial.train import plan_split
from tests.paths import ROOT

LAPSE = load_model(ROOT / "models" / "lapse.toml")
SPEND = load_model(ROOT / "models" / "spend_next_28d.toml")
FIRST = date(2017, 3, 27)
TRAINED_FOR = date(2017, 10, 30)


def small_model(**training: object) -> Model:
    """The lapse model with two folds and three trials; none of its real features is named."""
    keys = {"folds": 2, "trials": 3, "recency": None, "acknowledged_auc": {}, **training}
    return LAPSE.model_copy(update={"training": LAPSE.training.model_copy(update=keys)})


def amount_model(metric: str, *, cap: float | None = None, **training: object) -> Model:
    """The same for amounts."""
    model = small_model(**{"metric": metric, "max_feature_auc": 0.99, **training})
    return model.model_copy(update={"label": model.label.model_copy(update={"task": "regression", "cap": cap})})


def class_model(metric: str = "log_loss", **training: object) -> Model:
    """The same for classes."""
    model = small_model(**{"metric": metric, "max_feature_auc": 0.99, **training})
    return model.model_copy(update={"label": model.label.model_copy(update={"task": "multiclass"})})


def mondays(count: int) -> tuple[date, ...]:
    return tuple(FIRST + timedelta(days=7 * week) for week in range(count))


def small_plan(model: Model) -> SplitPlan:
    """Twelve training as_ofs, 03-27 .. 06-12, and four held out."""
    return plan_split(model, mondays(19), TRAINED_FOR)


def make_training_set(
    as_ofs: tuple[date, ...], *, entities: int = 150, signal: float = 1.5, seed: int = 1, curved: bool = False, two: bool = False
) -> TrainingSet:
    """Three numbers (one with missing values) and a category; `curved` hides the signal from a straight line, and with `two`
    a second number carries some of it.
    """
    rng = np.random.default_rng(seed)
    index = pd.MultiIndex.from_product([pd.to_datetime(list(as_ofs)), range(entities)], names=["as_of", "entity_id"])
    strength = rng.normal(size=len(index))
    noise = rng.normal(size=len(index))
    features = pd.DataFrame(
        {
            "strength": strength,
            "noise": np.where(rng.random(len(index)) < 0.1, np.nan, noise),
            "other": rng.normal(size=len(index)),
            "colour": pd.Categorical(rng.choice(["blue", "green", "red"], size=len(index))),
        },
        index=index,
    )
    driver = np.abs(strength) * 2 - 1.5 if curved else strength
    driver = driver + 0.6 * features["other"] if two else driver
    likely = 1 / (1 + np.exp(-(signal * driver - 0.5)))
    labels = pd.Series((rng.random(len(index)) < likely).astype(int), index=index, name="label")
    segments = pd.DataFrame({"income": rng.choice(["low", "high"], size=len(index))}, index=index)
    return TrainingSet(features, labels, segments, data_hash=f"{seed}-{entities}-{signal}-{curved}-{two}")


def make_amounts(as_ofs: tuple[date, ...], *, counts: bool = False, signal: float = 1.0, seed: int = 1) -> TrainingSet:
    """The same features, some of which say how large an amount is: skewed around 20, or counts around 2, with zeros."""
    training = make_training_set(as_ofs, seed=seed)
    rng, features = np.random.default_rng(seed + 1), training.features
    driver = signal * (0.6 * np.abs(features["strength"]) + 0.3 * features["other"])
    noise = rng.normal(size=len(features)) * 0.4
    amounts = rng.poisson(np.exp(driver)) if counts else 20 * np.exp(driver + noise)
    labels = pd.Series(amounts.astype(float), index=features.index, name="label")
    return replace(training, labels=labels, data_hash=f"amounts-{counts}-{signal}-{seed}")


def make_classes(as_ofs: tuple[date, ...], *, signal: float = 1.0, seed: int = 1, curved: bool = False) -> TrainingSet:
    """The same features, some of which say which of three classes came; a few rows are of a fourth, `gifts`."""
    training = make_training_set(as_ofs, seed=seed)
    rng, features = np.random.default_rng(seed + 1), training.features
    strength = np.abs(features["strength"]) * 2 - 1.5 if curved else features["strength"]
    likely = signal * np.column_stack([1.2 * strength, 0.8 * features["other"], -1.2 * strength, 0 * strength - 2.5])
    drawn = (likely + rng.gumbel(size=likely.shape)).argmax(axis=1)
    labels = pd.Series(np.array(["dairy", "bakery", "produce", "gifts"])[drawn], features.index, name="label", dtype="str")
    return replace(training, labels=labels, data_hash=f"classes-{signal}-{seed}-{curved}")
