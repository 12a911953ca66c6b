"""How far a measure of drift moves by chance alone: few rows, or many bins, are not a change of the world.

A limit says what change matters. With few rows chance alone goes beyond it: two samples of 60 rows of one population differ
by a PSI of .2 as a rule, and nobody should be woken by that. So a change counts when it matters *and* is beyond chance.

The reference counts as many rows as it has entities, for the rows of one entity in 26 snapshots are hardly 26 pieces of
evidence. Where they are the same entities as today's, the true chance is smaller: the limits are on the safe side.
"""

from __future__ import annotations

from math import sqrt

import numpy as np
from scipy.special import gammainccinv
from scipy.stats import norm

from perennial.monitor.profile import ScoresProfile
from perennial.monitor.psi import Bins, Floats, measure_index

FALSE_CHECKS = 0.01
"""Share of checks of a stable world in which any column may be taken for drifted by chance."""
FALSE_SHIFT = 1 / 365
"""The same of the mean score: one check a year."""
DRAWS = 500


def find_index_by_chance(bins: Bins, *, entities: int, columns: int) -> float:
    """The PSI that two samples of one population exceed in `FALSE_CHECKS` / `columns` of checks.

    Both samples are drawn from what they hold together; the tail is that of the gamma law with the mean and variance of the draws
    (PSI of many rows is a weighted sum of chi squares).

    Args:
        entities: in the reference; columns: that are looked at in the same check.
    """
    together = bins.reference + bins.current
    shares, rng = together / together.sum(), np.random.default_rng(0)
    sizes = min(entities, int(bins.reference.sum())), int(bins.current.sum())
    before, after = (rng.multinomial(size, shares, size=DRAWS) / size for size in sizes)
    drawn = measure_index(before, after)
    mean, variance = float(drawn.mean()), float(drawn.var())
    if not variance > 0:
        return mean
    return float(gammainccinv(mean**2 / variance, FALSE_CHECKS / columns) * (variance / mean))


def find_shift_by_chance(reference: ScoresProfile, current: Floats, *, entities: int) -> float:
    """The difference of means that two samples of one population exceed in `FALSE_SHIFT` of checks, either way."""
    variance = reference.variance / min(entities, reference.rows) + current.var() / len(current)
    return float(norm.isf(FALSE_SHIFT / 2)) * sqrt(variance)
