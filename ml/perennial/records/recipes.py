"""What a version is a fit of: an algorithm with its parameters, inputs, and what a person ruled about these."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

Algorithm = Literal["xgboost", "lightgbm", "logistic"]
RecipeOrigin = Literal["search", "person", "ruling", "former"]


@dataclass(frozen=True)
class Recipe:
    """What can be fitted again on other rows; the number of rounds and the calibrator are found anew by every fit.

    Attributes:
        parameters: as given to the library; 10 and 10.0 are the same number.
        features: the inputs; empty: every column that is not excluded.
        rulings: what a person ruled about the inputs, in words.
    """

    algorithm: Algorithm
    parameters: Mapping[str, float | int]
    features: tuple[str, ...] = ()
    rulings: Mapping[str, str] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """SHA-256 over all of it, in whatever order it stands: equal recipes have equal digests."""
        numbers = {name: float(value) for name, value in self.parameters.items()}
        content = [self.algorithm, numbers, sorted(self.features), dict(self.rulings)]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def seed_on(self, day: date) -> int:
        """The seed of its fit for a day: another one every week, or a single lucky seed would be a recipe of its own."""
        return int(hashlib.sha256(f"{self.digest} {day}".encode()).hexdigest()[:7], 16)


@dataclass(frozen=True)
class RecipeEntry:
    """A recipe as the ledger knows it.

    Attributes:
        number: among the recipes of its model, from 1.
        origin: found by a `search`, written by a `person`, the recipe before it after another `ruling`, or `former`: made before
            recipes were kept.
        chosen_on: the newest as_of that the choice looked at; None when it looked at none.
    """

    model: str
    number: int
    recipe: Recipe
    origin: RecipeOrigin
    chosen_on: date | None
    because: str
