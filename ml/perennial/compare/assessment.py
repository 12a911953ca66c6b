"""What an assessment is, and the sentences that it uses."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from perennial.compare.contest import ComparisonInput
from perennial.records import Interval, Look, Outcome
from perennial.tasks import Headline


@dataclass(frozen=True)
class Assessment:
    """An outcome with the sentence that decided and those that stand beside it; `looks` are all at this pair so far."""

    outcome: Outcome
    reasons: tuple[str, ...]
    compared_again_on: date | None = None
    looks: tuple[Look, ...] = ()


def say_gain(gain: Interval, headline: Headline) -> str:
    """An interval as people read it: `+0.0050 AUC [-0.0010, +0.0110]`."""
    estimate, low, high = (headline.write_signed(value) for value in (gain.estimate, gain.low, gain.high))
    return f"{estimate} {headline.title} [{low}, {high}]"


def refuse_without_account(contest: ComparisonInput) -> Assessment:
    """No error may be spent, so nothing is tested."""
    until = f" until {contest.account_frees_on}" if contest.account_frees_on else ""
    sentence = f"The account of false promotions is empty{until}: the budget of the last 365 days is drawn."
    return Assessment(Outcome.INCONCLUSIVE, (sentence,), contest.account_frees_on)


def refuse_few_entities(group: str, found: int, fewest: int) -> Assessment:
    """Too few independent entities of one group, such as those that `carry a positive label`, for any decision."""
    sentence = f"Only {found} different entities {group}, and {fewest} are the fewest to decide on."
    return Assessment(Outcome.INCONCLUSIVE, (sentence,))


def next_look_on(contest: ComparisonInput) -> date | None:
    """The day on which one more as_of will have matured."""
    model = contest.model
    day = model.next_matured_on(contest.holdout_as_ofs[-1])
    return day if day > contest.as_of else None
