"""Years in which the champion is old and every refit of its recipe is worse than it: how often does one enter?"""

from __future__ import annotations

import numpy as np

from perennial.compare import TestPlan
from perennial.compare.looks import take_look
from perennial.metrics.panel import Ints
from years.worlds import FIRST, MODEL, OVERLAP, RENEWAL_ALPHA, World, draw_noise, make_gain, measure_errors

TRIES = MODEL.promotion.renewals_per_year


def count_renewals(world: World, gain: float, *, years: int, seed: int) -> Ints:
    """Refits let in, of the weekly tries that the account covers; log-loss and the older anchor would stop more."""
    rng = np.random.default_rng([seed, 47])
    entities = make_gain(FIRST)
    plan = TestPlan(RENEWAL_ALPHA, FIRST, len(OVERLAP), MODEL.training.seed)
    boundary = take_look(entities, (), plan).boundary
    shared = draw_noise(rng, (years, TRIES + FIRST - 1))
    windows = np.lib.stride_tricks.sliding_window_view(shared, FIRST, axis=1).mean(axis=2)
    own = draw_noise(rng, (years, TRIES, FIRST)).mean(axis=2)
    noise = np.sqrt(world.likeness) * windows + np.sqrt(1 - world.likeness) * own
    freedom = entities.degrees_of_freedom
    error = world.error * measure_errors(FIRST)[FIRST] * np.sqrt(rng.chisquare(freedom, (years, TRIES)) / freedom)
    lower = gain + world.error * noise - boundary * error
    counted: Ints = (lower > -MODEL.promotion.renewal_margin).sum(axis=1)
    return counted
