"""What a version is a fit of: an algorithm with its parameters, inputs, and what a person ruled about these."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Literal

from perennial.records.current_state import CurrentStateWorth

Algorithm = Literal["xgboost", "lightgbm", "logistic", "ridge", "single_feature"]
Link = Literal["logit", "identity", "log", "softmax"]
"""From the sum of the trees, or of the weighted inputs, to a raw score: a probability, an amount, one that is above 0, or, from a
sum for each class, a probability for each.
"""
RecipeOrigin = Literal["search", "person", "ruling", "former"]
ALGORITHM_NAMES: Mapping[str, str] = {
    "xgboost": "XGBoost",
    "lightgbm": "LightGBM",
    "logistic": "logistic regression",
    "ridge": "ridge regression",
    "single_feature": "single-feature rule",
    "booster": "boosting",
}
"""As people read them."""
CHOSEN_WORDS = ("feature", "direction")
"""Parameters of a single-feature rule that are words, not numbers."""


@dataclass(frozen=True)
class Recipe:
    """What can be fitted again on other rows; the number of rounds and the calibrator are found anew by every fit.

    Attributes:
        parameters: as given to the library; 10 and 10.0 are the same number. Of a single-feature rule two words: `feature`, and
            `direction` (increasing or decreasing; a category has none).
        features: the inputs; empty: every column that is not excluded.
        rulings: what a person ruled about the inputs, in words.
    """

    algorithm: Algorithm
    parameters: Mapping[str, float | int | str]
    features: tuple[str, ...] = ()
    rulings: Mapping[str, str] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """SHA-256 over all of it, in whatever order it stands: equal recipes have equal digests."""
        plain = {name: value if isinstance(value, str) else float(value) for name, value in self.parameters.items()}
        content = [self.algorithm, plain, sorted(self.features), dict(self.rulings)]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def complete(self, inputs: Sequence[str], rulings: Mapping[str, str]) -> Recipe:
        """The same with what it reads of these inputs, a single-feature rule one, and with what a person ruled about them."""
        only = self.parameters.get("feature")
        return replace(self, features=tuple(name for name in inputs if only in (None, name)), rulings=rulings)

    def seed_on(self, day: date) -> int:
        """The seed of its fit for a day: another one every week, or a single lucky seed would be a recipe of its own."""
        return int(hashlib.sha256(f"{self.digest} {day}".encode()).hexdigest()[:7], 16)


@dataclass(frozen=True)
class RecipeChoice:
    """What the choice of a recipe rests on.

    Attributes:
        losses: out of fold, of `booster`, `single_feature` and the linear recipe of the task (`logistic`, `ridge`); empty where
            history was too short for folds.
        suspicions: sentences of the leak checks that did not stop the training, and that a person should read.
        enough_on: where history was too short: the day on which there will be enough to choose on.
        remarks: further sentences that people should read; they stop nothing.
        is_outcome_new: there were as_ofs enough, but one outcome is too new, or too rare, to be in the folds:
            `enough_on` is the earliest day on which it may be.
        current_state: what its features from `current_state` sources are worth; None without such a source.
        loss: what the losses are, as people read it.
        constant: that of one score for all, out of fold, where the task says it.
    """

    losses: Mapping[str, float]
    suspicions: tuple[str, ...] = ()
    enough_on: date | None = None
    remarks: tuple[str, ...] = ()
    is_outcome_new: bool = False
    current_state: CurrentStateWorth | None = None
    loss: str = "log-loss"
    constant: float | None = None


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
