"""One look of the sequential test: what is known, what may be spent, and how high the boundary lies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from perennial.compare.boundaries import find_boundary, relate_looks, widen
from perennial.compare.spending import POWER, measure_information, spend
from perennial.metrics import DailyGain
from perennial.metrics.panel import Floats
from perennial.records import Look

LEAST_ERROR = 1e-12  # of a look: below that no boundary can be told from infinity
Booleans = np.bool_ | npt.NDArray[np.bool_]


@dataclass(frozen=True)
class TestPlan:
    """What was fixed before the first look.

    Attributes:
        alpha: probability that a challenger without a gain ever crosses a boundary.
        final: as_ofs of the last look.
        overlap: from this distance in as_ofs on, label periods do not overlap.
        power: of the share of information, by which the error is spent.
    """

    __test__ = False  # not a test class of pytest

    alpha: float
    final: int
    overlap: int
    seed: int
    power: int = POWER


def has_error_left(plan: TestPlan, former: Sequence[Look]) -> bool:
    """May another look be taken? Without error nothing can be decided, whatever is seen."""
    spent = former[-1].spent if former else 0.0
    return plan.alpha - spent > LEAST_ERROR


def take_look(gain: DailyGain, former: Sequence[Look], plan: TestPlan) -> Look:
    """Evaluate the test on all as_ofs assessed so far.

    The former looks keep their boundaries; their joint law with this one is estimated anew from all that is known now.

    Args:
        gain: on the as_ofs of the last look before and at least one more.
        former: oldest first; they have left some error (`has_error_left`).
    """
    known = former[-1].information if former else 0.0
    information = measure_information(gain.covariance, final=plan.final, overlap=plan.overlap, former=known)
    before = former[-1].spent if former else 0.0
    spent = max(spend(plan.alpha, information, plan.power), min(before + LEAST_ERROR, plan.alpha))
    correlations = relate_looks(gain.covariance, [*(len(look.as_ofs) for look in former), len(gain.as_ofs)])
    height = find_boundary(correlations, [look.boundary for look in former], spent - before, seed=plan.seed)
    return Look(
        as_ofs=gain.as_ofs,
        estimate=gain.estimate,
        standard_error=gain.standard_error,
        information=information,
        spent=spent,
        boundary=widen(height, gain.degrees_of_freedom),
        surplus=gain.surplus if len(gain.as_ofs) > 1 else None,
        shock=gain.shock,
    )


def is_won(lower: Floats | float, estimate: Floats | float, floor: float) -> Booleans:
    """Is there a gain, over all looks together, and is it worth a promotion? The floor is not asked of the lower bound."""
    won: Booleans = np.logical_and(np.greater(lower, 0), np.greater_equal(estimate, floor))
    return won


def is_lost(upper: Floats | float, floor: float) -> Booleans:
    """Does not even the upper bound reach the floor? Giving up costs no error."""
    lost: Booleans = np.less(upper, floor)
    return lost
