"""The plain recipes that stand beside every booster: a linear one over all inputs, and a single-feature rule such as recency."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from perennial.config import Model
from perennial.config.training import Direction
from perennial.errors import ConfigError
from perennial.predictor import IDENTITIES, ClassLinear, Contract, Feature, Linear, Predictor, expand_inputs
from perennial.records import Algorithm, Interval, Link, Recipe
from perennial.tasks import Fitting
from perennial.train.inputs import Floats
from perennial.train.logistic import solve_logistic
from perennial.train.multinomial import solve_multinomial
from perennial.train.ridge import solve_log_ridge, solve_ridge
from perennial.train.rows import TrainingRows
from perennial.train.thinning import thin_to_solve

Solver = Callable[[Floats, Floats, Floats, float, Floats | None], Floats]
INVERSE_PENALTY = 1.0  # scikit-learn's C, or 1 / alpha; on standardised columns and thousands of rows hardly felt
PLAIN_LOGISTIC = Recipe("logistic", {"C": INVERSE_PENALTY})
PLAIN_RIDGE = Recipe("ridge", {"alpha": 1 / INVERSE_PENALTY})
PLAIN = {recipe.algorithm: recipe for recipe in (PLAIN_LOGISTIC, PLAIN_RIDGE)}
SOLVERS: Mapping[Link, Solver] = {"logit": solve_logistic, "identity": solve_ridge, "log": solve_log_ridge}


def read_inverse_penalty(recipe: Recipe) -> float:
    """How little a linear recipe shrinks its coefficients: C, or 1 / alpha."""
    if recipe.algorithm == "logistic":
        return float(recipe.parameters["C"])
    alpha = float(recipe.parameters["alpha"])
    return 1 / alpha if alpha > 0 else np.inf


def fit_linear(rows: TrainingRows, inverse_penalty: float = INVERSE_PENALTY) -> Predictor:
    """The linear recipe of the task on standardised columns, medians where a value is missing; not yet calibrated.

    Of very many rows it is solved of a sample.
    """
    rows, fitting = thin_to_solve(rows), rows.task.fitting
    features = tuple(_with_median(rows, place) for place in range(len(rows.features)))
    expanded = expand_inputs(rows.matrix, features)
    means, scales = expanded.mean(axis=0), expanded.std(axis=0)
    scales[scales <= np.finfo(np.float64).eps * np.abs(means)] = 1.0  # a constant column
    scales[scales == 0] = 1.0
    columns = (expanded - means) / scales
    standards = {"means": tuple(means.tolist()), "scales": tuple(scales.tolist())}
    linear: Linear | ClassLinear
    if rows.classes is None:
        weights = SOLVERS[fitting.link](columns, rows.labels, _signs_of(features), inverse_penalty, rows.weights)
        is_placed = fitting.link == "identity"
        intercept = _place(fitting, columns @ weights[:-1], rows) if is_placed else float(weights[-1])
        linear = Linear(intercept=intercept, coefficients=tuple(weights[:-1].tolist()), **standards)
    else:
        margins = solve_multinomial(columns, rows.labels, len(rows.classes), inverse_penalty, rows.weights).T.tolist()
        rest = tuple(tuple(each[:-1]) for each in margins)
        linear = ClassLinear(intercepts=tuple(each[-1] for each in margins), coefficients=rest, **standards)
    return Predictor(begin_contract(rows, fitting.linear, features=features, linear=linear), None)


def _place(fitting: Fitting, slopes: Floats, rows: TrainingRows) -> float:
    """The intercept that costs least by the task's own loss: a slope for the mean serves a median or a quantile as well."""
    return float(fitting.constant(rows.labels - slopes, rows.weights))


def begin_contract(
    rows: TrainingRows,
    algorithm: Algorithm,
    *,
    features: tuple[Feature, ...] | None = None,
    linear: Linear | ClassLinear | None = None,
    rounds: int = 0,
) -> Contract:
    """That of a fit on these rows which is not yet calibrated; `features` where the fit knows more of them than the rows."""
    link = rows.task.fitting.link
    return Contract(
        model=rows.task.model.name,
        algorithm=algorithm,
        features=features or rows.features,
        calibrator=IDENTITIES[link],
        rounds=rounds,
        linear=linear,
        link=link,
        classes=rows.classes,
    )


def _signs_of(features: Sequence[Feature]) -> Floats:
    """The direction of each column of `expand_inputs`; 0 for the free ones."""
    return np.repeat([float(feature.sign) for feature in features], [feature.width for feature in features])


def _with_median(rows: TrainingRows, place: int) -> Feature:
    feature, column = rows.features[place], rows.inputs.column(place)
    if feature.kind == "category" or np.isnan(column).all():
        return feature
    return feature.model_copy(update={"median": float(np.nanmedian(column))})


def choose_single_feature(model: Model, rows: TrainingRows, alone: Mapping[str, Interval]) -> Recipe:
    """The rule over the feature that the model names, where these rows have it, else over the one that ranks best alone.

    Its direction is what a person ruled, else what the rows show; a category has none, nor has what says several classes.
    """
    named = model.training.recency
    if not alone:
        raise ConfigError(f"{model.name}: no feature is left that a rule could be made of: training.exclude names them all.")
    feature = named if named and named in alone else max(alone, key=lambda name: (alone[name].estimate, name))
    only = rows.only(feature)
    if only.features[0].kind == "category" or only.classes is not None:
        return Recipe("single_feature", {"feature": feature})
    return Recipe("single_feature", {"feature": feature, "direction": only.features[0].monotone or _show_direction(only)})


def _show_direction(only: TrainingRows) -> Direction:
    linear = fit_linear(only).contract.linear
    assert isinstance(linear, Linear)
    return "increasing" if linear.coefficients[0] >= 0 else "decreasing"


def fit_single_feature(recipe: Recipe, rows: TrainingRows) -> Predictor:
    """A logistic curve, or of amounts a line, over one feature: it ranks as the feature does, in the direction of the recipe.

    Raises:
        ConfigError: the recipe names no feature of these rows.
    """
    feature = recipe.parameters.get("feature")
    if feature not in [known.name for known in rows.features]:
        raise ConfigError(
            f"{rows.task.model.name}: a single-feature rule over '{feature}' cannot be fitted, for no training row has that "
            "column: let the next training choose anew."
        )
    fitted = fit_linear(rows.only(str(feature)).bound_to(recipe.parameters.get("direction")))
    return Predictor(fitted.contract.model_copy(update={"algorithm": "single_feature"}), None)


def score_fold(predictor: Predictor, rows: TrainingRows) -> Floats:
    """Scores of encoded rows, for predictors that read all their features or only one."""
    places = [[feature.name for feature in rows.features].index(name) for name in predictor.contract.names]
    return rows.inputs.pick(places).score(predictor.score_matrix)
