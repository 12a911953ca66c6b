"""As_ofs are a sample too: what is common to all rows of one, a shock, moves its gain and is no entity's doing.

A holiday or a stopped campaign favours one of two equal models for a week, in all rows at once. The error that is clustered
by entity does not see it, and equal models would be told apart by it year after year. So the variance tau^2 of the shocks
is added to that of the gains, correlated as label windows overlap.

One pair's few as_ofs say little about tau^2: it is pooled over all pairs of the model in the ledger, with a prior. Pairs
share their as_ofs, so that together they are worth no more than the different as_ofs that they were looked at on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from math import isfinite, sqrt

import numpy as np

from perennial.compare.contest import ComparisonInput
from perennial.metrics import DailyGain
from perennial.metrics.panel import Floats

PRIOR_AS_OFS = 12  # that the task's prior is worth
Days = tuple[date, ...]


@dataclass(frozen=True)
class Surplus:
    """What one pair's looks say of shocks: the surplus of its gains (see `DailyGain`) and the as_ofs that it is of."""

    as_ofs: Days
    variance: float


@dataclass(frozen=True)
class Shocks:
    """Variance of shocks, in squared units of the headline; the as_ofs that it rests on, those of the prior among them."""

    variance: float
    as_ofs: float

    @property
    def deviation(self) -> float:
        return sqrt(self.variance)


def measure_gain(contest: ComparisonInput) -> DailyGain:
    """The challenger's gain on the champion, its error with shocks; there is a champion."""
    assert contest.champion is not None
    daily = contest.task.headline.by_day(contest.challenger.scores, contest.champion.scores, contest.labels)
    return add_shocks(daily, find_shocks(daily, contest), contest.model.label.horizon_days)


def find_shocks(daily: DailyGain, contest: ComparisonInput) -> Shocks:
    """From this pair and from those that the ledger has seen."""
    earlier = (Surplus(look.as_ofs, look.surplus) for look in contest.earlier if look.surplus is not None)
    assert contest.champion is not None
    task = contest.task
    prior = task.find_prior_shock(task.headline.value(contest.champion.scores, contest.labels))
    found = (Surplus(daily.as_ofs, daily.surplus), *earlier)
    return pool_shocks(found, prior=prior, horizon_days=contest.model.label.horizon_days)


def add_shocks(daily: DailyGain, shocks: Shocks, horizon_days: int) -> DailyGain:
    """The same gains with the error that shocks add."""
    covariance = shocks.variance * correlate_windows(daily.as_ofs, horizon_days)
    return daily.with_shocks(covariance, freedom=shocks.as_ofs - 1)


def correlate_windows(as_ofs: Sequence[date], horizon_days: int) -> Floats:
    """The share of their label windows that any two as_ofs have in common, shape (as_ofs, as_ofs).

    Worked example (28 days): .75, .5 and .25 at one, two and three weeks.
    """
    days = np.array([as_of.toordinal() for as_of in as_ofs])
    shared: Floats = np.clip(1 - np.abs(days[:, None] - days) / horizon_days, 0, None)
    return shared


def pool_shocks(found: Iterable[Surplus], *, prior: float, horizon_days: int) -> Shocks:
    """One variance from the surplus of several pairs, weighed by their as_ofs, and the prior.

    Shocks that last as long as a label window move neighbours alike, so that n as_ofs differ by less than their variance:
    by the share 1 - (mean correlation of two of them), which the surplus is divided by.

    Args:
        prior: standard deviation, in units of the gains.
    """
    known = [each for each in found if isfinite(each.variance)]
    spread = sum((len(each.as_ofs) - 1) * each.variance for each in known)
    seen = sum((len(each.as_ofs) - 1) * _differ(each.as_ofs, horizon_days) for each in known)
    if not seen > 0:
        return Shocks(prior**2, PRIOR_AS_OFS)
    different = len({as_of for each in known for as_of in each.as_ofs})
    worth = min(seen, different - 1)
    variance = (PRIOR_AS_OFS * prior**2 + worth * max(0.0, spread / seen)) / (PRIOR_AS_OFS + worth)
    return Shocks(variance, PRIOR_AS_OFS + worth)


def _differ(as_ofs: Days, horizon_days: int) -> float:
    """1 less the mean correlation of two different as_ofs."""
    count = len(as_ofs)
    correlations = correlate_windows(as_ofs, horizon_days)
    return 1 - float(correlations.sum() - count) / (count * (count - 1))
