"""Rules that are used elsewhere, in the same worlds: how many years hold a promotion that should not be.

They get what they ask for: every week's challenger is assessed on the newest as_ofs, none is ever turned down for harm.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.stats import norm, rankdata

from perennial.metrics.panel import Floats
from years.worlds import CHAMPION_AUC, ENTITIES, FINAL, FIRST, FLOOR, POSITIVES, WEEKS, World, draw_noise, measure_errors

RULES = ("stored metric", "point", "weekly test", "13 looks")
REACH = float(norm.isf(0.025))  # of an interval of 95 %
AUC_ERROR = 0.0176  # standard error of an AUC of .80 on 2,000 rows with 8 % positives: how easy an as_of's rows are


def rate_rivals(world: World, gain: float, *, years: int, seed: int) -> Mapping[str, float]:
    """Share of years with a promotion, by rule, when every challenger differs by `gain`."""
    rng = np.random.default_rng([seed, 31])
    estimate, error = _estimate(world, gain, years, rng)
    first = estimate[:, :, 0]
    is_within = np.arange(WEEKS)[:, None] + np.arange(FINAL - FIRST + 1) < WEEKS
    found = {
        "stored metric": first + _compare_rows(years, rng) >= FLOOR,
        "point": first >= FLOOR,
        "weekly test": first > REACH * error[0],
        "13 looks": ((estimate > REACH * error) & is_within).any(axis=2),
    }
    return {rule: float(is_promoted.any(axis=1).mean()) for rule, is_promoted in found.items()}


def _estimate(world: World, gain: float, years: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Gains of each week's challenger at its looks, shape (years, weeks, looks), and the error of each look."""
    counts = np.arange(FIRST, FINAL + 1)
    own = draw_noise(rng, (years, WEEKS, FINAL)).cumsum(axis=2)[:, :, FIRST - 1 :]
    shared = np.pad(draw_noise(rng, (years, WEEKS + FINAL)).cumsum(axis=1), ((0, 0), (1, 0)))
    weeks = np.arange(WEEKS)[:, None]
    common = shared[:, weeks + counts] - shared[:, weeks]
    noise = np.sqrt(world.likeness) * common + np.sqrt(1 - world.likeness) * own
    return gain + world.error * noise / counts, world.error * measure_errors()[FIRST:]


def _compare_rows(years: int, rng: np.random.Generator) -> Floats:
    """By how much each week's rows are easier than those on which the champion's stored metric was earned."""
    ease = draw_noise(rng, (years, FIRST + WEEKS + FIRST)) * AUC_ERROR
    means = np.lib.stride_tricks.sliding_window_view(ease, FIRST, axis=1).mean(axis=2)
    easier: Floats = means[:, FIRST : FIRST + WEEKS] - means[:, :1]
    return easier


def rate_weeks(floor: float, *, weeks: int, seed: int) -> tuple[float, float]:
    """Shares of single weeks, drawn row by row: a model .01 worse beats the stored metric; an equal one the point.

    Scores are normal within each class; those of the two models correlate .9 there.
    """
    rng = np.random.default_rng(seed)
    champion = _draw_aucs(rng.standard_normal((weeks, ENTITIES)), CHAMPION_AUC)
    worse = _draw_aucs(rng.standard_normal((weeks, ENTITIES)), CHAMPION_AUC - 0.01)
    seen = rng.standard_normal((weeks, ENTITIES))
    other = np.sqrt(0.9) * seen + np.sqrt(0.1) * rng.standard_normal((weeks, ENTITIES))
    gain = _draw_aucs(other, CHAMPION_AUC) - _draw_aucs(seen, CHAMPION_AUC)
    return float((worse - champion >= floor).mean()), float((gain >= floor).mean())


def _draw_aucs(noise: Floats, auc: float) -> Floats:
    """AUCs on as many samples; the positives stand first."""
    scores = noise.copy()
    scores[:, :POSITIVES] += np.sqrt(2) * norm.ppf(auc)
    ranks = rankdata(scores, axis=1)[:, :POSITIVES].sum(axis=1)
    found: Floats = (ranks - POSITIVES * (POSITIVES + 1) / 2) / (POSITIVES * (ENTITIES - POSITIVES))
    return found
