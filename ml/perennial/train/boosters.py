"""XGBoost and LightGBM: what may be tried, the regularised defaults, and fitting with and without early stopping."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import lightgbm
import numpy as np
import xgboost

from perennial.errors import ConfigError
from perennial.predictor import ClassLinear, Feature, Linear, NativeBooster, Predictor, name_inputs, predict_raw
from perennial.records import Recipe
from perennial.tasks import Library
from perennial.train.baselines import PLAIN, begin_contract
from perennial.train.bins import LIGHTGBM_BINNING, THREADS_PER_FIT, bin_for_lightgbm, bin_for_xgboost
from perennial.train.inputs import Floats
from perennial.train.rows import FoldRows, TrainingRows

MOST_ROUNDS = 800  # a bound for the slowest rate of the search, .02; on the demo early stopping came at 250
PATIENCE = 30  # rounds without a better validation loss


@dataclass(frozen=True)
class Range:
    """The values of one parameter; both ends belong to it."""

    low: float
    high: float
    is_log: bool = False
    is_integer: bool = False

    def clip(self, value: float) -> float | int:
        """The nearest value inside."""
        inside = min(max(value, self.low), self.high)
        return round(inside) if self.is_integer else inside


# Ranges and defaults as measured on the demo's data: 30-50 trials within them equal the defaults, wider ones lose.
SPACES: dict[Library, dict[str, Range]] = {
    "xgboost": {
        "learning_rate": Range(0.02, 0.15, is_log=True),
        "max_depth": Range(2, 7, is_integer=True),
        "min_child_weight": Range(1, 100, is_log=True),
        "subsample": Range(0.5, 1.0),
        "colsample_bytree": Range(0.3, 1.0),
        "reg_lambda": Range(0.1, 100, is_log=True),
    },
    "lightgbm": {
        "learning_rate": Range(0.02, 0.15, is_log=True),
        "num_leaves": Range(4, 48, is_log=True, is_integer=True),
        "min_data_in_leaf": Range(20, 600, is_log=True, is_integer=True),
        "bagging_fraction": Range(0.5, 1.0),
        "feature_fraction": Range(0.3, 1.0),
        "lambda_l2": Range(0.1, 100, is_log=True),
    },
}
REGULARISED_DEFAULTS: dict[Library, Recipe] = {
    "xgboost": Recipe(
        "xgboost",
        {
            "learning_rate": 0.03,
            "max_depth": 4,
            "min_child_weight": 10.0,
            "subsample": 0.8,
            "colsample_bytree": 0.6,
            "reg_lambda": 5.0,
        },
    ),
    "lightgbm": Recipe(
        "lightgbm",
        {
            "learning_rate": 0.03,
            "num_leaves": 15,
            "min_data_in_leaf": 80,
            "bagging_fraction": 0.8,
            "feature_fraction": 0.6,
            "lambda_l2": 5.0,
        },
    ),
}


def write_recipe(
    algorithm: str, chosen: Mapping[str, float | str], *, linear: Literal["logistic", "ridge"] = "logistic"
) -> Recipe:
    """A recipe that a person wrote: what is not named is as in the regularised default.

    Args:
        linear: the linear recipe of the model's task, the only one of its kind that fits such labels.

    Raises:
        ConfigError: there is no such algorithm, or it has no such parameter, or one has no such value.
    """
    if algorithm == "single_feature":
        return _write_rule(chosen)
    defaults = (*REGULARISED_DEFAULTS.values(), PLAIN[linear])
    default = next((recipe for recipe in defaults if recipe.algorithm == algorithm), None)
    if default is None:
        known = ", ".join((*(recipe.algorithm for recipe in defaults), "single_feature"))
        raise ConfigError(f"There is no algorithm {algorithm}: write one of {known}.")
    unknown = sorted(set(chosen) - set(default.parameters))
    if unknown:
        raise ConfigError(f"{algorithm} has no parameter {', '.join(unknown)}: it has {', '.join(default.parameters)}.")
    words = sorted(name for name, value in chosen.items() if isinstance(value, str))
    if words:
        raise ConfigError(f"{algorithm} wants numbers for {', '.join(words)}: found {chosen[words[0]]}.")
    broken = sorted(
        name for name, value in chosen.items() if isinstance(default.parameters[name], int) and float(value) != int(value)
    )
    if broken:
        raise ConfigError(f"{algorithm} wants whole numbers for {', '.join(broken)}: found {chosen[broken[0]]}.")
    numbers = {name: type(value)(chosen.get(name, value)) for name, value in default.parameters.items()}
    return Recipe(default.algorithm, numbers)


def _write_rule(chosen: Mapping[str, float | str]) -> Recipe:
    """A single-feature rule; without a direction every fit finds its own."""
    directions = ("increasing", "decreasing")
    if (
        "feature" not in chosen
        or set(chosen) - {"feature", "direction"}
        or chosen.get("direction", directions[0]) not in directions
    ):
        raise ConfigError(
            f"single_feature wants a feature, and may have a direction, {' or '.join(directions)}; found {dict(chosen)}."
        )
    return Recipe("single_feature", chosen)


def read_recipe(parameters: Mapping[str, object], allowed: tuple[Library, ...]) -> Recipe | None:
    """The recipe whose parameters these are, moved into today's ranges; None when no allowed library has them."""
    for algorithm in allowed:
        space = SPACES[algorithm]
        values = {name: parameters[name] for name in space if isinstance(parameters.get(name), int | float)}
        if len(values) == len(space):
            return Recipe(algorithm, {name: space[name].clip(float(str(value))) for name, value in values.items()})
    return None


def validate_recipe(recipe: Recipe, seed: int, fold: FoldRows) -> tuple[Floats, int]:
    """Fit on a fold's training rows until its validation loss stops falling; raw scores there, and the rounds."""
    if recipe.algorithm == "xgboost":
        booster, rounds = _stop_xgboost(recipe, fold, seed)
    else:
        booster, rounds = _stop_lightgbm(recipe, fold, seed)
    rows, link = fold.validation, fold.validation.task.fitting.link

    def predict(matrix: Floats) -> Floats:
        return predict_raw(booster, matrix, rows.features, threads=THREADS_PER_FIT, link=link)

    return rows.inputs.score(predict), rounds


def _stop_xgboost(recipe: Recipe, fold: FoldRows, seed: int) -> tuple[NativeBooster, int]:
    training, validation = fold.for_xgboost
    stop = xgboost.callback.EarlyStopping(rounds=PATIENCE, save_best=True)
    booster = xgboost.train(
        full_parameters(recipe, seed, fold.training),
        training,
        num_boost_round=MOST_ROUNDS,
        evals=[(validation, "validation")],
        callbacks=[stop],
        verbose_eval=False,
    )
    return booster, booster.num_boosted_rounds()


def _stop_lightgbm(recipe: Recipe, fold: FoldRows, seed: int) -> tuple[NativeBooster, int]:
    training, validation = fold.for_lightgbm
    stop = lightgbm.early_stopping(PATIENCE, verbose=False)
    parameters = full_parameters(recipe, seed, fold.training)
    booster = lightgbm.train(parameters, training, num_boost_round=MOST_ROUNDS, valid_sets=[validation], callbacks=[stop])
    return booster, int(booster.best_iteration)


def fit_recipe(recipe: Recipe, rounds: int, seed: int, rows: TrainingRows) -> Predictor:
    """Fit on all the given rows for a known number of rounds; not yet calibrated."""
    contract = begin_contract(rows, recipe.algorithm, rounds=rounds)
    parameters = full_parameters(recipe, seed, rows)
    if recipe.algorithm == "xgboost":
        booster: NativeBooster = xgboost.train(parameters, bin_for_xgboost(rows), num_boost_round=rounds)
    else:
        booster = lightgbm.train(parameters, bin_for_lightgbm(rows), num_boost_round=rounds)
    return Predictor(contract, booster, THREADS_PER_FIT)


def full_parameters(recipe: Recipe, seed: int, rows: TrainingRows) -> dict[str, object]:
    """As given to the library: the trial's choices and what is the same for every trial of the task."""
    chosen = {**_choices_of(recipe), **_bind_features(recipe, rows.features)}
    if rows.classes is not None:
        chosen["num_class"] = len(rows.classes)
    if recipe.algorithm == "xgboost":
        on_gpu = {"device": "cuda"} if rows.task.model.training.device == "cuda" else {}
        fixed = {**rows.task.fitting.objectives["xgboost"], "tree_method": "hist", "max_bin": 255, **on_gpu}
        return {**fixed, **chosen, "seed": seed, "nthread": THREADS_PER_FIT, "verbosity": 0}
    fixed = {**rows.task.fitting.objectives["lightgbm"], "bagging_freq": 1}
    return {**LIGHTGBM_BINNING, **fixed, **chosen, "seed": seed}


def _bind_features(recipe: Recipe, features: Sequence[Feature]) -> dict[str, object]:
    """The monotone features in the spelling of the library; nothing when every feature is free."""
    signs = [feature.sign for feature in features]
    if not any(signs):
        return {}
    return {"monotone_constraints": f"({','.join(map(str, signs))})" if recipe.algorithm == "xgboost" else signs}


def _choices_of(recipe: Recipe) -> dict[str, object]:
    """The parameters of the library's space; a recipe from the ledger may say more, and must not say less."""
    space = SPACES["xgboost" if recipe.algorithm == "xgboost" else "lightgbm"]
    missing = [name for name in space if name not in recipe.parameters]
    if missing:
        raise ConfigError(
            f"A recipe of {recipe.algorithm} needs {', '.join(missing)}; found {dict(recipe.parameters)}: "
            "let the next training search anew."
        )
    return {name: recipe.parameters[name] for name in space}


def measure_gains(predictor: Predictor) -> dict[str, float]:
    """Share of every feature in the total gain of the trees; of a linear recipe, in the sum of |coefficients|."""
    gains = _gains(predictor)
    total = gains.sum() or 1.0
    shares = dict(zip(predictor.contract.names, (gains / total).tolist(), strict=True))
    return dict(sorted(shares.items(), key=lambda item: (-item[1], item[0])))


def _gains(predictor: Predictor) -> Floats:
    booster, contract = predictor.booster, predictor.contract
    if isinstance(booster, xgboost.Booster):
        found = booster.get_score(importance_type="total_gain")
        return np.array([float(found.get(name, 0.0)) for name in name_inputs(booster, contract.features)])
    if booster is not None:
        return np.asarray(booster.feature_importance("gain"), dtype=np.float64)
    assert contract.linear is not None
    widths = [feature.width for feature in contract.features]
    owners = np.repeat(np.arange(len(widths)), widths)
    sums = np.bincount(owners, weights=_sum_sizes(contract.linear), minlength=len(widths))
    return np.asarray(sums, dtype=np.float64)


def _sum_sizes(linear: Linear | ClassLinear) -> Floats:
    """|Coefficient| of each column, of classes the sum over them."""
    sizes = np.abs(np.array(linear.coefficients))
    return np.asarray(sizes if sizes.ndim == 1 else sizes.sum(axis=0), dtype=np.float64)
