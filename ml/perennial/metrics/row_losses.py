"""What one row costs when an amount is predicted: one loss per row, from labels and predictions in the units of the target.

A loss is a function of both; those with a parameter are made by a function of it. Which to choose says what a prediction
means: the absolute loss asks for the median, the squared one and both deviances for the mean, the pinball loss for a quantile.

Sources: R. Koenker, G. Bassett, Econometrica 46 (1978), 33-50, for the pinball loss; B. Jorgensen, "The Theory of Dispersion
Models" (1997), chapter 4, for the deviances.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from perennial.errors import ConfigError, MetricNotFinite
from perennial.metrics.panel import Floats

RowLoss = Callable[[Floats, Floats], Floats]
"""From labels and predictions, in the same order, one loss per row."""
POWER = 1.5  # of Tweedie's variance: between counts (1) and amounts that are never 0 (2)


def absolute_loss(labels: Floats, predictions: Floats) -> Floats:
    """|label - prediction|, in units of the target."""
    return np.abs(labels - predictions)


def squared_loss(cap: float = np.inf) -> RowLoss:
    """(label - prediction) squared, both counted up to the cap only, in squared units of the target.

    The cap is what bounds the influence of one row: the mean of uncapped squares of skewed amounts is that of a few rows.
    """

    def loss(labels: Floats, predictions: Floats) -> Floats:
        squares: Floats = np.square(np.minimum(labels, cap) - np.minimum(predictions, cap))
        return squares

    return loss


def pinball_loss(quantile: float) -> RowLoss:
    """What a prediction of this quantile costs, in units of the target: `quantile` a unit below the label, the rest above it.

    Raises:
        ConfigError: the quantile does not lie between 0 and 1.
    """
    if not 0 < quantile < 1:
        raise ConfigError(f"The quantile of a pinball loss is {quantile}; give one between 0 and 1, such as 0.9.")

    def loss(labels: Floats, predictions: Floats) -> Floats:
        missed = labels - predictions
        costs: Floats = np.maximum(quantile * missed, (quantile - 1) * missed)
        return costs

    return loss


def poisson_deviance(labels: Floats, predictions: Floats) -> Floats:
    """2 (y log(y / p) - y + p), for counts and amounts whose variance grows as their mean, in units of the target.

    Raises:
        MetricNotFinite: a label is below 0, or a prediction is not above it.
    """
    _check_domain(labels, predictions, "Poisson")
    ratio = np.divide(labels, predictions, out=np.ones_like(predictions), where=labels > 0)  # y log(y / p) is 0 where y is
    deviance: Floats = 2 * (labels * np.log(ratio) - labels + predictions)
    return deviance


def tweedie_deviance(power: float = POWER) -> RowLoss:
    """For amounts with many zeros whose variance grows as their mean to this power; units of the target to 2 - power.

    Raises:
        ConfigError: the power does not lie between 1 and 2.
    """
    if not 1 < power < 2:  # noqa: PLR2004 - beyond, there are no zeros beside amounts
        raise ConfigError(f"The power of a Tweedie deviance is {power}; give one between 1 and 2, such as {POWER}.")

    def deviance(labels: Floats, predictions: Floats) -> Floats:
        """Raises `MetricNotFinite` where a label is below 0, or a prediction is not above it."""
        _check_domain(labels, predictions, "Tweedie")
        of_labels = labels ** (2 - power) / ((1 - power) * (2 - power))
        of_both = labels * predictions ** (1 - power) / (1 - power)
        found: Floats = 2 * (of_labels - of_both + predictions ** (2 - power) / (2 - power))
        return found

    return deviance


def _check_domain(labels: Floats, predictions: Floats, name: str) -> None:
    below, unlikely = int((labels < 0).sum()), int((predictions <= 0).sum())
    if below or unlikely:
        raise MetricNotFinite(
            f"{below} labels lie below 0 and {unlikely} of {len(predictions)} predictions are not above it: a {name} deviance "
            "is not finite there. Predict with an objective whose amounts are above 0, or choose another metric."
        )
