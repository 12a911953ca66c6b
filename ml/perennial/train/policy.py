"""Search anew, or fit the last good parameters again? A search repeated every week finds nothing that the last one did not."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from perennial.config import Model
from perennial.config.training import Training
from perennial.predictor import Feature
from perennial.records import Recipe, SearchHistory
from perennial.tasks import task_of
from perennial.train.boosters import SPACES


@dataclass(frozen=True)
class SearchChoice:
    """The recipe of the last search to fit again, or None for a new search; and why: a sentence."""

    recipe: Recipe | None
    because: str


def choose_search(rules: Training, past: SearchHistory, basis: str) -> SearchChoice:
    """The first reason to search that holds; without one the parameters of the last search are fitted again.

    Good parameters are those that were the best of their search, out of fold: whether what is fitted with them may serve
    is the comparison's to say.

    Args:
        basis: of this training, as `name_basis` gives it.
    """
    last, limit = past.last_search, rules.search_every_days
    if limit == 0:
        return SearchChoice(None, "Every training searches (search_every_days = 0).")
    if last is None:
        return SearchChoice(None, "Nothing was searched before.")
    if last.basis != basis:
        return SearchChoice(None, "SQL, inputs, libraries or their ranges differ from those of the last search.")
    if past.is_asked_by_drift and rules.search_on_drift:
        return SearchChoice(None, "Drift asked for this training (search_on_drift).")
    if past.days_since >= limit:
        return SearchChoice(None, f"The last search is {past.days_since} days old (search_every_days = {limit}).")
    return SearchChoice(last.recipe, f"The last search is {past.days_since} days old (search_every_days = {limit}).")


def name_basis(model: Model, features: Sequence[Feature], query_hash: str) -> str:
    """SHA-256 over what the best parameters depend on beside the rows; categories and medians come from the rows."""
    inputs = [(feature.name, feature.kind, feature.monotone) for feature in features]
    libraries, asked_of = model.training.algorithms, task_of(model).search_inputs
    asked = repr((query_hash, inputs, libraries, {algorithm: SPACES[algorithm] for algorithm in libraries}, *asked_of))
    return hashlib.sha256(asked.encode()).hexdigest()
