"""Worlds of amounts: most entities spend nothing, the others lognormally, and two models predict the sum of four weeks.

One large population is drawn once. What both models see of an entity's level, and what each errs by itself, mostly for good, is
turned into a prediction as a calibrated model would: the mean, or whatever the loss asks for, of the amounts of entities that
look alike. The champion errs so much more that the challenger truly gains the wanted share of its loss, or of its Gini. A
contest is between them on so many entities drawn anew, with all their as_ofs; without a gain, what is true is taken off.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.special import expit
from scipy.stats import rankdata

from perennial.metrics import DailyGain, RowLoss, absolute_loss, pinball_loss, squared_loss
from perennial.metrics.gini import gini_within
from perennial.metrics.panel import Floats, Ints
from years.contests import DAYS, WINDOW, Contenders
from years.worlds import FINAL

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

    @cached_property
    def perfect(self) -> Floats:
        """Of each as_of, what `covary` says of the order of the amounts themselves."""
        return covary(self.amounts, self.amounts)


@dataclass(frozen=True, eq=False)
class Pair(Contenders):
    """A challenger and a champion of one population.

    Attributes:
        ours, theirs: predictions, shape (POPULATION, FINAL).
        loss: None for the Gini.
        perfect: of each as_of, what `covary` says of the order of the amounts themselves.
    """

    ours: Floats
    theirs: Floats
    amounts: Floats
    loss: RowLoss | None
    perfect: Floats

    @property
    def population(self) -> int:
        return len(self.amounts)

    @cached_property
    def size(self) -> float:
        """Of what a share is taken: the champion's loss, or its Gini."""
        if self.loss is not None:
            return float(self.loss(self.amounts, self.theirs).mean())
        return rank(self.theirs, self.amounts, self.perfect)

    @cached_property
    def gained(self) -> float:
        """What `truth` estimates, without its error."""
        if self.loss is not None:
            return float(self._saved.mean())
        return rank(self.ours, self.amounts, self.perfect) - self.size

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
        return Pair(ours, predict(1, error), entities.amounts, loss, entities.perfect)

    ours, low, high = predict(0, OWN), 0.0, WORST
    for _ in range(12):
        middle = (low + high) / 2
        pair = face(middle)
        low, high = (middle, high) if pair.gained < share * pair.size else (low, middle)
    return face((low + high) / 2)


def covary(predictions: Floats, amounts: Floats) -> Floats:
    """Covariance of amounts with the rank of their predictions, for each as_of: what a Gini is made of."""
    centred = amounts - amounts.mean(axis=0)
    found: Floats = (rankdata(predictions, axis=0) * centred).sum(axis=0)
    return found


def rank(predictions: Floats, amounts: Floats, perfect: Floats) -> float:
    """The normalised Gini of each as_of, averaged."""
    return float((covary(predictions, amounts) / perfect).mean())


def _calibrate(seen: Floats, amounts: Floats, ask: LookUp) -> Floats:
    """What came on average of entities that look alike, in bins of equal size with straight lines between."""
    flat = seen.ravel()
    order = np.array_split(np.argsort(flat), BINS)
    middles = np.array([flat[members].mean() for members in order])
    came = np.array([ask(amounts.ravel()[members]) for members in order])
    return np.interp(seen, middles, came)
