"""The worlds in which the gate is tried, and the test as the gate itself plans it there.

What the gate sees of a challenger is the influence of each entity on its gain, as_of by as_of. Their sums are drawn here:
normal, with the standard error of one as_of that the world states, correlated between neighbouring as_ofs because label
windows overlap, and between challengers because they share a champion and its rows. Some worlds have shocks, common to all
rows of an as_of, that last as long as a label window or longer, and some rows that are copies of each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

import numpy as np
from paths import ROOT
from scipy.stats import norm, t

from perennial.compare import TestPlan
from perennial.compare.account import count_drift_retrainings, size_draw
from perennial.compare.looks import take_look
from perennial.compare.shocks import Shocks, add_shocks, correlate_windows
from perennial.config import load_model
from perennial.metrics import DailyGain
from perennial.metrics.panel import Floats, Ints
from perennial.records import Look
from perennial.tasks import find_floor

MODEL = load_model(ROOT / "models" / "lapse.toml")
CHAMPION_AUC = 0.80
FLOOR = find_floor(MODEL.promotion.min_gain, CHAMPION_AUC)
OVERLAP = (1.0, 0.48, 0.25, 0.10)  # correlation between as_ofs so many weeks apart
FIRST = MODEL.training.holdout_as_ofs
FINAL = FIRST + MODEL.promotion.shadow_looks - 1
WEEKS = 52
DRIFT_RETRAININGS = count_drift_retrainings(MODEL)
ALPHA, BUDGET = size_draw(MODEL)
ENTITIES, POSITIVES = 2_000, 160
HORIZON = MODEL.label.horizon_days
RATIOS = (0.0, 0.2, 1.0, 5.0, 50.0)
"""Variances of shocks, in units of that of one as_of's entities, for which heights are found; the others lie between."""


@dataclass(frozen=True)
class World:
    """One as_of's standard error of a gain in AUC, and how alike the errors of two challengers are.

    Attributes:
        shock: standard deviation of what is common to all rows of an as_of.
        memory: of shocks: as long as label windows overlap, or an autoregression with .8 from week to week.
        copies: so many rows say the same; without `entity.cluster` the gate takes each for evidence of its own.
    """

    error: float
    likeness: float
    shock: float = 0.0
    memory: Literal["windows", "AR(.8)"] = "windows"
    copies: int = 1

    @property
    def name(self) -> str:
        """Of a line in the tables."""
        shocks = f", shocks {self.shock:.3f} {self.memory}" if self.shock else ""
        return f"SE {self.error:.4f}, alike {self.likeness:.1f}{shocks}" + (f", {self.copies} copies" if self.copies > 1 else "")


SHOCKED = (
    World(0.0015, 0.5, 0.004),
    World(0.0042, 0.5, 0.004),
    World(0.0042, 0.5, 0.006),
    World(0.0042, 0.5, 0.004, "AR(.8)"),
    World(0.0042, 0.5, 0.006, "AR(.8)"),
    World(0.0042, 0.5, copies=4),
)
WORLDS = tuple(World(error, likeness) for error in (0.0015, 0.0042, 0.0086) for likeness in (0.0, 0.5, 0.9))


@dataclass(frozen=True, eq=False)
class Test:
    """Heights of a test whose first look is at so many as_ofs: shape (RATIOS, FINAL + 1, FINAL + 1), by first and by count.

    They hold where the standard error is known; `find_boundary` widens them to the degrees of freedom that it is known with.
    """

    heights: Floats
    degrees_of_freedom: float

    def find_height(self, ratio: Floats, first: Ints, count: Ints) -> Floats:
        """Interpolated between variances of shocks, in units of that of one as_of's entities."""
        place = np.interp(np.log1p(ratio), np.log1p(RATIOS), np.arange(len(RATIOS)))
        below = np.minimum(place.astype(int), len(RATIOS) - 2)
        low, high = self.heights[below, first, count], self.heights[below + 1, first, count]
        found: Floats = low + (place - below) * (high - low)
        return found


def correlate(as_ofs: int) -> Floats:
    """Correlations between the gains of neighbouring as_ofs."""
    weeks = np.arange(as_ofs)
    apart = np.abs(weeks[:, None] - weeks)
    known: Floats = np.asarray(OVERLAP + (0.0,) * as_ofs)[apart]
    return known


def measure_errors(as_ofs: int = FINAL) -> Floats:
    """Standard error of the mean over the first so many as_ofs, in units of that of one; place 0 is empty."""
    return np.array([np.nan, *(np.sqrt(correlate(count).mean()) for count in range(1, as_ofs + 1))])


def plan_test(alpha: float = ALPHA, final: int = FINAL) -> Test:
    """Every look of every test, as the gate takes it; it depends on overlap and shocks only, neither on errors nor likeness."""
    plain, plan = make_gain(final), TestPlan(alpha, final, len(OVERLAP), MODEL.training.seed)
    heights = np.full((len(RATIOS), final + 1, final + 1), np.nan)
    for place, ratio in enumerate(RATIOS):
        gain = add_shocks(plain, Shocks(ratio, np.inf), HORIZON)
        for first in range(FIRST, final + 1):
            looks: list[Look] = []
            for count in range(first, final + 1):
                known = gain.first(count)
                looks.append(take_look(known, looks, plan))
                heights[place, first, count] = narrow(looks[-1].boundary, known.degrees_of_freedom)
    return Test(heights, plain.degrees_of_freedom)


def narrow(boundary: float, degrees_of_freedom: float) -> float:
    """The height in standard errors that are known exactly: what `widen` was given."""
    return float(norm.isf(t.sf(boundary, degrees_of_freedom)))


def make_gain(as_ofs: int) -> DailyGain:
    """No gain, and influences with exactly the correlations of the world, carried mostly by the few positives."""
    rng = np.random.default_rng(MODEL.training.seed)
    weights = np.where(np.arange(ENTITIES) < POSITIVES, np.sqrt(ENTITIES / POSITIVES), 1.0)
    drawn = rng.standard_normal((ENTITIES, as_ofs)) * weights[:, None]
    drawn -= drawn.mean(axis=0)
    plain = np.linalg.solve(np.linalg.cholesky(drawn.T @ drawn), drawn.T).T
    influence = np.sqrt((ENTITIES - 1) / ENTITIES) * plain @ np.linalg.cholesky(correlate(as_ofs)).T
    days = tuple(date(2017, 1, 2) + timedelta(weeks=week) for week in range(as_ofs))
    return DailyGain(days, np.zeros(as_ofs), influence, {"carry a positive label": POSITIVES})


def draw_shocks(rng: np.random.Generator, shape: tuple[int, ...], memory: str) -> Floats:
    """Shocks of standard deviation 1; the last axis counts as_ofs."""
    weeks = np.arange(shape[-1])
    apart = np.abs(weeks[:, None] - weeks)
    correlations = share_windows(shape[-1]) if memory == "windows" else 0.8**apart
    shocks: Floats = rng.standard_normal(shape) @ np.linalg.cholesky(correlations).T
    return shocks


def share_windows(as_ofs: int) -> Floats:
    """As the gate correlates shocks of weekly as_ofs."""
    return correlate_windows([date(2017, 1, 2) + timedelta(weeks=week) for week in range(as_ofs)], HORIZON)


def draw_noise(rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    """Errors of gains in units of that of one as_of; the last axis counts as_ofs."""
    noise: Floats = rng.standard_normal(shape) @ np.linalg.cholesky(correlate(shape[-1])).T
    return noise
