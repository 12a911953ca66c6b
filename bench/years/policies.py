"""Who leaves when too many are undecided: policies that were tried before ml/perennial/compare/shadows.py was chosen."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.stats import norm

from perennial.metrics.panel import Floats, Ints
from years.decisions import GIVE_UP, Promise, Stream, Years, by_gain
from years.worlds import ALPHA, FINAL, FLOOR, Test, World, measure_errors


def foresee(estimate: Floats, error: Floats, count: Ints) -> Floats:
    """Conditional power of crossing at the last look, as a normal quantile, if the true gain is the floor.

    Source: K. K. G. Lan, J. Wittes, "The B-value: a tool for monitoring data", Biometrics 44 (1988), 579-585.
    """
    errors = measure_errors()
    known = np.minimum((errors[FINAL] / errors[count]) ** 2, 1 - 1e-6)
    drift = FLOOR / (error * np.sqrt(known))
    found: Floats = (estimate / error * np.sqrt(known) + drift * (1 - known) - norm.isf(ALPHA)) / np.sqrt(1 - known)
    return found


POLICIES: Mapping[str, Promise] = {
    "gain in standard errors": by_gain,
    "conditional power at the floor": foresee,
    "upper bound": lambda estimate, error, _: estimate + GIVE_UP * error,
    "the newcomer leaves": lambda _estimate, _error, count: count.astype(float),
    "the oldest leaves": lambda _estimate, _error, count: -count.astype(float),
}


def rate_policies(world: World, test: Test, *, years: int, seed: int) -> Mapping[str, float]:
    """Share of years in which one of a stream of challengers that gain .01 is promoted, by who stays."""
    return {
        name: float((Years(world, test, Stream(0.01), years=years, seed=seed, promise=promise).live().promotions > 0).mean())
        for name, promise in POLICIES.items()
    }
