"""From raw probabilities to calibrated scores."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from perennial.predictor.contract import Calibrator

SMALLEST = 1e-15  # keeps the logarithms finite; raw probabilities of fitted boosters stay far inside


def apply_calibrator(calibrator: Calibrator, raw: NDArray[np.float64]) -> NDArray[np.float64]:
    """Calibrated scores in [0, 1], in the order of `raw`.

    Source: Platt 1999 (on the logit); Kull, Silva Filho and Flach 2017, beta calibration, equation 3.
    """
    inside = np.clip(np.asarray(raw, dtype=np.float64), SMALLEST, 1 - SMALLEST)
    left, right = np.log(inside), np.log1p(-inside)
    if calibrator.kind == "platt":
        slope, offset = calibrator.coefficients
        return np.asarray(expit(slope * (left - right) + offset), dtype=np.float64)
    a, b, c = calibrator.coefficients
    return np.asarray(expit(a * left - b * right + c), dtype=np.float64)
