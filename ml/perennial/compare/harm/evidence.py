"""One question of harm with the evidence on it, and the level at which each of several questions is answered.

Source: S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6 (1979),
65-70: valid whatever the dependence, which matters because segments overlap and every guard sees the same rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from scipy.special import stdtr, stdtrit

from perennial.records import Interval


class HarmEvidence(Protocol):
    """On one question: is the loss larger than tolerated? `gain` is positive when the challenger is better."""

    @property
    def estimate(self) -> float: ...

    @property
    def tolerated(self) -> float: ...

    @property
    def p_value(self) -> float:
        """Probability of evidence at least so strong where the loss is just the tolerated one."""

    def interval(self, level: float) -> Interval:
        """Its upper end lies below minus the tolerated loss exactly when the p-value is at most `level`."""


@dataclass(frozen=True)
class Sampled:
    """A gain whose error comes from which entities were seen.

    Attributes:
        carriers: entities that carry the evidence; Student's t with one degree less makes up for estimating the error
            from a few dozen of them, and is the normal distribution for hundreds; not whole where shocks have a part in it.
    """

    estimate: float
    standard_error: float
    tolerated: float
    carriers: float

    @property
    def p_value(self) -> float:
        beyond = self.estimate + self.tolerated
        if self.standard_error == 0:  # both say the same of every row that counts: no error, and no chance
            return 1.0 if beyond >= 0 else 0.0
        return float(stdtr(self.carriers - 1, beyond / self.standard_error))

    def interval(self, level: float) -> Interval:
        reach = -float(stdtrit(self.carriers - 1, level)) * self.standard_error
        return Interval(self.estimate, self.estimate - reach, self.estimate + reach, self.standard_error)


@dataclass(frozen=True)
class HolmAnswer:
    """What Holm's procedure says of one question, and the level at which it was last tested."""

    is_harm: bool
    level: float


def answer_all(p_values: Sequence[float], level: float) -> tuple[HolmAnswer, ...]:
    """From the smallest p-value on: harm while it is at most level / (questions left); the first above ends it for all.

    The later ones are shown at the level of that first: an interval at the level of its answer agrees with the answer.
    """
    answers: dict[int, HolmAnswer] = {}
    tested, is_open = level, True
    for done, position in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        if is_open:
            tested = level / (len(p_values) - done)
            is_open = p_values[position] <= tested
        answers[position] = HolmAnswer(is_open, tested)
    return tuple(answers[position] for position in range(len(p_values)))
