"""What the view of outcomes shows of one task, beside the day, the version and the number of rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from perennial.config.terms import Terms

HEADLINE = "headline"
"""What the first figure of an outcome is called in a part, whatever its name is."""


@dataclass(frozen=True)
class OutcomeColumn:
    """A column of analytics.<model>_outcomes.

    Attributes:
        part: a column of `outcomes`, such as `outcomes.base_rate`, or metric, value, low or high of a figure of `Task.realise`,
            such as `log_loss.value`, or `headline.low`.
        meaning: what analysts read about it.
    """

    part: str
    meaning: str

    @property
    def figure(self) -> str | None:
        """The figure that it is read from."""
        name = self.part.partition(".")[0]
        return None if name == "outcomes" else name


def tell_headline(terms: Terms) -> Mapping[str, OutcomeColumn]:
    """The columns of a headline that is not the same for every model of a task."""
    *others, last = dict.fromkeys(terms.metrics.values())
    named = f"{', '.join(others)} or {last}" if others else last
    return {
        "metric": OutcomeColumn("headline.metric", f"What the model is judged by: {named}"),
        "value": OutcomeColumn("headline.value", "That metric within the as_of; NaN where the labels leave it undefined"),
        "value_low": OutcomeColumn("headline.low", "Lower end of its interval"),
        "value_high": OutcomeColumn("headline.high", "Upper end of its interval"),
    }
