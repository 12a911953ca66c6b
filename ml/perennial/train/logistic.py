"""Logistic regression on standardised columns, each free or bound to one sign."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from perennial.train.inputs import Floats

TOLERANCE = 1e-8  # of the gradient; two steps more than with the default, and the same result from every solver
MOST_STEPS = 100  # of Newton's method, which on many rows and few columns needs about ten
MOST_BOUND_STEPS = 2000  # of a quasi-Newton method, whose steps cost one pass over the rows


def solve_logistic(
    columns: Floats, labels: Floats, signs: Floats, inverse_penalty: float, shares: Floats | None = None
) -> Floats:
    """Coefficients and, last, the intercept that minimise the penalised log-loss under the signs.

    The problem is convex: where the free solution keeps every sign it is the answer, and else there is exactly one other.

    Args:
        columns: standardised; one row per row, one column per coefficient.
        signs: 1 or -1 where a coefficient may not have the other sign, 0 where it is free.
        inverse_penalty: scikit-learn's C.
        shares: what each row weighs, on average 1; None: all 1.
    """
    solver = LogisticRegression(C=inverse_penalty, solver="newton-cholesky", max_iter=MOST_STEPS, tol=TOLERANCE)
    fitted = solver.fit(columns, labels, sample_weight=shares)
    free: Floats = np.append(fitted.coef_[0], fitted.intercept_[0])
    return free if (free[:-1] * signs >= 0).all() else _solve_bound((columns, labels, shares), signs, inverse_penalty, start=free)


def weigh(values: Floats, shares: Floats | None) -> Floats:
    """Values of rows, times what each weighs."""
    return values if shares is None else shares * values


def _solve_bound(rows: tuple[Floats, Floats, Floats | None], signs: Floats, inverse_penalty: float, *, start: Floats) -> Floats:
    bounds = [(0 if sign > 0 else None, 0 if sign < 0 else None) for sign in signs]
    kept = np.append(np.where(start[:-1] * signs < 0, 0.0, start[:-1]), start[-1])
    found = minimize(
        _loss_and_slope,
        kept,
        args=(*rows, 1 / (inverse_penalty * len(rows[1]))),
        jac=True,
        bounds=[*bounds, (None, None)],
        method="L-BFGS-B",
        options={"maxiter": MOST_BOUND_STEPS, "gtol": TOLERANCE, "ftol": 0.0},
    )
    return np.asarray(found.x, dtype=np.float64)


def _loss_and_slope(
    weights: Floats, columns: Floats, labels: Floats, shares: Floats | None, penalty: float
) -> tuple[float, Floats]:
    """Mean log-loss plus half the penalty times the squared coefficients; the intercept is not penalised."""
    margin = columns @ weights[:-1] + weights[-1]
    loss = float(np.mean(weigh(np.logaddexp(0, margin) - labels * margin, shares)) + penalty / 2 * weights[:-1] @ weights[:-1])
    error = weigh(expit(margin) - labels, shares) / len(labels)
    return loss, np.append(columns.T @ error + penalty * weights[:-1], error.sum())
