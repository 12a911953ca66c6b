"""Immediate harm of a canary, from sums over requests: errors, missing inputs, mean score, seconds.

A server asks it of its own requests, the pipeline of everybody's. Nothing here waits for labels. A difference counts when it is
more than chance gives, `FEW_ERRORS` standard errors (once in three million looks, one-sided), and more than is borne.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, sqrt

from perennial.records.canaries import ServedArm

Shifts = tuple[float, float]
FEWEST_ROWS = 100
FEW_ERRORS = 5.0
ERRORS_BORNE = 0.01
MISSING_BORNE = 0.10
SLOWER_BORNE = 4.0
"""A canary may take so many times the seconds in a request, as `promotion.scoring_time_ratio` bears by default."""


def find_harm(served: Sequence[ServedArm], *, max_shift: Shifts) -> str:
    """Why a canary must stop at once, in words; empty where nothing speaks against it, or too little was served to say.

    Args:
        served: what either arm's batches came to; an arm that served nothing is not there.
        max_shift: `scoring.publish_max_shift`: by what share of the champion's mean score the canary's may lie below and above.
    """
    arms = {arm.arm: arm for arm in served}
    if not {"champion", "canary"} <= set(arms) or min(arm.rows for arm in arms.values()) < FEWEST_ROWS:
        return ""
    ours, theirs = arms["champion"], arms["canary"]
    said = (
        _find_errors(ours, theirs),
        _find_missing(ours, theirs),
        _find_shift(ours, theirs, max_shift),
        _find_slow(ours, theirs),
    )
    return "; ".join(sentence for sentence in said if sentence)


def _find_errors(ours: ServedArm, theirs: ServedArm) -> str:
    """Of rows that got no score."""
    before, now = ours.errors / ours.rows, theirs.errors / theirs.rows
    pooled = (ours.errors + theirs.errors) / (ours.rows + theirs.rows)
    chance = FEW_ERRORS * sqrt(pooled * (1 - pooled) * (1 / ours.rows + 1 / theirs.rows))
    return (
        f"{now:.1%} of its rows got no score, {before:.1%} of the champion's" if now - before > max(chance, ERRORS_BORNE) else ""
    )


def _find_missing(ours: ServedArm, theirs: ServedArm) -> str:
    """Of inputs: those of one row go together, so that rows are what is counted."""
    before, now = (arm.missing / arm.inputs if arm.inputs else 0.0 for arm in (ours, theirs))
    spread = sqrt(before * (1 - before) / ours.rows + now * (1 - now) / theirs.rows)
    is_more = now - before > max(FEW_ERRORS * spread, MISSING_BORNE)
    return f"{now:.0%} of its inputs are missing, {before:.0%} of the champion's" if is_more else ""


def _find_shift(ours: ServedArm, theirs: ServedArm, max_shift: Shifts) -> str:
    (before, error), (now, other) = (_average(arm.score_sum, arm.score_squares, arm.rows - arm.errors) for arm in (ours, theirs))
    below, above = (inf if share == inf else share * abs(before) for share in max_shift)
    chance = FEW_ERRORS * sqrt(error**2 + other**2)
    if -max(below, chance) <= now - before <= max(above, chance):
        return ""
    return f"its mean score is {now:.4g}, the champion's {before:.4g}"


def _find_slow(ours: ServedArm, theirs: ServedArm) -> str:
    """Of what scoring takes in a request, which a pause of the machine must not decide: beyond chance as well."""
    (before, error), (now, other) = (_average(arm.seconds, arm.second_squares, arm.requests) for arm in (ours, theirs))
    is_slow = now > SLOWER_BORNE * before > 0 and now - before > FEW_ERRORS * sqrt(error**2 + other**2)
    return f"scoring takes {now:.3g} s in a request, the champion's {before:.3g} s" if is_slow else ""


def _average(total: float, squares: float, count: int) -> tuple[float, float]:
    """A mean and its standard error; NaN, which is never near, of nothing."""
    if not count:
        return float("nan"), float("nan")
    mean = total / count
    return mean, sqrt(max(squares / count - mean**2, 0.0) / count)
