"""By what the recipes of a task are fitted: objectives, link, the loss of one row, and the best constant.

Of amounts `training.metric` says what a score is. Squared error and both deviances ask for the mean, the absolute error for the
median, a pinball loss for its quantile. A Gini looks at the order alone, and the mean is what orders amounts: it is fitted by
squared error, which asks for the mean whatever the share of zeros; who wants scores above 0 chooses `tweedie`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np

from perennial import metrics
from perennial.metrics import RowLoss
from perennial.metrics.panel import Floats
from perennial.metrics.row_losses import POWER
from perennial.records import Link

Library = Literal["xgboost", "lightgbm"]
Objectives = Mapping[Library, Mapping[str, object]]
SMALLEST_PROBABILITY = 1e-15


@dataclass(frozen=True)
class Fitting:
    """How recipes learn.

    Attributes:
        objectives: of each library, with the metric that stops its rounds.
        link: from the sum of the trees, or of the weighted inputs, to a raw score.
        linear: name of the plain recipe over all inputs.
        row_loss: of (labels, scores): what a calibrator is fitted to.
        loss_named: it, as people read it.
        constant: of (labels, what rows weigh or None): the one score for all that costs least; of classes a probability for each.
        is_always_calibrated: False where raw scores stay as they are unless a calibrator loses less out of fold.
    """

    objectives: Objectives
    link: Link
    linear: Literal["logistic", "ridge"]
    row_loss: RowLoss
    loss_named: str
    constant: Callable[[Floats, Floats | None], float | Floats]
    is_always_calibrated: bool = False


def _lose_logarithm(labels: Floats, scores: Floats) -> Floats:
    given = np.where(labels == 1, scores, 1 - scores)
    losses: Floats = -np.log(np.clip(given, SMALLEST_PROBABILITY, 1))
    return losses


def _lose_class(codes: Floats, scores: Floats) -> Floats:
    """Of places of classes, and a column of probabilities for each."""
    given = scores[np.arange(len(codes)), codes.astype(np.intp)]
    losses: Floats = -np.log(np.clip(given, SMALLEST_PROBABILITY, 1))
    return losses


def _share_classes(codes: Floats, weights: Floats | None) -> Floats:
    counts: Floats = np.bincount(codes.astype(np.intp), weights=weights).astype(np.float64)
    shares: Floats = counts / counts.sum()
    return shares


def _average(labels: Floats, weights: Floats | None) -> float:
    return float(np.average(labels, weights=weights))


def find_quantile(labels: Floats, weights: Floats | None, quantile: float) -> float:
    """The label that this share of all reaches, of rows or of what they weigh."""
    if weights is None:
        return float(np.quantile(labels, quantile))
    return float(np.quantile(labels, quantile, weights=weights, method="inverted_cdf"))


PROBABILITIES = Fitting(
    {
        "xgboost": {"objective": "binary:logistic", "eval_metric": "logloss"},
        "lightgbm": {"objective": "binary", "metric": "binary_logloss"},
    },
    link="logit",
    linear="logistic",
    row_loss=_lose_logarithm,
    loss_named="log-loss",
    constant=_average,
    is_always_calibrated=True,
)
CLASSES = Fitting(
    {
        "xgboost": {"objective": "multi:softprob", "eval_metric": "mlogloss"},
        "lightgbm": {"objective": "multiclass", "metric": "multi_logloss"},
    },
    link="softmax",
    linear="logistic",
    row_loss=_lose_class,
    loss_named="log-loss",
    constant=_share_classes,
)
SQUARED: Objectives = {
    "xgboost": {"objective": "reg:squarederror", "eval_metric": "rmse"},
    "lightgbm": {"objective": "regression", "metric": "l2"},
}
ABSOLUTE: Objectives = {
    "xgboost": {"objective": "reg:absoluteerror", "eval_metric": "mae"},
    "lightgbm": {"objective": "regression_l1", "metric": "l1"},
}
POISSON: Objectives = {
    "xgboost": {"objective": "count:poisson", "eval_metric": "poisson-nloglik"},
    "lightgbm": {"objective": "poisson", "metric": "poisson"},
}
TWEEDIE: Objectives = {
    "xgboost": {"objective": "reg:tweedie", "tweedie_variance_power": POWER, "eval_metric": f"tweedie-nloglik@{POWER}"},
    "lightgbm": {"objective": "tweedie", "tweedie_variance_power": POWER, "metric": "tweedie"},
}
fit_mean = partial(Fitting, link="identity", linear="ridge", constant=_average)
fit_positive_mean = partial(fit_mean, link="log")


def fit_amounts(metric: str, cap: float) -> Fitting:
    """How amounts are learned under a `training.metric`; labels above the cap count as the cap."""
    name, _, quantile = metric.partition(":")
    if name == "pinball":
        return _fit_quantile(float(quantile))
    if name == "mae":
        middle = partial(find_quantile, quantile=0.5)
        return fit_mean(ABSOLUTE, row_loss=metrics.absolute_loss, loss_named="mean absolute error", constant=middle)
    if name == "poisson":
        return fit_positive_mean(POISSON, row_loss=metrics.poisson_deviance, loss_named="Poisson deviance")
    if name == "tweedie":
        return fit_positive_mean(TWEEDIE, row_loss=metrics.tweedie_deviance(), loss_named="Tweedie deviance")
    return fit_mean(SQUARED, row_loss=metrics.squared_loss(cap), loss_named="mean squared error")


def _fit_quantile(quantile: float) -> Fitting:
    objectives: Objectives = {
        "xgboost": {"objective": "reg:quantileerror", "quantile_alpha": quantile, "eval_metric": "quantile"},
        "lightgbm": {"objective": "quantile", "alpha": quantile, "metric": "quantile"},
    }
    return fit_mean(
        objectives,
        row_loss=metrics.pinball_loss(quantile),
        loss_named=f"pinball loss at {quantile:g}",
        constant=partial(find_quantile, quantile=quantile),
    )
