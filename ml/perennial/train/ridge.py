"""Ridge regression on standardised columns, each free or bound to one sign: of amounts, or of their logarithm."""

from __future__ import annotations

import numpy as np
from scipy.linalg import cholesky, solve_triangular
from scipy.optimize import lsq_linear, minimize

from perennial.train.inputs import Floats
from perennial.train.logistic import weigh

TOLERANCE = 1e-8
MOST_STEPS = 2000  # of a quasi-Newton method, whose steps cost one pass over the rows
HIGHEST_MARGIN = 50.0  # of a logarithm in units of the mean: a step that goes too far must not become infinite


def solve_ridge(columns: Floats, labels: Floats, signs: Floats, inverse_penalty: float, shares: Floats | None = None) -> Floats:
    """Coefficients and, last, the intercept that minimise the squared error with a penalty on the squared coefficients.

    The penalised problem is one of least squares over as many equations as there are columns; under signs there is exactly one
    solution as well.

    Args:
        columns: standardised; one row per row, one column per coefficient.
        signs: 1 or -1 where a coefficient may not have the other sign, 0 where it is free.
        inverse_penalty: 1 / alpha, of scikit-learn's Ridge.
        shares: what each row weighs, on average 1; None: all 1.
    """
    mean = float(np.average(labels, weights=shares))
    centre, roots = np.zeros(columns.shape[1]), np.ones((len(labels), 1))
    if shares is not None:  # rows times the roots of what they weigh, about the weighted means
        centre, roots = np.average(columns, axis=0, weights=shares), np.sqrt(shares)[:, np.newaxis]
        columns = roots * (columns - centre)
    products = columns.T @ columns + np.eye(columns.shape[1]) / inverse_penalty
    root = cholesky(products)
    target = solve_triangular(root, columns.T @ (roots[:, 0] * (labels - mean)), trans="T")
    low, high = np.where(signs > 0, 0.0, -np.inf), np.where(signs < 0, 0.0, np.inf)
    slopes = lsq_linear(root, target, bounds=(low, high), method="bvls", tol=TOLERANCE).x
    return np.append(slopes, mean - centre @ slopes)


def solve_log_ridge(
    columns: Floats, labels: Floats, signs: Floats, inverse_penalty: float, shares: Floats | None = None
) -> Floats:
    """The same for the logarithm of the mean of amounts that are 0 or more: Poisson's likelihood, penalised alike.

    It finds the mean whatever the variance is, so that counts and amounts with many zeros are fitted by it alike. Amounts are
    counted in units of their mean: the penalty would weigh less on cents than on euros.
    Source: C. Gourieroux, A. Monfort, A. Trognon, Econometrica 52 (1984), 681-700.
    """
    unit = float(np.average(labels, weights=shares))
    bounds = [(0 if sign > 0 else None, 0 if sign < 0 else None) for sign in signs]
    found = minimize(
        _loss_and_slope,
        np.zeros(columns.shape[1] + 1),
        args=(columns, labels / unit, shares, 1 / (inverse_penalty * len(labels))),
        jac=True,
        bounds=[*bounds, (None, None)],
        method="L-BFGS-B",
        options={"maxiter": MOST_STEPS, "gtol": TOLERANCE, "ftol": 0.0},
    )
    weights = np.asarray(found.x, dtype=np.float64)
    return np.append(weights[:-1], weights[-1] + np.log(unit))


def _loss_and_slope(
    weights: Floats, columns: Floats, labels: Floats, shares: Floats | None, penalty: float
) -> tuple[float, Floats]:
    """Half the mean Poisson deviance, less what no weight changes, plus half the penalty; the intercept is not penalised."""
    margin = np.minimum(columns @ weights[:-1] + weights[-1], HIGHEST_MARGIN)
    expected = np.exp(margin)
    loss = float(np.mean(weigh(expected - labels * margin, shares)) + penalty / 2 * weights[:-1] @ weights[:-1])
    error = weigh(expected - labels, shares) / len(labels)
    return loss, np.append(columns.T @ error + penalty * weights[:-1], error.sum())
