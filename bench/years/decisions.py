"""Weekly decisions of the gate over many years at once, by the gate's own rule, boundaries, policy and account.

Every week brings a challenger, which is looked at on the newest as_ofs, and again each week while it stays a shadow; drift
may bring a second one. A promotion ends the open contests, and the shadows start again against the new champion, where the
account covers another alpha. Errors are then drawn anew: the very rows that flattered the winner would count against them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import norm, t

from perennial.compare.looks import is_lost, is_won
from perennial.compare.shadows import measure_promise
from perennial.metrics.panel import Floats, Ints
from perennial.tasks.binary import PRIOR_SHOCK
from years.seen import Seen, average
from years.worlds import (
    ALPHA,
    BUDGET,
    DRIFT_RETRAININGS,
    FINAL,
    FIRST,
    FLOOR,
    MODEL,
    WEEKS,
    Test,
    World,
    draw_noise,
    draw_shocks,
)

Bools = npt.NDArray[np.bool_]
PLACES = MODEL.promotion.shadow_max + 4  # shadows, two newcomers, and winners that were not the best of their week
DRAWS_A_YEAR = int(BUDGET / ALPHA + 0.5)
GIVE_UP = float(norm.isf((1 - MODEL.promotion.confidence) / 2))


Promise = Callable[[Floats, Floats, Ints], Floats]
"""From estimates, standard errors and counts of as_ofs: the higher, the longer a challenger stays under test."""


def by_gain(estimate: Floats, error: Floats, _count: Ints) -> Floats:
    """As the gate does."""
    return measure_promise(estimate, error)


@dataclass(frozen=True)
class Stream:
    """What the weeks bring.

    Attributes:
        gain: of every challenger over the first champion, in AUC.
        with_drift: drift asks for as many retrainings as the policy allows, the newcomers of which are under test too.
        run_in: weeks before the year that counts.
    """

    gain: float
    with_drift: bool = False
    run_in: int = 0
    weeks: int = WEEKS


@dataclass(frozen=True, eq=False)
class Lived:
    """What happened in each year that counts: its promotions, those of them without a gain, and the week of the first."""

    promotions: Ints
    false: Ints
    first: Floats


class Years:
    """The state of all years in one week; arrays have the shape (years, places)."""

    def __init__(
        self,
        world: World,
        test: Test,
        stream: Stream,
        *,
        years: int,
        seed: int,
        promise: Promise = by_gain,
        prior: float | None = PRIOR_SHOCK,
    ) -> None:
        self.world, self.test, self.stream, self.promise = world, test, stream, promise
        told_apart = (int(world.error * 1e6), int(world.likeness * 10), int(stream.gain * 1e4) % 997, int(world.shock * 1e4))
        self.rng = np.random.default_rng([seed, *told_apart])
        self.all = np.arange(years)
        shape = (years, PLACES)
        self.is_open = np.zeros(shape, dtype=bool)
        self.gain, self.guess = np.zeros(shape), np.ones(shape)
        self.begin, self.first_count = np.zeros(shape, dtype=int), np.full(shape, FIRST)
        self.own = np.zeros((*shape, FINAL))
        self.shared = self._draw(years, stream.run_in + stream.weeks + FINAL)
        self.champion = np.zeros(years)
        self.drawn = np.zeros((years, stream.run_in + stream.weeks + 1), dtype=int)
        self.seen = Seen(years, world.error / np.sqrt(world.copies), prior)

    def live(self) -> Lived:
        """Week by week."""
        years, run_in = len(self.all), self.stream.run_in
        lived = Lived(np.zeros(years, dtype=int), np.zeros(years, dtype=int), np.full(years, np.inf))
        for week in range(run_in + self.stream.weeks):
            for _ in range(self._count_newcomers(week)):
                self._enter(week)
            winner, gain = self._look(week)
            if week >= run_in:
                won = winner >= 0
                lived.promotions[won] += 1
                lived.false[won & (gain <= self.champion)] += 1
                lived.first[won] = np.minimum(lived.first[won], week - run_in + 1)
            self._promote(week, winner, gain)
        return lived

    def _count_newcomers(self, week: int) -> int:
        if not self.stream.with_drift:
            return 1
        return 1 + (week + 1) * DRIFT_RETRAININGS // WEEKS - week * DRIFT_RETRAININGS // WEEKS

    def _enter(self, week: int) -> None:
        """A challenger whose first as_ofs are the newest, where the account covers it."""
        years = self.all[self._cover(week) & ~self.is_open.all(axis=1)]
        self._open(years, self.is_open[years].argmin(axis=1), week)
        place = self._newest
        self.gain[years, place], self.begin[years, place], self.first_count[years, place] = self.stream.gain, week, FIRST

    def _open(self, years: Ints, place: Ints, week: int) -> None:
        """Draw an alpha, and the errors of a contest; a standard error is itself a guess, by its degrees of freedom."""
        self._newest = place
        self.is_open[years, place] = True
        self.drawn[years, week] += 1
        self.own[years, place] = self._draw(len(years), FINAL)
        freedom = self.test.degrees_of_freedom
        self.guess[years, place] = np.sqrt(self.rng.chisquare(freedom, len(years)) / freedom)

    def _cover(self, week: int) -> Bools:
        """Does the account of the last 365 days hold another alpha?"""
        covered: Bools = self.drawn[:, max(0, week - WEEKS + 1) : week + 1].sum(axis=1) < DRAWS_A_YEAR
        return covered

    def _look(self, week: int) -> tuple[Ints, Floats]:
        """Assess all open contests; the place of the best winner of each year, or -1, and its gain."""
        count = np.where(self.is_open, week + FIRST - self.begin, FIRST)
        noise = self._gather_noise(week)
        estimate = self.gain - self.champion[:, None] + average(noise, count)
        was_open = self.is_open.copy()
        self.seen.learn(noise, count, self.guess, was_open)
        error, ratio, freedom = self.seen.measure(count, self.guess, self.test.degrees_of_freedom, as_ofs=week + FIRST)
        height = self.test.find_height(ratio, self.first_count, count)
        is_near = self.is_open & (estimate > height * error)
        height[is_near] = t.isf(norm.sf(height[is_near]), freedom[is_near])
        lower = estimate - height * error
        won = self.is_open & is_won(lower, estimate, FLOOR)
        over = is_lost(estimate + GIVE_UP * error, FLOOR) | (count >= FINAL)
        self.is_open &= ~over | won
        self._displace(won, self.promise(estimate, error, count))
        self.seen.close(was_open & ~self.is_open)
        best = np.where(won, estimate, -np.inf).argmax(axis=1)
        return np.where(won.any(axis=1), best, -1), self.gain[self.all, best]

    def _gather_noise(self, week: int) -> Floats:
        """The errors of each contest, as_of by as_of; shape (years, places, FINAL); those still to come stand there too."""
        begin = np.where(self.is_open, self.begin, week)
        places = np.minimum(begin[:, :, None] + np.arange(FINAL), self.shared.shape[1] - 1)
        shared = self.shared[self.all[:, None, None], places]
        alike = self.world.likeness
        noise: Floats = np.sqrt(alike) * shared + np.sqrt(1 - alike) * self.own
        return noise

    def _displace(self, won: Bools, promise: Floats) -> None:
        """Of those undecided the best stay: `perennial.compare.shadows` for all years at once."""
        undecided = self.is_open & ~won
        ranks = np.where(undecided, -promise, np.inf).argsort(axis=1, kind="stable").argsort(axis=1, kind="stable")
        self.is_open &= won | (ranks < MODEL.promotion.shadow_max)

    def _promote(self, week: int, winner: Ints, gain: Floats) -> None:
        """A new champion in some years: there, who is still open starts again, on rows that neither was trained on."""
        years = self.all[winner >= 0]
        places = winner[years]
        self.champion[years] = gain[years]
        is_promoted = np.zeros_like(self.is_open)
        is_promoted[years] = True
        self.seen.close(self.is_open & is_promoted)
        self.is_open[years, places] = False
        self.shared[years] = self._draw(len(years), self.shared.shape[1])
        self.begin[years] = np.maximum(self.begin[years], self.begin[years, places][:, None])
        self.first_count[years] = np.minimum(week + 1 + FIRST - self.begin[years], FINAL)
        for place in range(PLACES):
            shadows = years[self.is_open[years, place]]
            self.is_open[shadows, place] = False
            again = shadows[self._cover(week + 1)[shadows]]
            self._open(again, np.full(len(again), place), week + 1)

    def _draw(self, years: int, as_ofs: int) -> Floats:
        """Errors in AUC, those of entities and shocks; shape (years, as_ofs)."""
        noise = self.world.error * draw_noise(self.rng, (years, as_ofs))
        if not self.world.shock:
            return noise
        return noise + self.world.shock * draw_shocks(self.rng, (years, as_ofs), self.world.memory)
