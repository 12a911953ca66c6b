"""Calibrators fitted on out-of-fold rows: strictly increasing, so that they change what a score means and never its rank."""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from perennial.predictor import Calibrator, apply_calibrator
from perennial.train.rows import Floats

Kind = Literal["platt", "beta"]
SMALLEST_SLOPE = 1e-3  # strictly increasing even where the labels are noise
SMALLEST = 1e-15


def choose_calibrator(raw: Floats, labels: Floats, fold_of_row: Floats) -> Calibrator:
    """Platt or beta, whichever has the lower log-loss on folds that it was not fitted on; Platt when there is only one.

    Args:
        raw: out-of-fold probabilities.
        fold_of_row: the number of the fold that validated each row.

    Source: Platt 1999; Kull, Silva Filho and Flach 2017.
    """
    if len(np.unique(fold_of_row)) == 1:
        return fit_calibrator("platt", raw, labels)
    kinds: tuple[Kind, Kind] = ("platt", "beta")
    best = min(kinds, key=lambda kind: _loss_on_other_folds(kind, raw, labels, fold_of_row))
    return fit_calibrator(best, raw, labels)


def _loss_on_other_folds(kind: Kind, raw: Floats, labels: Floats, fold_of_row: Floats) -> float:
    losses = np.empty(len(raw))
    for fold in np.unique(fold_of_row):
        held = fold_of_row == fold
        calibrated = apply_calibrator(fit_calibrator(kind, raw[~held], labels[~held]), raw[held])
        given = np.where(labels[held] == 1, calibrated, 1 - calibrated)
        losses[held] = -np.log(np.clip(given, SMALLEST, 1))
    return float(losses.mean())


def fit_calibrator(kind: Kind, raw: Floats, labels: Floats) -> Calibrator:
    """Minimise the log-loss over the calibrator's coefficients: a convex problem, so that the start does not matter."""
    inside = np.clip(raw, SMALLEST, 1 - SMALLEST)
    left, right = np.log(inside), -np.log1p(-inside)
    slopes = [left + right] if kind == "platt" else [left, right]
    columns = np.column_stack([*slopes, np.ones(len(raw))])
    bounds = [(SMALLEST_SLOPE, None)] * len(slopes) + [(None, None)]
    start = np.array([1.0] * len(slopes) + [0.0])
    found = minimize(_loss_and_slope, start, args=(columns, labels), jac=True, bounds=bounds, method="L-BFGS-B")
    return Calibrator(kind=kind, coefficients=tuple(found.x.tolist()))


def _loss_and_slope(coefficients: Floats, columns: Floats, labels: Floats) -> tuple[float, Floats]:
    margin = columns @ coefficients
    loss = float(np.mean(np.logaddexp(0, margin) - labels * margin))
    return loss, np.asarray(columns.T @ (expit(margin) - labels) / len(labels), dtype=np.float64)
