"""Contests between two models of one large population: so many of its entities drawn anew, with all their as_ofs.

Without a gain, what is true of the population is taken off. The looks, their boundaries and the variance of shocks are those of
the gate itself; what is quick to see (no look can come so high) is left out before it is asked.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Self

import numpy as np
import numpy.typing as npt
from scipy.stats import norm

from perennial.compare import TestPlan
from perennial.compare.boundaries import widen
from perennial.compare.looks import take_look
from perennial.compare.shocks import Surplus, add_shocks, pool_shocks
from perennial.metrics import DailyGain
from perennial.metrics.panel import Floats, Ints
from perennial.records import Look
from years.worlds import ALPHA, FINAL, FIRST, HORIZON, MODEL, OVERLAP, make_gain, narrow

Bools = npt.NDArray[np.bool_]
WINDOW = len(OVERLAP)
PLAN = TestPlan(ALPHA, FINAL, WINDOW, MODEL.training.seed)
DAYS = make_gain(FINAL).as_ofs
COUNTS = np.arange(FIRST, FINAL + 1)
ALLOWANCE = 0.4  # standard errors by which the first order may fall short
LOWEST = float(norm.isf(ALPHA))  # of all boundaries, in standard errors


class Contenders(ABC):
    """A challenger and a champion of one population."""

    @property
    @abstractmethod
    def population(self) -> int:
        """Its entities."""

    @property
    @abstractmethod
    def size(self) -> float:
        """Of what a share is taken: the champion's loss, or what it has of a metric that is to be high."""

    @abstractmethod
    def swap(self) -> Self:
        """The other way round."""

    @abstractmethod
    def compare(self, entities: Ints, count: int = FINAL) -> DailyGain:
        """What the gate's metric says of these entities on the first so many as_ofs, each drawn one of its own."""

    @cached_property
    def truth(self) -> DailyGain:
        """The gain on the whole population."""
        return self.compare(np.arange(self.population))

    def draw(self, entities: int, rng: np.random.Generator) -> Ints:
        """So many of the population, with replacement."""
        return rng.integers(0, self.population, entities)

    @cached_property
    def _pulls(self) -> Floats:
        """Of each entity on the mean over the first so many as_ofs, for every look; shape (population, looks)."""
        means: Floats = self.population * self.truth.influence.cumsum(axis=1)[:, COUNTS - 1] / COUNTS
        return means

    def may_cross(self, entities: Ints, height: float, looks: int = len(COUNTS)) -> bool:
        """Could any of the first looks come so high, by influences of the first order?"""
        pulls = self._pulls[entities, :looks]
        return bool((pulls.mean(axis=0) > (height - ALLOWANCE) * pulls.std(axis=0) / np.sqrt(len(pulls))).any())


def count_looks(pairs: tuple[Contenders, ...], contests: int, entities: int, level: float, *, seed: int) -> int:
    """Of so many contests without a gain: how many cross the boundary of one look at this level?"""
    rng = np.random.default_rng([seed, 41, entities])
    return sum(_crosses_once(pairs[number % len(pairs)], entities, float(norm.isf(level)), rng) for number in range(contests))


def _crosses_once(pair: Contenders, entities: int, height: float, rng: np.random.Generator) -> bool:
    drawn = pair.draw(entities, rng)
    if not pair.may_cross(drawn, height, 1):
        return False
    found = pair.compare(drawn, FIRST)
    gained = found.estimate - float(pair.truth.gains[:FIRST].mean())
    return gained > widen(height, found.degrees_of_freedom) * found.standard_error


def find_crossings(pairs: tuple[Contenders, ...], contests: int, entities: int, *, seed: int) -> Floats:
    """Of so many contests without a gain: which cross a boundary of the gate's looks, 1 or 0?"""
    rng = np.random.default_rng([seed, 43, entities])
    return np.array([_crosses(pairs[number % len(pairs)], entities, rng) for number in range(contests)], dtype=np.float64)


def _crosses(pair: Contenders, entities: int, rng: np.random.Generator) -> bool:
    drawn = pair.draw(entities, rng)
    if not pair.may_cross(drawn, LOWEST):
        return False
    found = pair.compare(drawn)
    found = replace(found, gains=found.gains - pair.truth.gains)
    if not find_high(found).any():
        return False
    return any(look.lower > 0 for look in _look([found.first(count) for count in COUNTS]))


def find_high(gain: DailyGain) -> Bools:
    """Which looks lie above the lowest of all boundaries? No other can be won, whatever shocks add to its error."""
    pulls = gain.influence.cumsum(axis=1)[:, COUNTS - 1] / COUNTS
    errors = np.sqrt(np.einsum("ij,ij->j", pulls, pulls) * len(pulls) / (len(pulls) - 1))
    high: Bools = gain.gains.cumsum()[COUNTS - 1] / COUNTS > LOWEST * errors
    return high


def _look(shortest: list[DailyGain]) -> Iterator[Look]:
    looks: list[Look] = []
    for known in shortest:
        looks.append(take_look(known, looks, PLAN))
        yield looks[-1]


def find_power(pair: Contenders, contests: int, entities: int, priors: Sequence[float | None], *, seed: int) -> Floats:
    """Share of contests that the challenger wins at any look, for each prior, by heights that hold for the whole population.

    Args:
        priors: standard deviations of shocks before anything is known, as shares of the champion's loss; the ledger knows of
            no other pair. None: a gate that knows of no shocks.
    """
    rng = np.random.default_rng([seed, 47, entities])
    heights, won = [_plan_heights(pair, entities, prior) for prior in priors], np.zeros(len(priors))
    for _ in range(contests):
        won += _win(pair, pair.compare(pair.draw(entities, rng)), heights, priors)
    return won / contests


def _win(pair: Contenders, found: DailyGain, heights: list[list[float]], priors: Sequence[float | None]) -> Bools:
    """By which of the priors is a look won?"""
    floor, won = MODEL.promotion.min_gain * pair.size, np.zeros(len(priors), dtype=np.bool_)
    for look in np.flatnonzero(find_high(found)):
        known = found.first(int(COUNTS[look]))
        if known.estimate < floor:
            continue
        surplus = Surplus(known.as_ofs, known.surplus)
        for place in np.flatnonzero(~won):
            seen = with_prior(known, surplus, pair.size, priors[place])
            won[place] = seen.estimate > widen(heights[place][look], seen.degrees_of_freedom) * seen.standard_error
        if won.all():
            break
    return won


def _plan_heights(pair: Contenders, entities: int, prior: float | None) -> list[float]:
    """In standard errors that are known; those of so many entities are larger than those of all."""
    apart = pair.truth.influence * np.sqrt(pair.population / entities)
    known = [replace(pair.truth, gains=0 * pair.truth.gains, influence=apart).first(count) for count in COUNTS]
    shortest = [with_prior(each, Surplus(each.as_ofs, each.surplus), pair.size, prior) for each in known]
    return [narrow(look.boundary, each.degrees_of_freedom) for look, each in zip(_look(shortest), shortest, strict=True)]


def with_prior(gain: DailyGain, found: Surplus, size: float, prior: float | None) -> DailyGain:
    """With the error of shocks as the gate pools them, its prior this share of the champion's loss."""
    if prior is None:
        return gain
    return add_shocks(gain, pool_shocks((found,), prior=prior * size, horizon_days=HORIZON), HORIZON)
