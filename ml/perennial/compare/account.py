"""How much error a challenger may spend, and whether the account still holds it.

The budget bounds what is drawn in any 365 days: the expected number of false promotions by the tests that begin in them and,
by Markov's and Boole's inequalities, the chance of even one. A test may promote months after it began, so that promotions
themselves may lie closer together than the draws for them. A draw weighs for 365 days. The alpha is sized so that
a year of scheduled challengers, and of every retraining that drift may ask for, fits into the budget; what asks for more,
such as shadows that start again after a promotion, finds the account empty instead of stretching it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import datetime, timedelta

from perennial.config import Model

YEAR = timedelta(days=365)
ROUNDING = 1e-9  # sums of draws: twelve twelfths of the budget are not more than the budget

Drawn = tuple[float, datetime]
"""An alpha and when it was drawn, on the clock of the runs."""


def size_draw(model: Model) -> tuple[float, float]:
    """Alpha of one test, and the yearly budget of the account."""
    return size_challenge(model), model.promotion.false_promotions_per_year


def size_challenge(model: Model) -> float:
    """Alpha of one challenger: the yearly budget over all trainings that a year may bring."""
    return model.promotion.false_promotions_per_year / (model.grid.trainings_per_year + count_drift_retrainings(model))


def count_drift_retrainings(model: Model) -> int:
    """The most retrainings that drift may ask for in a year: bounded by budget, by cooldown and by the checks.

    Worked example (lapse): 3 in 30 days are 37 a year; a cooldown of 7 whole days between two would allow 46.
    """
    limits = model.monitoring
    by_budget = math.ceil(limits.max_retrains_per_30_days * YEAR.days / 30)
    by_checks = math.ceil(YEAR / model.grid.shortest_period)
    return min(by_budget, by_checks, math.ceil(YEAR.days / (limits.cooldown_days + 1)))


def find_balance(budget: float, drawn: Iterable[Drawn], clock: datetime) -> float:
    """What may still be drawn at an instant."""
    return budget - sum(alpha for alpha, drawn_at in drawn if drawn_at > clock - YEAR)


def is_covered(alpha: float, budget: float, drawn: Iterable[Drawn], clock: datetime) -> bool:
    """May this alpha be drawn now?"""
    return alpha <= find_balance(budget, drawn, clock) + ROUNDING * budget


def find_refill(alpha: float, budget: float, drawn: Iterable[Drawn], clock: datetime) -> datetime | None:
    """The first instant at which enough draws have grown old; None when the account covers it now, or never will."""
    draws = sorted(drawn, key=lambda draw: draw[1])
    if is_covered(alpha, budget, draws, clock):
        return None
    later = (drawn_at + YEAR for _, drawn_at in draws if drawn_at + YEAR > clock)
    return next((instant for instant in later if is_covered(alpha, budget, draws, instant)), None)
