"""Calibrators repair what scores mean and leave their order alone."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit

from perennial.predictor import apply_calibrator
from perennial.tasks.fitting import PROBABILITIES
from perennial.train.calibration import SMALLEST_SLOPE, choose_calibrator, fit_calibrator

RNG = np.random.default_rng(3)
MARGIN = RNG.normal(-1, 1.2, size=20_000)
TRUE = 1 / (1 + np.exp(-MARGIN))
LABELS = (RNG.random(len(TRUE)) < TRUE).astype(float)
FOLDS = np.arange(len(TRUE)) % 4
GRID = np.linspace(0.001, 0.999, 999)


def test_platt_recovers_a_stretched_and_shifted_margin():
    raw = 1 / (1 + np.exp(-(2 * MARGIN + 1)))
    assert fit_calibrator("platt", raw, LABELS).coefficients == pytest.approx((0.5, -0.5), abs=0.05)


def test_a_lopsided_distortion_is_left_to_beta():
    assert choose_calibrator(PROBABILITIES, TRUE**3, LABELS, FOLDS).kind == "beta"


@pytest.mark.parametrize("kind", ["platt", "beta"])
def test_the_mean_score_becomes_the_base_rate(kind):
    calibrated = apply_calibrator(fit_calibrator(kind, TRUE**3, LABELS), TRUE**3)
    assert calibrated.mean() == pytest.approx(LABELS.mean(), abs=1e-3)


@pytest.mark.parametrize("kind", ["platt", "beta"])
def test_the_order_survives_even_when_labels_contradict_it(kind):
    calibrated = apply_calibrator(fit_calibrator(kind, TRUE, 1 - LABELS), GRID)
    assert (np.diff(calibrated) > 0).all()


def test_with_a_single_fold_there_is_nothing_to_choose_by():
    assert choose_calibrator(PROBABILITIES, TRUE**3, LABELS, np.zeros(len(TRUE))).kind == "platt"


def lose_on_average(coefficients, columns, labels):
    """The mean log-loss of rows that are all alike, and its slope, as both were summed before rows had weights."""
    margin = columns @ coefficients
    loss = np.mean(np.logaddexp(0, margin) - labels * margin)
    return loss, columns.T @ (expit(margin) - labels) / len(labels)


def test_rows_without_weights_are_fitted_to_the_bits_of_before_there_were_any():
    columns = np.column_stack([np.log(TRUE**3) - np.log1p(-(TRUE**3)), np.ones(len(TRUE))])
    bounds = [(SMALLEST_SLOPE, None), (None, None)]
    found = minimize(lose_on_average, [1.0, 0.0], args=(columns, LABELS), jac=True, bounds=bounds, method="L-BFGS-B")
    assert fit_calibrator("platt", TRUE**3, LABELS).coefficients == tuple(found.x.tolist())
