"""Statistics of very many rows are those of a seeded sample of entities: what they say changes in a digit that nobody reads.

Trees learn from every row. What looks at features alone, and the linear recipes, needs several copies of its rows in memory and
knows enough from a few hundred thousand.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from perennial.records import TrainingSet
from perennial.train.rows import TrainingRows

LOOKED_AT_ROWS = 500_000
"""Alarms, and each feature alone: the standard error of an AUC of so many rows is about .001."""
SOLVED_CELLS = 10_000_000
"""Rows times columns of which a linear recipe is solved: 80 MB as float64, of which it needs several."""


def thin(rows: TrainingRows, most_rows: int) -> TrainingRows:
    """About so many of the rows, all of an entity or none: each entity is in with the same chance. Fewer rows are all there.

    Drawn by the model's seed: the same rows give the same sample.
    """
    chosen = _choose(rows, most_rows)
    return rows if chosen is None else rows.take(chosen)


def thin_to_look(rows: TrainingRows) -> TrainingRows:
    """What alarms and rankings of features alone look at."""
    return thin(rows, LOOKED_AT_ROWS)


def thin_to_solve(rows: TrainingRows) -> TrainingRows:
    """What a linear recipe is solved of."""
    return thin(rows, _count_solved(rows))


def count_samples(training: TrainingSet, rows: TrainingRows) -> dict[str, int]:
    """How many rows were learned from and looked at where these were not all: what a version records beside its parameters."""
    taught = {} if training.drawn_of is None else {"rows_that_teach": len(rows.labels), "rows_drawn_from": training.drawn_of}
    drawn = {"rows_of_alarms": _choose(rows, LOOKED_AT_ROWS), "rows_of_linear_recipe": _choose(rows, _count_solved(rows))}
    return taught | {name: len(chosen) for name, chosen in drawn.items() if chosen is not None}


def _count_solved(rows: TrainingRows) -> int:
    return SOLVED_CELLS // max(1, sum(feature.width for feature in rows.features))


def _choose(rows: TrainingRows, most_rows: int) -> NDArray[np.intp] | None:
    """Their places; None: all."""
    if len(rows.labels) <= most_rows:
        return None
    numbers = np.asarray(rows.index.codes[rows.index.names.index("entity_id")], dtype=np.intp)
    drawn = np.random.default_rng(rows.task.model.training.seed).random(int(numbers.max()) + 1)
    return np.flatnonzero(drawn[numbers] < most_rows / len(rows.labels))
