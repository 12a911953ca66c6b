"""Losses that are means over rows: log-loss and the Brier score."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd

from perennial.errors import OneClassLabels
from perennial.metrics.clustered import clustered_interval
from perennial.metrics.panel import Floats, Panel, make_panel
from perennial.records import Interval

Loss = Literal["log_loss", "brier"]
SMALLEST_PROBABILITY = float(np.finfo(np.float64).eps)  # scikit-learn's bound: a score of 0 costs 36, not infinity


def log_loss(scores: pd.Series, labels: pd.Series) -> float:
    """Mean over rows of -log(probability given to what happened)."""
    panel = make_panel(labels)
    return panel.average(_row_losses(panel, scores, "log_loss"))[0]


def brier(scores: pd.Series, labels: pd.Series) -> float:
    """Mean over rows of (score - label) squared."""
    panel = make_panel(labels)
    return panel.average(_row_losses(panel, scores, "brier"))[0]


def loss_with_interval(scores: pd.Series, labels: pd.Series, *, loss: Loss = "log_loss", confidence: float = 0.95) -> Interval:
    """The mean loss with its interval, clustered by entity."""
    panel = make_panel(labels)
    estimate, influence = panel.average(_row_losses(panel, scores, loss))
    return clustered_interval(estimate, influence, panel, confidence=confidence)


def paired_loss_difference(
    challenger: pd.Series, champion: pd.Series, labels: pd.Series, *, loss: Loss = "log_loss", confidence: float = 0.95
) -> Interval:
    """Loss of the challenger minus that of the champion, on the same rows, clustered by entity: below 0 is better."""
    panel = make_panel(labels)
    difference = _row_losses(panel, challenger, loss) - _row_losses(panel, champion, loss)
    estimate, influence = panel.average(difference)
    return clustered_interval(estimate, influence, panel, confidence=confidence)


def _row_losses(panel: Panel, scores: pd.Series, loss: Loss) -> Floats:
    if not panel.rows:
        raise OneClassLabels("There are no rows, so there is no loss.")
    values = panel.align(scores)
    if loss == "brier":
        return np.square(values - panel.is_positive)
    given = np.clip(np.where(panel.is_positive, values, 1 - values), SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY)
    losses: Floats = -np.log(given)
    return losses
