"""What the gate sees of errors and shocks in all years at once: `perennial.compare.shocks` on arrays of (years, places)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from perennial.compare.shocks import PRIOR_AS_OFS
from perennial.metrics.panel import Floats, Ints
from years.worlds import FINAL, correlate, share_windows

Bools = npt.NDArray[np.bool_]


def average(noise: Floats, count: Ints) -> Floats:
    """The mean of the first so many as_ofs of each contest; noise has the shape (years, places, FINAL)."""
    sums = np.take_along_axis(noise.cumsum(axis=2), count[:, :, None] - 1, axis=2)[:, :, 0]
    means: Floats = sums / count
    return means


def _list_means(correlations: Floats) -> Floats:
    """The mean correlation over the first so many as_ofs; place 0 is empty."""
    return np.array([np.nan, *(correlations[:count, :count].mean() for count in range(1, FINAL + 1))])


COUNTS = np.arange(FINAL + 1)
WITHIN, SHARED = _list_means(correlate(FINAL)), _list_means(share_windows(FINAL))
with np.errstate(divide="ignore", invalid="ignore"):  # one as_of has no neighbour
    WITHIN_DIFFER, SHARED_DIFFER = (1 - (means * COUNTS**2 - COUNTS) / (COUNTS * (COUNTS - 1)) for means in (WITHIN, SHARED))


class Seen:
    """Surplus of every pair, pooled by year with the prior.

    Args:
        error: of one as_of, as clustered by what the gate takes for an entity.
        prior: standard deviation of shocks; None: a gate that knows of none.
    """

    def __init__(self, years: int, error: float, prior: float | None) -> None:
        self.error, self.prior = error, prior
        self.closed = np.zeros((2, years))
        self.open: Floats | None = None

    def learn(self, noise: Floats, count: Ints, guess: Floats, is_open: Bools) -> None:
        """The newest look at every pair: its surplus, and what that is worth, both times (as_ofs - 1)."""
        is_seen = np.arange(FINAL) < count[:, :, None]
        apart = np.where(is_seen, noise - average(noise, count)[:, :, None], 0)
        surplus = np.square(apart).sum(axis=2) / (count - 1) - (guess * self.error) ** 2 * WITHIN_DIFFER[count]
        self.open = np.stack([(count - 1) * surplus, (count - 1) * SHARED_DIFFER[count]]) * is_open

    def close(self, is_closed: Bools) -> None:
        """What these pairs have seen stays in the ledger."""
        assert self.open is not None
        self.closed += (self.open * is_closed).sum(axis=2)
        self.open = self.open * ~is_closed

    def measure(self, count: Ints, guess: Floats, freedom: float, *, as_ofs: int) -> tuple[Floats, Floats, Floats]:
        """Standard errors of the means, variances of shocks in units of that of one as_of, and degrees of freedom.

        Args:
            freedom: of the error that comes from entities.
            as_ofs: different ones that the pairs of a year have been looked at on.
        """
        within = (guess * self.error) ** 2
        if self.prior is None:
            return np.sqrt(within * WITHIN[count]), np.zeros(count.shape), np.full(count.shape, freedom)
        assert self.open is not None
        spread, seen = self.closed + self.open.sum(axis=2)
        worth = np.minimum(seen, as_ofs - 1)
        found = np.maximum(0, np.divide(spread, seen, out=np.zeros_like(seen), where=seen > 0))
        variance = ((PRIOR_AS_OFS * self.prior**2 + worth * found) / (PRIOR_AS_OFS + worth))[:, None]
        parts = within * WITHIN[count], variance * SHARED[count]
        total = parts[0] + parts[1]
        shock_freedom = (PRIOR_AS_OFS + worth - 1)[:, None]
        return np.sqrt(total), variance / within, total**2 / (parts[0] ** 2 / freedom + parts[1] ** 2 / shock_freedom)
