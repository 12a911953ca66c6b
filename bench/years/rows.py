"""What the normal law of a gain in AUC is worth when one class has few entities, fits change every week, or rows are copies.

Two equal recipes score the same rows, drawn anew each time: what both see of the label, what both err alike, and what each errs
by itself, which stays with an entity or, fitted anew every week, changes. One look is taken, and how often it crosses the
boundary of a test of `LEVEL` is counted; an exact test crosses once in 1 / LEVEL contests.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd
from scipy.stats import norm

from perennial.compare.boundaries import widen
from perennial.compare.superiority import FEWEST_ENTITIES
from perennial.metrics import DailyGain, paired_auc_by_day
from perennial.metrics.beside import CLUSTER
from perennial.metrics.panel import Floats
from years.worlds import FIRST, OVERLAP

LEVEL = 0.001
SHARED, OWN = 1.0, 0.5
"""Standard deviations of errors that both recipes make, and that each makes; the label moves a score by `SEEN`."""
SEEN = 1.2
DAYS = [pd.Timestamp(date(2017, 1, 2) + timedelta(weeks=week)) for week in range(FIRST)]


@dataclass(frozen=True)
class Rows:
    """A world of rows.

    Attributes:
        rarer: entities of the rarer class.
        is_refitted: what a recipe errs by itself is another thing in every week.
        copies: so many rows of an as_of are the same; `knows_clusters`: `entity.cluster` says so.
    """

    name: str
    entities: int = 600
    rarer: int = 60
    is_refitted: bool = False
    copies: int = 1
    knows_clusters: bool = False

    @property
    def is_decided(self) -> bool:
        """Would the gate decide here, with evidence that it counts rightly?"""
        return self.rarer >= FEWEST_ENTITIES and (self.copies == 1 or self.knows_clusters)


ROW_WORLDS = (
    *(Rows(f"{rarer} entities of the rarer class", rarer=rarer) for rarer in (5, 10, 20, 30, 60)),
    Rows("60, both refitted every week", is_refitted=True),
    Rows("60, every row there four times", copies=4),
    Rows("60, the same with entity.cluster", copies=4, knows_clusters=True),
)


def count_row_crossings(world: Rows, contests: int, *, seed: int) -> int:
    """Of so many contests of equal recipes: how many cross at one look?"""
    rng = np.random.default_rng([seed, 97, world.rarer, world.copies])
    return sum(_crosses(_draw_gain(world, rng)) for _ in range(contests))


def _crosses(gain: DailyGain) -> bool:
    boundary = widen(float(norm.isf(LEVEL)), gain.degrees_of_freedom)
    return gain.estimate > boundary * gain.standard_error


def _draw_gain(world: Rows, rng: np.random.Generator) -> DailyGain:
    """The labels of an entity stay: as much as windows overlap, and the worst case for how few there are of a class."""
    positive = np.arange(world.entities) < world.rarer
    seen = SEEN * positive[:, None] + SHARED * _draw_errors(rng, world.entities)
    ours, theirs = (seen + OWN * _draw_own(world, rng) for _ in range(2))
    labels = np.repeat(positive[:, None], FIRST, axis=1).astype(int)
    index = _name_rows(world)
    flat = (np.repeat(values, world.copies, axis=0).T.ravel() for values in (ours, theirs, labels))
    return paired_auc_by_day(*(pd.Series(values, index=index) for values in flat))


def _draw_own(world: Rows, rng: np.random.Generator) -> Floats:
    return rng.standard_normal((world.entities, FIRST)) if world.is_refitted else _draw_errors(rng, world.entities)


def _draw_errors(rng: np.random.Generator, entities: int) -> Floats:
    """Correlated between as_ofs as their label windows are; shape (entities, FIRST)."""
    weeks = np.arange(FIRST)
    correlations = np.asarray(OVERLAP)[np.abs(weeks[:, None] - weeks)]
    errors: Floats = rng.standard_normal((entities, FIRST)) @ np.linalg.cholesky(correlations).T
    return errors


def _name_rows(world: Rows) -> pd.MultiIndex:
    rows = world.entities * world.copies
    days, entities = np.repeat(DAYS, rows), np.tile(np.arange(rows), FIRST)
    levels = [days, entities, *([entities // world.copies] if world.knows_clusters else [])]
    return pd.MultiIndex.from_arrays(levels, names=["as_of", "entity_id", CLUSTER][: len(levels)])
