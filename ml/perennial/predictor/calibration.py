"""From margins to raw scores, and from these to calibrated ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, softmax

from perennial.predictor.contract import Calibrator
from perennial.records import Link

SMALLEST = 1e-15  # keeps the logarithms finite; raw probabilities of fitted boosters stay far inside
FURTHEST = 300.0  # of a logarithm of an amount: 1e130, so that none becomes 0 or infinite
Floats = NDArray[np.float64]


def apply_link(link: Link, margin: Floats) -> Floats:
    """Raw scores from sums of trees or of weighted inputs, in double precision: a single one would tie the highest.

    Of classes there is a sum for each, and so is a score: both have the shape (rows, classes).
    """
    sums = np.asarray(margin, dtype=np.float64)
    if link == "identity":
        return sums
    if link == "softmax":
        return np.asarray(softmax(sums, axis=1), dtype=np.float64)
    return np.asarray(expit(sums), dtype=np.float64) if link == "logit" else _exp(sums)


def apply_calibrator(calibrator: Calibrator, raw: Floats) -> Floats:
    """Calibrated scores, in the order of `raw`: probabilities in [0, 1], or amounts in the units of the target.

    Of classes both have a column for each, and those of a row add up to 1.

    Source: Platt 1999 (on the logit); Kull, Silva Filho and Flach 2017, beta calibration, equation 3.
    """
    values = np.asarray(raw, dtype=np.float64)
    if calibrator.kind in ("platt", "beta"):
        return _calibrate_probabilities(calibrator, values)
    if calibrator.kind == "softmax":
        return _calibrate_classes(calibrator, values)
    slope, offset = calibrator.coefficients
    if calibrator.kind == "line":
        return np.asarray(slope * values + offset, dtype=np.float64)
    return values if (slope, offset) == (1, 0) else _exp(slope * np.log(values) + offset)


def _calibrate_probabilities(calibrator: Calibrator, raw: Floats) -> Floats:
    inside = np.minimum(np.maximum(raw, SMALLEST), 1 - SMALLEST)  # `clip` takes longer to be called
    left, right = np.log(inside), np.log1p(-inside)
    if calibrator.kind == "platt":
        slope, offset = calibrator.coefficients
        return np.asarray(expit(slope * (left - right) + offset), dtype=np.float64)
    a, b, c = calibrator.coefficients
    return np.asarray(expit(a * left - b * right + c), dtype=np.float64)


def _calibrate_classes(calibrator: Calibrator, raw: Floats) -> Floats:
    slope, *biases = calibrator.coefficients
    if slope == 1 and not any(biases):
        return raw
    return np.asarray(softmax(slope * np.log(np.maximum(raw, SMALLEST)) + np.array(biases or [0.0]), axis=1), dtype=np.float64)


def _exp(logarithms: Floats) -> Floats:
    return np.asarray(np.exp(np.clip(logarithms, -FURTHEST, FURTHEST)), dtype=np.float64)
