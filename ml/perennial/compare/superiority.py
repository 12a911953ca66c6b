"""Is the challenger better, and enough better? A sequential test, so that weekly looks do not add up to certainty by chance.

PROMOTE when the gain's lower bound over all looks lies above 0, the point estimate reaches the floor and nothing speaks
against it; or when its canary has shown as much (served.py). REJECT when even the upper bound does not reach the floor, or harm
is shown: giving up costs no error. Else INCONCLUSIVE: the challenger stays as a shadow and is looked at again once another as_of
has matured.

The floor is never asked of the lower bound: that would ask for twice the floor.
"""

from __future__ import annotations

from perennial.compare.assessment import Assessment, next_look_on, refuse_few_entities, refuse_without_account, say_gain
from perennial.compare.contest import ComparisonInput
from perennial.compare.looks import TestPlan, has_error_left, is_lost, is_won, take_look
from perennial.compare.shocks import measure_gain
from perennial.errors import MisalignedScores
from perennial.metrics import DailyGain
from perennial.records import Interval, Look, Outcome

FEWEST_ENTITIES = 30  # of either class, or that both predict otherwise: below that the normal law of a gain is a guess


def assess_superiority(contest: ComparisonInput, gain: Interval, floor: float) -> Assessment:
    """Look once more, or say why not.

    Args:
        gain: in the headline, with its interval of `promotion.confidence`; its upper bound gives up.
        floor: smallest gain worth a promotion, in the headline.
    """
    looks = look_or_refuse(contest)
    return looks if isinstance(looks, Assessment) else _assess_look(contest, gain, floor, looks)


def look_or_refuse(contest: ComparisonInput) -> tuple[Look, ...] | Assessment:
    """All looks at this pair with the newest last, or why nobody may look.

    Raises:
        MisalignedScores: an as_of that was looked at before is missing now.
    """
    assert contest.champion is not None
    daily = measure_gain(contest)
    for group, found in daily.entities_by_group.items():
        if found < FEWEST_ENTITIES:
            return refuse_few_entities(group, found, FEWEST_ENTITIES)
    if contest.test is None:
        return refuse_without_account(contest)
    return look_again(daily, contest.former, contest.test)


def look_again(daily: DailyGain, former: tuple[Look, ...], plan: TestPlan) -> tuple[Look, ...]:
    """All looks with the newest last; rows that were looked at before are not looked at twice, and none without error left.

    A winner may wait for a person's answer beyond its last look: it then has no error left to spend, and its answer.

    Raises:
        MisalignedScores: an as_of that was looked at before is missing now.
    """
    before = former[-1].as_ofs if former else ()
    if daily.as_ofs[: len(before)] != before:
        missing = ", ".join(str(day) for day in sorted(set(before) - set(daily.as_ofs))) or "their order"
        raise MisalignedScores(
            f"As_ofs that were assessed before are not there any more: {missing}. Build these snapshots again."
        )
    if former and (daily.as_ofs == before or len(before) >= plan.final or not has_error_left(plan, former)):
        return former
    return (*former, take_look(daily, former, plan))


def _assess_look(contest: ComparisonInput, gain: Interval, floor: float, looks: tuple[Look, ...]) -> Assessment:
    look, said, least = looks[-1], _say_who(contest, gain), contest.task.headline.write_signed(floor)
    won = contest.served is not None and contest.served.is_won
    if contest.served is not None and won and contest.served.is_outcome:  # acting on scores changes what these foretell
        return Assessment(Outcome.PROMOTE, (f"{contest.served.sentence} {said}",), looks=looks)
    if is_lost(gain.high, floor):
        return Assessment(Outcome.REJECT, (f"{said} That does not reach the floor of {least}.",), looks=looks)
    bound = _say_bound(contest, look)
    if is_won(look.lower, gain.estimate, floor):
        return Assessment(Outcome.PROMOTE, (f"{said} That reaches the floor of {least}. {bound}",), looks=looks)
    if contest.served is not None and won:
        return Assessment(Outcome.PROMOTE, (f"{contest.served.sentence} {said} {bound}",), looks=looks)
    again_on = None if is_last(contest) else next_look_on(contest)
    return Assessment(Outcome.INCONCLUSIVE, (f"{said} That {_say_doubt(look, gain, floor, least)} {bound}",), again_on, looks)


def _say_who(contest: ComparisonInput, gain: Interval) -> str:
    assert contest.champion is not None
    often = {"weekly": "every week", "4 weeks": "every 4 weeks", "monthly": "every month"}.get(contest.model.refreshes)
    headline = contest.task.headline
    fitted = f"refitted {often}" if often else "not refitted"
    return (
        f"Recipe {contest.challenger.recipe}, {fitted}, {headline.verb} {'better' if gain.estimate > 0 else 'worse'} by "
        f"{say_gain(gain, headline)} than recipe {contest.champion.recipe}, {fitted}, over {len(contest.holdout_as_ofs)} as_ofs."
    )


def is_last(contest: ComparisonInput) -> bool:
    """Has the test seen all the as_ofs that it was planned for? Those of one class count, though nothing is ranked there."""
    return contest.test is not None and len(contest.holdout_as_ofs) >= contest.test.final


def _say_bound(contest: ComparisonInput, look: Look) -> str:
    assert contest.test is not None
    lower = contest.task.headline.write_signed(look.lower)
    return (
        f"Over all looks together its lower bound is {lower}, {look.boundary:.2f} standard errors below, after "
        f"{len(look.as_ofs)} of at most {contest.test.final} as_ofs."
    )


def _say_doubt(look: Look, gain: Interval, floor: float, least: str) -> str:
    if gain.estimate >= floor:
        return f"reaches the floor of {least}, but it may still be chance."
    if look.lower > 0:
        return f"is above 0, but below the floor of {least}."
    return f"settles nothing: it may still reach the floor of {least}, and it may be chance."
