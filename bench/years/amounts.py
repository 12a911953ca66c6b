"""Worlds of amounts: most entities spend nothing, the others lognormally, and two models predict the sum of four weeks.

One large population is drawn once. What both models see of an entity's level, and what each errs by itself, mostly for good, is
turned into a prediction as a calibrated model would: the mean, or whatever the loss asks for, of the amounts of entities that
look alike. The champion errs so much more that the challenger truly gains the wanted share of its loss, or of its Gini. A
contest is between them on so many entities drawn anew, with all their as_ofs; without a gain, what is true is taken off.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.special import expit
from scipy.stats import norm

from perennial.compare import TestPlan
from perennial.compare.boundaries import widen
from perennial.compare.looks import take_look
from perennial.compare.shocks import Surplus, add_shocks, pool_shocks
from perennial.metrics import DailyGain, RowLoss, absolute_loss, pinball_loss, squared_loss
from perennial.metrics.gini import gini_within
from perennial.metrics.panel import Floats, Ints
from perennial.records import Look
from years.worlds import ALPHA, FINAL, FIRST, HORIZON, MODEL, OVERLAP, make_gain, narrow

LookUp = Callable[[Floats], float]
POPULATION = 60_000
SPREAD = 1.0
"""Standard deviation of the logarithm of one purchase; between entities it is .8 more."""
SHARED, OWN, LASTING = 0.5, 0.25, 0.7
"""Errors in the level of an entity: of both models, of the challenger alone (two such models see levels that correlate by .95),
and how much of that variance stays for good."""
WORST = 3.0
BINS = 200
CAPPED_AT = 0.98  # quantile of the amounts
WINDOW = len(OVERLAP)
PLAN = TestPlan(ALPHA, FINAL, WINDOW, MODEL.training.seed)
DAYS = make_gain(FINAL).as_ofs
COUNTS = np.arange(FIRST, FINAL + 1)
ALLOWANCE = 0.4  # standard errors by which the first order may fall short


@dataclass(frozen=True)
class World:
    """What is measured, where so large a share of amounts is zero.

    Attributes:
        ask: what a model of this metric predicts of entities that look alike.
        make_loss: from all amounts; None: the Gini.
    """

    name: str
    zeros: float
    ask: LookUp
    make_loss: Callable[[Floats], RowLoss] | None


def _take_mean(amounts: Floats) -> float:
    return float(amounts.mean())


AMOUNT_WORLDS = (
    World("MAE, 40 % zeros", 0.4, lambda amounts: float(np.median(amounts)), lambda _: absolute_loss),
    World("pinball .9, 80 % zeros", 0.8, lambda amounts: float(np.quantile(amounts, 0.9)), lambda _: pinball_loss(0.9)),
    World("capped RMSE, 80 % zeros", 0.8, _take_mean, lambda amounts: squared_loss(float(np.quantile(amounts, CAPPED_AT)))),
    World("RMSE without a cap", 0.8, _take_mean, lambda _: squared_loss()),
    World("Gini, 80 % zeros", 0.8, _take_mean, None),
)


@dataclass(frozen=True, eq=False)
class Entities:
    """What happened, shape (POPULATION, FINAL), and what the models could know of each entity."""

    amounts: Floats
    seen: Floats
    errors: tuple[Floats, Floats]


@dataclass(frozen=True, eq=False)
class Pair:
    """A challenger and a champion of one population.

    Attributes:
        ours, theirs: predictions, shape (POPULATION, FINAL).
        loss: None for the Gini.
    """

    ours: Floats
    theirs: Floats
    amounts: Floats
    loss: RowLoss | None

    @cached_property
    def truth(self) -> DailyGain:
        """The gain on the whole population."""
        return self.compare(np.arange(len(self.amounts)))

    @cached_property
    def size(self) -> float:
        """Of what a share is taken: the champion's loss, or its Gini."""
        if self.loss is not None:
            return float(self.loss(self.amounts, self.theirs).mean())
        return float(np.mean([gini_within(*day).value for day in zip(self.theirs.T, self.amounts.T, strict=True)]))

    @cached_property
    def _saved(self) -> Floats:
        assert self.loss is not None
        return self.loss(self.amounts, self.theirs) - self.loss(self.amounts, self.ours)

    def swap(self) -> Pair:
        """The other way round."""
        return replace(self, ours=self.theirs, theirs=self.ours)

    def compare(self, entities: Ints, count: int = FINAL) -> DailyGain:
        """What `paired_loss_by_day` or `paired_gini_by_day` says of these entities, each drawn one of its own."""
        if self.loss is not None:
            saved = self._saved[entities, :count]
            gains = saved.mean(axis=0)
            return DailyGain(DAYS[:count], gains, (saved - gains) / len(saved), {})
        days = [(side[entities, :count].T) for side in (self.ours, self.theirs, self.amounts)]
        parts = [gini_within(ours, amounts) - gini_within(theirs, amounts) for ours, theirs, amounts in zip(*days, strict=True)]
        influence = np.column_stack([part.influence for part in parts])
        return DailyGain(DAYS[:count], np.array([part.value for part in parts]), influence, {})

    def draw(self, entities: int, rng: np.random.Generator) -> Ints:
        """So many of the population, with replacement."""
        return rng.integers(0, len(self.amounts), entities)

    @cached_property
    def _pulls(self) -> Floats:
        """Of each entity on the mean over the first so many as_ofs, for every look; shape (POPULATION, looks)."""
        means: Floats = len(self.amounts) * self.truth.influence.cumsum(axis=1)[:, COUNTS - 1] / COUNTS
        return means

    def may_cross(self, entities: Ints, height: float) -> bool:
        """Could any look come so high, by influences of the first order?"""
        pulls = self._pulls[entities]
        return bool((pulls.mean(axis=0) > (height - ALLOWANCE) * pulls.std(axis=0) / np.sqrt(len(pulls))).any())


def draw_entities(zeros: float, seed: int) -> Entities:
    """Four weeks overlap by three, so that windows of neighbouring as_ofs go together as they do in life."""
    rng = np.random.default_rng([seed, 31])
    level = rng.standard_normal((POPULATION, 1))
    weekly = 1 - (1 - expit(_centre(level, zeros) + 1.2 * level)) ** (1 / WINDOW)
    shape = (POPULATION, FINAL + WINDOW - 1)
    spent = (rng.random(shape) < weekly) * np.exp(0.8 * level + SPREAD * rng.standard_normal(shape))
    sums = np.pad(spent.cumsum(axis=1), ((0, 0), (1, 0)))
    lasting = np.sqrt(LASTING), np.sqrt(1 - LASTING)
    errors = tuple(
        lasting[0] * rng.standard_normal((POPULATION, 1)) + lasting[1] * rng.standard_normal((POPULATION, FINAL))
        for _ in range(2)
    )
    return Entities(
        sums[:, WINDOW:] - sums[:, :-WINDOW], level + SHARED * rng.standard_normal(level.shape), (errors[0], errors[1])
    )


def _centre(level: Floats, zeros: float) -> float:
    """So that the wanted share of four weeks is empty."""
    low, high = -10.0, 10.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if expit(middle + 1.2 * level).mean() < 1 - zeros else (low, middle)
    return low


def make_pair(world: World, entities: Entities, share: float) -> Pair:
    """A challenger that truly gains this share; the champion's own error is found by halving."""
    loss = None if world.make_loss is None else world.make_loss(entities.amounts)

    def predict(number: int, error: float) -> Floats:
        return _calibrate(entities.seen + error * entities.errors[number], entities.amounts, world.ask)

    def face(error: float) -> Pair:
        return Pair(ours, predict(1, error), entities.amounts, loss)

    ours, low, high = predict(0, OWN), 0.0, WORST
    for _ in range(12):
        middle = (low + high) / 2
        pair = face(middle)
        low, high = (middle, high) if pair.truth.estimate < share * pair.size else (low, middle)
    return face((low + high) / 2)


def _calibrate(seen: Floats, amounts: Floats, ask: LookUp) -> Floats:
    """What came on average of entities that look alike, in bins of equal size with straight lines between."""
    flat = seen.ravel()
    order = np.array_split(np.argsort(flat), BINS)
    middles = np.array([flat[members].mean() for members in order])
    came = np.array([ask(amounts.ravel()[members]) for members in order])
    return np.interp(seen, middles, came)


def count_looks(pairs: tuple[Pair, ...], contests: int, entities: int, level: float, *, seed: int) -> int:
    """Of so many contests without a gain: how many cross the boundary of one look at this level?"""
    rng = np.random.default_rng([seed, 41, entities])
    crossed = 0
    for number in range(contests):
        pair = pairs[number % len(pairs)]
        found = pair.compare(pair.draw(entities, rng), FIRST)
        boundary = widen(float(norm.isf(level)), found.degrees_of_freedom)
        crossed += found.estimate - pair.truth.first(FIRST).estimate > boundary * found.standard_error
    return crossed


def find_crossings(pairs: tuple[Pair, ...], contests: int, entities: int, *, seed: int) -> Floats:
    """Of so many contests without a gain: which cross a boundary of the gate's looks, 1 or 0?"""
    rng = np.random.default_rng([seed, 43, entities])
    return np.array([_crosses(pairs[number % len(pairs)], entities, rng) for number in range(contests)], dtype=np.float64)


def _crosses(pair: Pair, entities: int, rng: np.random.Generator) -> bool:
    drawn, lowest = pair.draw(entities, rng), float(norm.isf(ALPHA))
    if not pair.may_cross(drawn, lowest):
        return False
    found = pair.compare(drawn)
    found = replace(found, gains=found.gains - pair.truth.gains)
    shortest = [found.first(count) for count in COUNTS]
    if not any(known.estimate > lowest * known.standard_error for known in shortest):
        return False
    return any(look.lower > 0 for look in _look(shortest))


def _look(shortest: list[DailyGain]) -> Iterator[Look]:
    looks: list[Look] = []
    for known in shortest:
        looks.append(take_look(known, looks, PLAN))
        yield looks[-1]


def find_power(pair: Pair, contests: int, entities: int, priors: Sequence[float | None], *, seed: int) -> Floats:
    """Share of contests that the challenger wins at any look, for each prior, by heights that hold for the whole population.

    Args:
        priors: standard deviations of shocks before anything is known, as shares of the champion's loss; the ledger knows of
            no other pair. None: a gate that knows of no shocks.
    """
    rng = np.random.default_rng([seed, 47, entities])
    heights, won = [_plan_heights(pair, entities, prior) for prior in priors], np.zeros(len(priors))
    for _ in range(contests):
        found = pair.compare(pair.draw(entities, rng))
        shortest = [found.first(count) for count in COUNTS]
        won += [_wins(pair, shortest, *planned) for planned in zip(heights, priors, strict=True)]
    return won / contests


def _wins(pair: Pair, shortest: list[DailyGain], heights: list[float], prior: float | None) -> bool:
    floor = MODEL.promotion.min_gain * pair.size
    looks = zip(heights, (with_prior(each, pair.size, prior) for each in shortest), strict=True)
    return any(
        known.estimate >= floor and known.estimate > widen(height, known.degrees_of_freedom) * known.standard_error
        for height, known in looks
    )


def _plan_heights(pair: Pair, entities: int, prior: float | None) -> list[float]:
    """In standard errors that are known; those of so many entities are larger than those of all."""
    apart = pair.truth.influence * np.sqrt(len(pair.amounts) / entities)
    known = [replace(pair.truth, gains=0 * pair.truth.gains, influence=apart).first(count) for count in COUNTS]
    shortest = [with_prior(each, pair.size, prior) for each in known]
    return [narrow(look.boundary, each.degrees_of_freedom) for look, each in zip(_look(shortest), shortest, strict=True)]


def with_prior(gain: DailyGain, size: float, prior: float | None) -> DailyGain:
    """With the error of shocks as the gate pools them, its prior this share of the champion's loss."""
    if prior is None:
        return gain
    found = Surplus(gain.as_ofs, gain.surplus)
    return add_shocks(gain, pool_shocks((found,), prior=prior * size, horizon_days=HORIZON), HORIZON)
