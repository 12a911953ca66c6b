"""The worlds in which the gate is tried, and the test as the gate itself plans it there.

What the gate sees of a challenger is the influence of each entity on its gain, as_of by as_of. Their sums are drawn here:
normal, with the standard error of one as_of that the world states, correlated between neighbouring as_ofs because label
windows overlap, and between challengers because they share a champion and its rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from paths import ROOT

from perennial.compare import TestPlan
from perennial.compare.account import count_drift_retrainings, size_draw
from perennial.compare.looks import take_look
from perennial.compare.superiority import find_floor
from perennial.config import load_model
from perennial.metrics import DailyGain
from perennial.metrics.panel import Floats

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


@dataclass(frozen=True)
class World:
    """One as_of's standard error of a gain in AUC, and how alike the errors of two challengers are."""

    error: float
    likeness: float


WORLDS = tuple(World(error, likeness) for error in (0.0015, 0.0042, 0.0086) for likeness in (0.0, 0.5, 0.9))


@dataclass(frozen=True, eq=False)
class Test:
    """The heights of a test whose first look is at so many as_ofs: shape (FINAL + 1, FINAL + 1), by first and by count."""

    boundaries: Floats
    degrees_of_freedom: float


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
    """Every look of every test, as the gate takes it; it depends on the overlap only, neither on errors nor likeness."""
    gain = make_gain(final)
    boundaries = np.full((final + 1, final + 1), np.nan)
    for first in range(FIRST, final + 1):
        looks = []
        for count in range(first, final + 1):
            looks.append(take_look(gain.first(count), looks, TestPlan(alpha, final, len(OVERLAP), MODEL.training.seed)))
            boundaries[first, count] = looks[-1].boundary
    return Test(boundaries, gain.degrees_of_freedom)


def make_gain(as_ofs: int) -> DailyGain:
    """No gain, and influences with exactly the correlations of the world, carried mostly by the few positives."""
    rng = np.random.default_rng(MODEL.training.seed)
    weights = np.where(np.arange(ENTITIES) < POSITIVES, np.sqrt(ENTITIES / POSITIVES), 1.0)
    drawn = rng.standard_normal((ENTITIES, as_ofs)) * weights[:, None]
    drawn -= drawn.mean(axis=0)
    plain = np.linalg.solve(np.linalg.cholesky(drawn.T @ drawn), drawn.T).T
    influence = np.sqrt((ENTITIES - 1) / ENTITIES) * plain @ np.linalg.cholesky(correlate(as_ofs)).T
    days = tuple(date(2017, 1, 2) + timedelta(weeks=week) for week in range(as_ofs))
    return DailyGain(days, np.zeros(as_ofs), influence, POSITIVES, ENTITIES - POSITIVES)


def draw_noise(rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    """Errors of gains in units of that of one as_of; the last axis counts as_ofs."""
    noise: Floats = rng.standard_normal(shape) @ np.linalg.cholesky(correlate(shape[-1])).T
    return noise
