"""Where boosters are fitted: by threads of this process, or by whatever else fits as they do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from perennial.predictor import Predictor
from perennial.records import Recipe
from perennial.train.boosters import fit_recipe, validate_recipe
from perennial.train.inputs import Floats
from perennial.train.rows import FoldRows, TrainingRows


class Engine(Protocol):
    """Fits the boosters of a training."""

    def validate(self, recipe: Recipe, seed: int, folds: Sequence[FoldRows]) -> Iterator[tuple[Floats, int]]:
        """Fit on each fold's training rows until its validation loss stops falling: raw scores there, and the rounds.

        They come fold by fold, oldest first; whoever stops listening saves the fits that have not begun.
        """
        ...

    def fit(self, recipe: Recipe, rounds: int, seed: int, rows: TrainingRows) -> Predictor:
        """Fit on all the given rows for a known number of rounds; not yet calibrated."""
        ...


@dataclass(frozen=True)
class Threads:
    """This process: so many folds side by side, each on one thread; the outcome does not depend on their number."""

    count: int

    def validate(self, recipe: Recipe, seed: int, folds: Sequence[FoldRows]) -> Iterator[tuple[Floats, int]]:
        """As `Engine` has it."""
        with ThreadPoolExecutor(self.count) as pool:
            for start in range(0, len(folds), self.count):
                yield from pool.map(partial(validate_recipe, recipe, seed), folds[start : start + self.count])

    def fit(self, recipe: Recipe, rounds: int, seed: int, rows: TrainingRows) -> Predictor:
        """As `Engine` has it."""
        return fit_recipe(recipe, rounds, seed, rows)
