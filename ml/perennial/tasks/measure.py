"""A figure of two recipes on the same rows, with the interval of its difference."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import pandas as pd

from perennial.errors import OneClassLabels
from perennial.metrics import DailyGain
from perennial.metrics.panel import Floats
from perennial.records import Interval, MetricComparison
from perennial.tasks.scores import Scores

# Of scores as the task gives them, `Scores`, and of labels; each task gives one kind of scores to its own measures alone.
Value = Callable[..., float]
Single = Callable[..., Interval]
Difference = Callable[..., Interval]
ByDay = Callable[..., DailyGain]


class Ranker(Protocol):
    """Measures how well single columns rank the same rows by themselves, whichever way round."""

    def __call__(self, values: Floats, *, is_category: bool) -> Interval:
        """In [.5, 1].

        Args:
            values: one per row, NaN where unknown; of a category its codes.

        Raises:
            OneClassLabels: no as_of has different labels.
        """


AMOUNT = ".4g"  # how values are written that have a unit
LEFT_WEIGHT = 5  # min_gain .01 asks at most for a twentieth of the way from the champion to a perfect ranking


def find_floor(min_gain: float, champion: float) -> float:
    """The smallest gain worth a promotion in a metric between 0 and 1: relative to it, but never much of what is left to gain.

    Worked example (min_gain .01): .0080 at an AUC of .80, .0070 at .86, and .0010 at .98, where a relative .0098 would ask for
    half of all that is wrong.
    """
    return min(min_gain * champion, LEFT_WEIGHT * min_gain * (1 - champion))


@dataclass(frozen=True)
class Measure:
    """A metric with its paired difference; where lower is better the difference is turned round into a gain.

    Attributes:
        name: as the ledger writes it.
        value: of (scores, labels).
        difference: of (ours, theirs, labels), ours minus theirs. Both raise OneClassLabels where labels leave them undefined.
        form: how its values are written: four decimals of what lies between 0 and 1, four digits of an amount.
    """

    name: str
    value: Value
    difference: Difference
    is_lower_better: bool = False
    form: str = ".4f"

    def write(self, value: float) -> str:
        """A value, or the size of a difference."""
        return f"{value:{self.form}}"

    def write_signed(self, value: float) -> str:
        """A difference."""
        return f"{value:+{self.form}}"

    def gain(self, ours: Scores, theirs: Scores, labels: pd.Series) -> Interval:
        """Positive when `ours` is better."""
        found = self.difference(ours, theirs, labels)
        if not self.is_lower_better:
            return found
        return Interval(-found.estimate, -found.high, -found.low, found.standard_error)

    def compare(self, ours: Scores, theirs: Scores | None, labels: pd.Series) -> MetricComparison:
        """Both figures, and the gain of ours where there is another."""
        return MetricComparison(
            metric=self.name,
            champion=None if theirs is None else self.value(theirs, labels),
            challenger=self.value(ours, labels),
            gain=None if theirs is None else self.gain(ours, theirs, labels),
        )

    def try_value(self, scores: Scores, labels: pd.Series) -> float | None:
        """The value; None where these labels leave it undefined."""
        try:
            return self.value(scores, labels)
        except OneClassLabels:
            return None

    def merit(self, scores: Scores, labels: pd.Series) -> float:
        """The value, turned so that more is better."""
        return -self.value(scores, labels) if self.is_lower_better else self.value(scores, labels)


@dataclass(frozen=True, kw_only=True)
class Headline(Measure):
    """The measure that decides who is better.

    Attributes:
        title: as people read it, such as `AUC`.
        verb: what is done better, such as `ranked`.
        by_day: the gain of ours on theirs within each as_of, above 0 where ours is better, and what every entity contributes.
        single: the value with its interval, clustered by entity; the third argument is the confidence.
    """

    title: str
    verb: str = "ranked"
    by_day: ByDay
    single: Single


@dataclass(frozen=True)
class Worse:
    """How much worse a headline came out than it was promised: in its own points, or as a share of what was promised."""

    points: float | None = None
    share: float | None = None


@dataclass(frozen=True)
class Guarded:
    """A measure that a promotion must not harm, with the words that its sentence begins with and the loss that is borne.

    Attributes:
        is_relative: the loss is a share of the champion's value.
    """

    name: str
    measure: Measure
    fact: str
    tolerated: float
    is_relative: bool = False

    def borne(self, champion: float) -> float:
        """In units of the measure."""
        return self.tolerated * abs(champion) if self.is_relative else self.tolerated
