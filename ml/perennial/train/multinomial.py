"""Multinomial logistic regression on standardised columns: a margin for each class."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax

from perennial.train.inputs import Floats

TOLERANCE = 1e-7  # of the gradient of the mean loss
MOST_STEPS = 2000  # of a quasi-Newton method, whose steps cost one pass over the rows
FEWEST = 0.5  # rows that a class without one counts as, where the search begins


def solve_multinomial(columns: Floats, codes: Floats, count: int, inverse_penalty: float, shares: Floats | None = None) -> Floats:
    """Coefficients and, in the last row, intercepts that minimise the penalised log-loss; shape (columns + 1, classes).

    The penalty makes the coefficients of a column add up to 0 over classes; the intercepts, which it leaves alone, begin at the
    logarithms of the shares and keep their mean. Both make the solution the only one.

    Args:
        columns: standardised; one row per row, one column per coefficient.
        codes: places of classes, of which there are `count`; some may have no row.
        inverse_penalty: scikit-learn's C.
        shares: what each row weighs, on average 1; None: all 1.
    """
    places = codes.astype(np.intp)
    happened = np.equal(places[:, None], np.arange(count)).astype(np.float64)
    weights = np.ones((len(codes), 1)) if shares is None else shares[:, None]
    start = np.zeros((columns.shape[1] + 1, count))
    start[-1] = np.log(np.maximum((weights * happened).sum(axis=0), FEWEST) / len(codes))
    start[-1] -= start[-1].mean()
    found = minimize(
        _loss_and_slope,
        start.ravel(),
        args=(columns, happened, weights, 1 / (inverse_penalty * len(codes))),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": MOST_STEPS, "gtol": TOLERANCE, "ftol": 0.0},
    )
    return np.asarray(found.x, dtype=np.float64).reshape(start.shape)


def _loss_and_slope(flat: Floats, columns: Floats, happened: Floats, shares: Floats, penalty: float) -> tuple[float, Floats]:
    """Mean log-loss plus half the penalty times the squared coefficients; intercepts are not penalised."""
    weights = flat.reshape(-1, happened.shape[1])
    logarithms = log_softmax(columns @ weights[:-1] + weights[-1], axis=1)
    loss = float(-(shares * happened * logarithms).sum() / len(columns) + penalty / 2 * np.square(weights[:-1]).sum())
    error = shares * (np.exp(logarithms) - happened) / len(columns)
    slope = np.vstack([columns.T @ error + penalty * weights[:-1], error.sum(axis=0)])
    return loss, slope.ravel()
