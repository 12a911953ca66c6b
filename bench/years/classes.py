"""Worlds of classes: which of several comes is drawn by what each entity tends to, and two models say how likely each is.

One large population is drawn once. What both models see of an entity's tendencies, and what each errs by itself, mostly for
good, becomes probabilities, sharpened or blunted to the least log-loss as a calibration would. The champion errs so much more
that the challenger truly gains the wanted share of its log-loss, or of its macro AUC. Contests are those of `contests`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import softmax
from scipy.stats import rankdata

from perennial.metrics import DailyGain
from perennial.metrics.auc import auc_within
from perennial.metrics.classes import SMALLEST_PROBABILITY
from perennial.metrics.panel import Floats, Ints
from years.contests import DAYS, WINDOW, Contenders
from years.worlds import FINAL

POPULATION = 20_000
TENDENCY = 1.2
"""Standard deviation of what an entity tends to, for each class; chance has the variance of a Gumbel's law."""
CHANCE = np.pi / np.sqrt(6)
SHARED, OWN, LASTING = 0.6, 0.25, 0.7
"""As in `amounts`: errors of both models, of the challenger alone, and how much of that variance stays for good."""
WORST = 3.0


@dataclass(frozen=True)
class World:
    """Classes with such shares; the log-loss decides, or the macro AUC."""

    shares: tuple[float, ...]
    is_ranked: bool = False

    @property
    def name(self) -> str:
        return f"{'macro AUC' if self.is_ranked else 'log-loss'}, {len(self.shares)} classes, {self.shares[-1]:.0%} the rarest"


THREE, FIVE = (0.70, 0.20, 0.10), (0.50, 0.22, 0.14, 0.09, 0.05)
EIGHT = (0.40, 0.18, 0.13, 0.10, 0.07, 0.05, 0.04, 0.03)
CLASS_WORLDS = (World(THREE), World(FIVE), World(EIGHT), World(THREE, is_ranked=True), World(FIVE, is_ranked=True))


@dataclass(frozen=True, eq=False)
class Entities:
    """What happened, shape (POPULATION, FINAL), and what the models could know of each; a place for each class at the end."""

    codes: Ints
    seen: Floats
    errors: tuple[Floats, Floats]


@dataclass(frozen=True, eq=False)
class Pair(Contenders):
    """A challenger and a champion; their probabilities have the shape (POPULATION, FINAL, classes)."""

    ours: Floats
    theirs: Floats
    codes: Ints
    is_ranked: bool

    @property
    def population(self) -> int:
        return len(self.codes)

    @cached_property
    def size(self) -> float:
        """The champion's log-loss, or its macro AUC."""
        return rank(self.theirs, self.codes) if self.is_ranked else float(lose(self.theirs, self.codes).mean())

    @cached_property
    def gained(self) -> float:
        """What `truth` estimates, without its error."""
        return rank(self.ours, self.codes) - self.size if self.is_ranked else float(self._saved.mean())

    @cached_property
    def _saved(self) -> Floats:
        return lose(self.theirs, self.codes) - lose(self.ours, self.codes)

    def swap(self) -> Pair:
        return replace(self, ours=self.theirs, theirs=self.ours)

    def compare(self, entities: Ints, count: int = FINAL) -> DailyGain:
        """What `paired_class_loss_by_day` or `paired_macro_auc_by_day` says, where all classes are kept."""
        if not self.is_ranked:
            saved = self._saved[entities, :count]
            gains = saved.mean(axis=0)
            return DailyGain(DAYS[:count], gains, (saved - gains) / len(saved), {})
        days = [self._rank_day(entities, day) for day in range(count)]
        return DailyGain(DAYS[:count], np.array([gain for gain, _ in days]), np.column_stack([pulls for _, pulls in days]), {})

    def _rank_day(self, entities: Ints, day: int) -> tuple[float, Floats]:
        came = self.codes[entities, day]
        gain, pulls, classes = 0.0, np.zeros(len(entities)), self.ours.shape[2]
        for side, sign in ((self.ours, 1 / classes), (self.theirs, -1 / classes)):
            for code in range(classes):
                auc, influence = auc_within(side[entities, day, code], came == code)
                gain, pulls = gain + sign * auc, pulls + sign * influence
        return gain, pulls


def lose(said: Floats, codes: Ints) -> Floats:
    """The log-loss of each row, as `class_log_loss` clips it."""
    given = np.take_along_axis(said, codes[..., None], axis=-1)[..., 0]
    losses: Floats = -np.log(np.clip(given, SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY))
    return losses


def rank(said: Floats, codes: Ints) -> float:
    """The macro AUC of each as_of, averaged; classes are told from the others by ranks alone."""
    aucs = []
    for code in range(said.shape[2]):
        came = codes == code
        carriers = came.sum(axis=0)
        above = (rankdata(said[:, :, code], axis=0) * came).sum(axis=0) - carriers * (carriers + 1) / 2
        aucs.append(above / (carriers * (len(codes) - carriers)))
    return float(np.mean(aucs))


def draw_entities(shares: tuple[float, ...], seed: int) -> Entities:
    """What chance brings is a sum over four weeks, so that windows of neighbouring as_ofs go together as they do in life."""
    rng = np.random.default_rng([seed, 61, len(shares)])
    tendency = TENDENCY * rng.standard_normal((POPULATION, 1, len(shares)))
    weekly = rng.standard_normal((POPULATION, FINAL + WINDOW - 1, len(shares))) * CHANCE / np.sqrt(WINDOW)
    sums = np.pad(weekly.cumsum(axis=1), ((0, 0), (1, 0), (0, 0)))
    wanted = tendency + sums[:, WINDOW:] - sums[:, :-WINDOW]
    centre = _centre(wanted[:, 0], np.array(shares))
    lasting = np.sqrt(LASTING), np.sqrt(1 - LASTING)
    errors = tuple(
        lasting[0] * rng.standard_normal(tendency.shape) + lasting[1] * rng.standard_normal(wanted.shape) for _ in range(2)
    )
    seen = centre + tendency + SHARED * rng.standard_normal(tendency.shape)
    return Entities((centre + wanted).argmax(axis=2), seen, (errors[0], errors[1]))


def _centre(wanted: Floats, shares: Floats) -> Floats:
    """What is added to each class so that it comes as often as it should."""
    centre = np.log(shares)
    for _ in range(40):
        found = np.bincount((centre + wanted).argmax(axis=1), minlength=len(shares)) / len(wanted)
        centre = centre + np.log(shares / np.maximum(found, 1 / len(wanted)))
    return centre


def make_pair(world: World, entities: Entities, share: float) -> Pair:
    """A challenger that truly gains this share; the champion's own error is found by halving."""
    ours, low, high = _predict(entities, 0, OWN), 0.0, WORST

    def face(error: float) -> Pair:
        return Pair(ours, _predict(entities, 1, error), entities.codes, world.is_ranked)

    for _ in range(10):
        middle = (low + high) / 2
        pair = face(middle)
        low, high = (middle, high) if pair.gained < share * pair.size else (low, middle)
    return face((low + high) / 2)


def _predict(entities: Entities, number: int, error: float) -> Floats:
    """As sharp as costs least on the first as_of."""
    said = entities.seen + error * entities.errors[number]

    def cost(sharpness: float) -> float:
        return float(lose(softmax(sharpness * said[:, 0], axis=-1), entities.codes[:, 0]).mean())

    found = minimize_scalar(cost, bounds=(0.1, 3.0), method="bounded", options={"maxiter": 12})
    probabilities: Floats = softmax(found.x * said, axis=-1)
    return probabilities
