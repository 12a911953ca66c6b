"""Calibrators fitted on out-of-fold rows: strictly increasing, so that they change what a score means and never its rank."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, log_softmax

from perennial.metrics import RowLoss
from perennial.metrics.rates import Mask
from perennial.predictor import CALIBRATORS, IDENTITIES, Calibrator, CalibratorKind, apply_calibrator
from perennial.tasks import Fitting
from perennial.train.inputs import Floats

SMALLEST_SLOPE = 1e-3  # strictly increasing even where the labels are noise
SMALLEST = 1e-15
FURTHEST_BIAS = 3.0  # a class that out-of-fold rows lack must not lose its probability for good: it keeps a twentieth
STEPS = {"xatol": 1e-4, "fatol": 1e-8, "maxiter": 400}  # of two coefficients, in units of the spread, and of the loss


def choose_calibrator(
    fitting: Fitting, raw: Floats, labels: Floats, fold_of_row: Floats, weights: Floats | None = None
) -> Calibrator:
    """The kind with the lowest loss on folds that it was not fitted on.

    Probabilities are always calibrated, by Platt's map or the beta's, by Platt's when there is only one fold. Amounts stay
    as they are unless their map, of two coefficients, loses less, also on the newest fold when the older ones alone fit it:
    where a season has turned, the level of before is no bias of the recipe. So do classes, whose map has one coefficient more
    than there are classes.

    Args:
        raw: out-of-fold probabilities or amounts.
        fold_of_row: the number of the fold that validated each row, the oldest lowest.
        weights: what each row weighs; None: all alike.

    Source: Platt 1999; Kull, Silva Filho and Flach 2017.
    """
    kinds, identity = CALIBRATORS[fitting.link], IDENTITIES[fitting.link]
    if len(np.unique(fold_of_row)) == 1:
        return fit_calibrator(kinds[0], raw, labels, fitting.row_loss, weights) if fitting.is_always_calibrated else identity
    seen = Seen(raw, labels, np.ones(len(raw)) if weights is None else weights)
    losses = {kind: _lose_on_other_folds(kind, fitting.row_loss, seen, fold_of_row) for kind in kinds}
    best = min(losses, key=lambda kind: losses[kind])
    if not fitting.is_always_calibrated:
        is_better = losses[best] < seen.lose(fitting.row_loss, raw)
        if not (is_better and _holds(best, fitting.row_loss, seen, fold_of_row)):
            return identity
    return fit_calibrator(best, raw, labels, fitting.row_loss, weights)


@dataclass(frozen=True, eq=False)
class Seen:
    """Rows out of fold, with what each weighs."""

    raw: Floats
    labels: Floats
    weights: Floats

    def only(self, rows: Mask) -> Seen:
        """Some of them."""
        return Seen(self.raw[rows], self.labels[rows], self.weights[rows])

    def lose(self, row_loss: RowLoss, scores: Floats) -> float:
        """What such scores of the rows cost on average."""
        return float(np.average(row_loss(self.labels, scores), weights=self.weights))


def _holds(kind: CalibratorKind, row_loss: RowLoss, seen: Seen, fold_of_row: Floats) -> bool:
    """Does what the older folds fit lose less on the newest one, as it would have had it served?"""
    newest = fold_of_row == fold_of_row.max()
    older, served = seen.only(~newest), seen.only(newest)
    fitted = fit_calibrator(kind, older.raw, older.labels, row_loss, older.weights)
    return served.lose(row_loss, apply_calibrator(fitted, served.raw)) < served.lose(row_loss, served.raw)


def _lose_on_other_folds(kind: CalibratorKind, row_loss: RowLoss, seen: Seen, fold_of_row: Floats) -> float:
    losses = np.empty(len(seen.raw))
    for fold in np.unique(fold_of_row):
        held = fold_of_row == fold
        others = seen.only(~held)
        fitted = fit_calibrator(kind, others.raw, others.labels, row_loss, others.weights)
        losses[held] = row_loss(seen.labels[held], apply_calibrator(fitted, seen.raw[held]))
    return float(np.average(losses, weights=seen.weights))


def fit_calibrator(
    kind: CalibratorKind, raw: Floats, labels: Floats, row_loss: RowLoss | None = None, weights: Floats | None = None
) -> Calibrator:
    """The coefficients that cost least: of probabilities by the log-loss, of amounts by the loss of one row."""
    if kind in ("platt", "beta"):
        return _fit_probabilities(kind, raw, labels, weights)
    if kind == "softmax":
        return _fit_classes(raw, labels, weights)
    assert row_loss is not None
    return _fit_amounts(kind, raw, labels, row_loss, weights)


def _fit_amounts(kind: CalibratorKind, raw: Floats, labels: Floats, row_loss: RowLoss, weights: Floats | None) -> Calibrator:
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

    unit = float(np.average(row_loss(labels, raw), weights=weights)) or 1.0

    def lose(chosen: Floats) -> float:
        return float(np.average(row_loss(labels, apply_calibrator(read(chosen), raw)), weights=weights)) / unit

    found = minimize(lose, np.zeros(2), method="Nelder-Mead", options={**STEPS, "initial_simplex": [[0, 0], [0.2, 0], [0, 0.2]]})
    return read(np.asarray(found.x, dtype=np.float64))


def _fit_probabilities(kind: CalibratorKind, raw: Floats, labels: Floats, weights: Floats | None) -> Calibrator:
    """Minimise the log-loss over the calibrator's coefficients: a convex problem, so that the start does not matter."""
    inside = np.clip(raw, SMALLEST, 1 - SMALLEST)
    left, right = np.log(inside), -np.log1p(-inside)
    slopes = [left + right] if kind == "platt" else [left, right]
    columns = np.column_stack([*slopes, np.ones(len(raw))])
    bounds = [(SMALLEST_SLOPE, None)] * len(slopes) + [(None, None)]
    start = np.array([1.0] * len(slopes) + [0.0])
    shares = None if weights is None else weights / weights.sum()
    found = minimize(_loss_and_slope, start, args=(columns, labels, shares), jac=True, bounds=bounds, method="L-BFGS-B")
    return Calibrator(kind=kind, coefficients=tuple(found.x.tolist()))


def _fit_classes(raw: Floats, codes: Floats, weights: Floats | None) -> Calibrator:
    """Minimise the log-loss over one slope and a bias for each class but the first: a convex problem as well."""
    logarithms, count = np.log(np.maximum(raw, SMALLEST)), raw.shape[1]
    happened = np.equal(codes[:, None], np.arange(count)).astype(np.float64)
    start = np.append(1.0, np.zeros(count - 1))
    bounds = [(SMALLEST_SLOPE, None)] + [(-FURTHEST_BIAS, FURTHEST_BIAS)] * (count - 1)
    shares = np.full(len(raw), 1 / len(raw)) if weights is None else weights / weights.sum()
    rows = (logarithms, happened, shares[:, None])
    found = minimize(_lose_classes, start, args=rows, jac=True, bounds=bounds, method="L-BFGS-B")
    slope, *biases = found.x.tolist()
    return Calibrator(kind="softmax", coefficients=(slope, 0.0, *biases))


def _lose_classes(coefficients: Floats, logarithms: Floats, happened: Floats, shares: Floats) -> tuple[float, Floats]:
    calibrated = log_softmax(coefficients[0] * logarithms + np.append(0.0, coefficients[1:]), axis=1)
    error = shares * (np.exp(calibrated) - happened)
    slopes = np.append((error * logarithms).sum(), error.sum(axis=0)[1:])
    return float(-(shares * happened * calibrated).sum()), slopes


def carry_calibrator(calibrator: Calibrator, known: tuple[str, ...] | None, now: tuple[str, ...] | None) -> Calibrator:
    """The same where the rows that are fitted hold other classes than those it was found on: a new one has a bias of 0."""
    slope, *biases = calibrator.coefficients
    if known is None or now is None or known == now or not biases:
        return calibrator
    named = dict(zip(known, biases, strict=True))
    moved = [named.get(name, 0.0) for name in now]
    return Calibrator(kind=calibrator.kind, coefficients=(slope, *(bias - moved[0] for bias in moved)))


def _loss_and_slope(coefficients: Floats, columns: Floats, labels: Floats, shares: Floats | None) -> tuple[float, Floats]:
    margin = columns @ coefficients
    losses, errors = np.logaddexp(0, margin) - labels * margin, expit(margin) - labels
    if shares is None:  # the same sums in another order have other last bits, and so would every version
        return float(np.mean(losses)), np.asarray(columns.T @ errors / len(labels), dtype=np.float64)
    return float(shares @ losses), np.asarray(columns.T @ (shares * errors), dtype=np.float64)
