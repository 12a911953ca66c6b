"""The plain recipes that stand beside every booster: logistic regression, and a single-feature rule such as recency."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from perennial.config import Model
from perennial.config.training import Direction
from perennial.errors import ConfigError
from perennial.predictor import Contract, Feature, Linear, Predictor, expand_inputs
from perennial.records import Interval, Recipe
from perennial.train.logistic import solve_logistic
from perennial.train.rows import Floats, TrainingRows

INVERSE_PENALTY = 1.0  # scikit-learn's C; on standardised columns and thousands of rows hardly felt
PLAIN_LOGISTIC = Recipe("logistic", {"C": INVERSE_PENALTY})


def fit_logistic(rows: TrainingRows, inverse_penalty: float = INVERSE_PENALTY) -> Predictor:
    """Logistic regression on standardised columns, medians where a value is missing; not yet calibrated."""
    features = tuple(_with_median(rows, place) for place in range(len(rows.features)))
    expanded = expand_inputs(rows.matrix, features)
    means, scales = expanded.mean(axis=0), expanded.std(axis=0)
    scales[scales <= np.finfo(np.float64).eps * np.abs(means)] = 1.0  # a constant column
    scales[scales == 0] = 1.0
    weights = solve_logistic((expanded - means) / scales, rows.labels, _signs_of(features), inverse_penalty)
    linear = Linear(
        intercept=float(weights[-1]),
        coefficients=tuple(weights[:-1].tolist()),
        means=tuple(means.tolist()),
        scales=tuple(scales.tolist()),
    )
    return Predictor(Contract(model=rows.model, algorithm="logistic", features=features, linear=linear), None)


def _signs_of(features: Sequence[Feature]) -> Floats:
    """The direction of each column of `expand_inputs`; 0 for the free ones."""
    return np.repeat([float(feature.sign) for feature in features], [feature.width for feature in features])


def _with_median(rows: TrainingRows, place: int) -> Feature:
    feature, column = rows.features[place], rows.matrix[:, place]
    if feature.kind == "category" or np.isnan(column).all():
        return feature
    return feature.model_copy(update={"median": float(np.nanmedian(column))})


def choose_single_feature(model: Model, rows: TrainingRows, alone: Mapping[str, Interval]) -> Recipe:
    """The rule over the feature that the model names, where these rows have it, else over the one that ranks best alone.

    Its direction is what a person ruled, else what the rows show; a category has none.
    """
    named = model.training.recency
    if not alone:
        raise ConfigError(f"{model.name}: no feature is left that a rule could be made of: training.exclude names them all.")
    feature = named if named and named in alone else max(alone, key=lambda name: (alone[name].estimate, name))
    only = rows.only(feature)
    if only.features[0].kind == "category":
        return Recipe("single_feature", {"feature": feature})
    return Recipe("single_feature", {"feature": feature, "direction": only.features[0].monotone or _show_direction(only)})


def _show_direction(only: TrainingRows) -> Direction:
    linear = fit_logistic(only).contract.linear
    assert linear is not None
    return "increasing" if linear.coefficients[0] >= 0 else "decreasing"


def fit_single_feature(recipe: Recipe, rows: TrainingRows) -> Predictor:
    """A logistic curve over one feature: it ranks as the feature does, in the direction of the recipe.

    Raises:
        ConfigError: the recipe names no feature of these rows.
    """
    feature = recipe.parameters.get("feature")
    if feature not in [known.name for known in rows.features]:
        raise ConfigError(
            f"{rows.model}: a single-feature rule over '{feature}' cannot be fitted, for no training row has that column: "
            "let the next training choose anew."
        )
    fitted = fit_logistic(rows.only(str(feature)).bound_to(recipe.parameters.get("direction")))
    return Predictor(fitted.contract.model_copy(update={"algorithm": "single_feature"}), None)


def score_fold(predictor: Predictor, rows: TrainingRows) -> Floats:
    """Scores of encoded rows, for predictors that read all their features or only one."""
    places = [[feature.name for feature in rows.features].index(name) for name in predictor.contract.names]
    return predictor.score_matrix(rows.matrix[:, places])
