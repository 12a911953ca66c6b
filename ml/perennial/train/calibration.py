"""Calibrators fitted on out-of-fold rows: strictly increasing, so that they change what a score means and never its rank."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, log_softmax

from perennial.metrics import RowLoss
from perennial.predictor import CALIBRATORS, IDENTITIES, Calibrator, CalibratorKind, apply_calibrator
from perennial.tasks import Fitting
from perennial.train.rows import Floats

SMALLEST_SLOPE = 1e-3  # strictly increasing even where the labels are noise
SMALLEST = 1e-15
FURTHEST_BIAS = 3.0  # a class that out-of-fold rows lack must not lose its probability for good: it keeps a twentieth
STEPS = {"xatol": 1e-4, "fatol": 1e-8, "maxiter": 400}  # of two coefficients, in units of the spread, and of the loss


def choose_calibrator(fitting: Fitting, raw: Floats, labels: Floats, fold_of_row: Floats) -> Calibrator:
    """The kind with the lowest loss on folds that it was not fitted on.

    Probabilities are always calibrated, by Platt's map or the beta's, by Platt's when there is only one fold. Amounts stay
    as they are unless their map, of two coefficients, loses less, also on the newest fold when the older ones alone fit it:
    where a season has turned, the level of before is no bias of the recipe. So do classes, whose map has one coefficient more
    than there are classes.

    Args:
        raw: out-of-fold probabilities or amounts.
        fold_of_row: the number of the fold that validated each row, the oldest lowest.

    Source: Platt 1999; Kull, Silva Filho and Flach 2017.
    """
    kinds, identity = CALIBRATORS[fitting.link], IDENTITIES[fitting.link]
    if len(np.unique(fold_of_row)) == 1:
        return fit_calibrator(kinds[0], raw, labels, fitting.row_loss) if fitting.is_always_calibrated else identity
    best, loss = _find_best(kinds, fitting.row_loss, raw, labels, fold_of_row)
    if not fitting.is_always_calibrated:
        is_better = loss < fitting.row_loss(labels, raw).mean()
        if not (is_better and _holds(best, fitting.row_loss, raw, labels, fold_of_row)):
            return identity
    return fit_calibrator(best, raw, labels, fitting.row_loss)


def _find_best(
    kinds: Sequence[CalibratorKind], row_loss: RowLoss, raw: Floats, labels: Floats, fold_of_row: Floats
) -> tuple[CalibratorKind, float]:
    losses = {kind: _lose_on_other_folds(kind, row_loss, raw, labels, fold_of_row) for kind in kinds}
    best = min(losses, key=lambda kind: losses[kind])
    return best, losses[best]


def _holds(kind: CalibratorKind, row_loss: RowLoss, raw: Floats, labels: Floats, fold_of_row: Floats) -> bool:
    """Does what the older folds fit lose less on the newest one, as it would have had it served?"""
    newest = fold_of_row == fold_of_row.max()
    calibrated = apply_calibrator(fit_calibrator(kind, raw[~newest], labels[~newest], row_loss), raw[newest])
    return bool(row_loss(labels[newest], calibrated).mean() < row_loss(labels[newest], raw[newest]).mean())


def _lose_on_other_folds(kind: CalibratorKind, row_loss: RowLoss, raw: Floats, labels: Floats, fold_of_row: Floats) -> float:
    losses = np.empty(len(raw))
    for fold in np.unique(fold_of_row):
        held = fold_of_row == fold
        calibrated = apply_calibrator(fit_calibrator(kind, raw[~held], labels[~held], row_loss), raw[held])
        losses[held] = row_loss(labels[held], calibrated)
    return float(losses.mean())


def fit_calibrator(kind: CalibratorKind, raw: Floats, labels: Floats, row_loss: RowLoss | None = None) -> Calibrator:
    """The coefficients that cost least: of probabilities by the log-loss, of amounts by the loss of one row."""
    if kind in ("platt", "beta"):
        return _fit_probabilities(kind, raw, labels)
    if kind == "softmax":
        return _fit_classes(raw, labels)
    assert row_loss is not None
    return _fit_amounts(kind, raw, labels, row_loss)


def _fit_amounts(kind: CalibratorKind, raw: Floats, labels: Floats, row_loss: RowLoss) -> Calibrator:
    """Slope and offset by a search without derivatives, for absolute errors have kinks; it begins at the identity.

    The slope is searched as its logarithm and the offset about the mean, in units of the spread: the same steps for every unit.
    """
    seen = raw if kind == "line" else np.log(raw)
    centre, spread = float(seen.mean()), float(seen.std())
    if spread <= np.finfo(np.float64).eps * abs(centre):
        spread = 1.0

    def read(chosen: Floats) -> Calibrator:
        slope = max(float(np.exp(np.clip(chosen[0], -10, 10))), SMALLEST_SLOPE)
        return Calibrator(kind=kind, coefficients=(slope, centre * (1 - slope) + float(chosen[1]) * spread))

    unit = float(row_loss(labels, raw).mean()) or 1.0

    def lose(chosen: Floats) -> float:
        return float(row_loss(labels, apply_calibrator(read(chosen), raw)).mean()) / unit

    found = minimize(lose, np.zeros(2), method="Nelder-Mead", options={**STEPS, "initial_simplex": [[0, 0], [0.2, 0], [0, 0.2]]})
    return read(np.asarray(found.x, dtype=np.float64))


def _fit_probabilities(kind: CalibratorKind, raw: Floats, labels: Floats) -> Calibrator:
    """Minimise the log-loss over the calibrator's coefficients: a convex problem, so that the start does not matter."""
    inside = np.clip(raw, SMALLEST, 1 - SMALLEST)
    left, right = np.log(inside), -np.log1p(-inside)
    slopes = [left + right] if kind == "platt" else [left, right]
    columns = np.column_stack([*slopes, np.ones(len(raw))])
    bounds = [(SMALLEST_SLOPE, None)] * len(slopes) + [(None, None)]
    start = np.array([1.0] * len(slopes) + [0.0])
    found = minimize(_loss_and_slope, start, args=(columns, labels), jac=True, bounds=bounds, method="L-BFGS-B")
    return Calibrator(kind=kind, coefficients=tuple(found.x.tolist()))


def _fit_classes(raw: Floats, codes: Floats) -> Calibrator:
    """Minimise the log-loss over one slope and a bias for each class but the first: a convex problem as well."""
    logarithms, count = np.log(np.maximum(raw, SMALLEST)), raw.shape[1]
    happened = np.equal(codes[:, None], np.arange(count)).astype(np.float64)
    start = np.append(1.0, np.zeros(count - 1))
    bounds = [(SMALLEST_SLOPE, None)] + [(-FURTHEST_BIAS, FURTHEST_BIAS)] * (count - 1)
    found = minimize(_lose_classes, start, args=(logarithms, happened), jac=True, bounds=bounds, method="L-BFGS-B")
    slope, *biases = found.x.tolist()
    return Calibrator(kind="softmax", coefficients=(slope, 0.0, *biases))


def _lose_classes(coefficients: Floats, logarithms: Floats, happened: Floats) -> tuple[float, Floats]:
    calibrated = log_softmax(coefficients[0] * logarithms + np.append(0.0, coefficients[1:]), axis=1)
    error = (np.exp(calibrated) - happened) / len(happened)
    slopes = np.append((error * logarithms).sum(), error.sum(axis=0)[1:])
    return float(-(happened * calibrated).sum() / len(happened)), slopes


def carry_calibrator(calibrator: Calibrator, known: tuple[str, ...] | None, now: tuple[str, ...] | None) -> Calibrator:
    """The same where the rows that are fitted hold other classes than those it was found on: a new one has a bias of 0."""
    slope, *biases = calibrator.coefficients
    if known is None or now is None or known == now or not biases:
        return calibrator
    named = dict(zip(known, biases, strict=True))
    moved = [named.get(name, 0.0) for name in now]
    return Calibrator(kind=calibrator.kind, coefficients=(slope, *(bias - moved[0] for bias in moved)))


def _loss_and_slope(coefficients: Floats, columns: Floats, labels: Floats) -> tuple[float, Floats]:
    margin = columns @ coefficients
    loss = float(np.mean(np.logaddexp(0, margin) - labels * margin))
    return loss, np.asarray(columns.T @ (expit(margin) - labels) / len(labels), dtype=np.float64)
