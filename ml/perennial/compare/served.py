"""What a canary has shown of a recipe, as the gate weighs it: another way over the same boundary, to the same floor.

The arms are looked at by the sequential core with an alpha of their own, drawn from the account when the canary began. So who
crosses there has earned what crossing in the contest earns: the floor is asked of the point estimate, and vetoes, doubts,
cooldown and approval come after it as ever.
"""

from __future__ import annotations

from dataclasses import dataclass

from perennial.compare.looks import is_won
from perennial.config import Model
from perennial.records import Look
from perennial.records.canaries import Canary
from perennial.tasks import task_of


@dataclass(frozen=True)
class ServedEvidence:
    """The newest look at the arms.

    Attributes:
        floor: smallest gain worth a promotion, in what the arms are compared by.
        is_outcome: they are compared by what came true of acting on the scores, not by how the scores rank.
        last_look: as_ofs of the last look, as planned.
    """

    look: Look
    floor: float
    is_outcome: bool
    last_look: int

    @property
    def is_won(self) -> bool:
        """Is there a gain, over all looks together, and is it worth a promotion?"""
        return bool(is_won(self.look.lower, self.look.estimate, self.floor))

    @property
    def sentence(self) -> str:
        """What was seen, for a verdict."""
        named = "in what came true" if self.is_outcome else "in the headline"
        return (
            f"On what was served its canary did better by {self.look.estimate:.4g} {named}, which reaches the floor of "
            f"{self.floor:.4g}. Over all looks together its lower bound is {self.look.lower:+.4g}, after {len(self.look.as_ofs)} "
            f"of at most {self.last_look} as_ofs."
        )


def weigh_canary(model: Model, canary: Canary) -> ServedEvidence | None:
    """None before the first look, and where the champion's arm has no figure of which the floor would be a share.

    The floor of an outcome is `promotion.min_gain` of the champion's mean label, as that of a loss is.
    """
    if not canary.looks or canary.arms is None:
        return None
    is_outcome = model.scoring.acted_on is not None
    of = canary.arms.champion.rate if is_outcome else canary.arms.champion.headline
    if of is None:
        return None
    floor = model.promotion.min_gain * abs(of.estimate) if is_outcome else task_of(model).find_floor(of.estimate)
    return ServedEvidence(canary.looks[-1], floor, is_outcome, canary.last_look)
