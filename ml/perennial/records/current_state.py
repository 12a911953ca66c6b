"""What features from `current_state` sources are: which they are, and what AUC they are worth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import AliasChoices, Field

from perennial.records.intervals import Interval

SHOWN = 6
SMALL = 0.1


@dataclass(frozen=True)
class CurrentStateUse:
    """Where the SQL of a model's features shows what its `current_state` sources hold.

    Attributes:
        sources: as declared, sorted.
        features: that say something else when the rows of these sources do.
        moves_cohort: who is in the cohort depends on them too, which leaving features out does not undo.
        failure: why it could not be found out; empty where it was.
    """

    sources: tuple[str, ...]
    features: tuple[str, ...] = ()
    moves_cohort: bool = False
    failure: str = ""


@dataclass(frozen=True)
class CurrentStateWorth:
    """A recipe with and without the features that it reads from `current_state` sources, on the same rows.

    Attributes:
        use: its features are those that the recipe reads.
        inputs: how many features the recipe reads in all.
        headline_with, headline_without, gain: of the task's headline; None where it reads none, or where that could not be found
            out; the interval of the gain is clustered by entity. Former ledgers call them auc_with and auc_without.
        is_out_of_fold: else the rows are those that both were fitted on, for history is too short for folds.
        measure: what these figures are; of amounts no AUC.
    """

    use: CurrentStateUse
    inputs: int
    headline_with: Annotated[float | None, Field(validation_alias=AliasChoices("headline_with", "auc_with"))] = None
    headline_without: Annotated[float | None, Field(validation_alias=AliasChoices("headline_without", "auc_without"))] = None
    gain: Interval | None = None
    is_out_of_fold: bool = True
    measure: str = "AUC"

    @property
    def sentence(self) -> str:
        """All of it, in words that fit a mail."""
        cohort = " Who is in the cohort depends on it as well, which no figure shows." if self.use.moves_cohort else ""
        return f"{self._say_features()}{cohort}"

    def _say_features(self) -> str:
        use = self.use
        if use.failure:
            return f"Which features come from there, and what they are worth, could not be found out: {use.failure}"
        if not use.features:
            return "No feature that its recipe reads comes from there."
        more = f" and {len(use.features) - SHOWN} more" if len(use.features) > SHOWN else ""
        named = f"{', '.join(use.features[:SHOWN])}{more}"
        return f"{len(use.features)} of the {self.inputs} features of its recipe come from there ({named}): {self._say_worth()}"

    def _say_worth(self) -> str:
        if self.gain is None:
            return "no as_of has both outcomes, so that nothing says what they are worth."
        rows = "out of fold" if self.is_out_of_fold else "on the rows that it was fitted on"
        both = f"{_show(self.headline_with)} with them and {_show(self.headline_without)} without"
        return f"{rows} its {self.measure} is {both}, a difference of {self.gain}."


def _show(value: float | None) -> str:
    """Three decimals, or as many digits of what is small."""
    if value is None:
        return "unknown"
    return f"{value:.3f}" if abs(value) >= SMALL else f"{value:.3g}"
