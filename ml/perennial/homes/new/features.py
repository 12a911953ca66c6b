"""The features of a first model, each with its SQL: how long ago, how often, how much, and what was said last."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from typing import Literal

from perennial.homes.new.choosing import Input, Plan


@dataclass(frozen=True)
class Feature:
    """One column of features.sql.

    Attributes:
        says: `times` where only the times of facts enter, which nobody corrects afterwards; `values` where a column does, and
            `newest` where it is that of the newest fact.
        of: the column, if one enters.
    """

    name: str
    expression: str
    says: Literal["times", "values", "newest"]
    of: Input | None = None


def count_present_days(plan: Plan) -> int:
    """Of snapshots: an entity whose newest row is older than so many days is there no more. Of events 0: silence says little.

    Worked example: one row a day, known within 30 hours, settled after 12: the newest row of who is there is 1 or 2 days old.
    Of workdays it is 3 on a Monday: the longest gap between days with rows counts.
    """
    if not plan.is_snapshots:
        return 0
    delay = plan.profile.delay
    late = ceil(max(0.0, delay.longest_hours - plan.times.settle_hours) / 24) if delay else 0
    apart = max(plan.profile.rhythm[0], plan.delivery.longest_gap)
    return min(apart + late, plan.times.lookback_days)


def has_one_fact(plan: Plan) -> bool:
    """An entity is a fact, as a booking is, and a query sees its newest version alone: there is nothing to count or to sum up."""
    return plan.key == (plan.wish.entity,)


def list_features(plan: Plan) -> tuple[Feature, ...]:
    """All of them, in the order of the query."""
    if has_one_fact(plan):
        return (Feature("recency_days", "min(days_ago)", "times"), *_tell_newest(plan))
    values = [feature for number in plan.numbers for feature in _sum_up(plan, number)]
    flags = [feature for flag in plan.flags for feature in _count_flag(plan, flag)]
    return (*_tell_times(plan), *values, *flags, *_tell_newest(plan))


def _tell_times(plan: Plan) -> Iterator[Feature]:
    longest = plan.times.lookback_days
    yield Feature("recency_days", "min(days_ago)", "times")
    for days in plan.times.windows:
        within = "" if days == longest else f" filter (where days_ago <= {days})"
        yield Feature(f"{plan.source[:40]}_{days}d", f"count(*){within}", "times")
    if not plan.is_snapshots:
        yield Feature(f"active_days_{longest}d", "count(distinct days_ago)", "times")
        mean_gap = "(max(days_ago) - min(days_ago)) / nullif(count(distinct days_ago) - 1, 0)::double precision"
        yield Feature("days_between", mean_gap, "times")


def _sum_up(plan: Plan, number: Input) -> Iterator[Feature]:
    """Sums of events and their mean; of snapshots, whose sum says nothing, means over each window, and the extremes."""
    longest = plan.times.lookback_days
    for days in plan.times.windows:
        within = "" if days == longest else f" filter (where days_ago <= {days})"
        if plan.is_snapshots:
            yield Feature(f"{number.stem}_mean_{days}d", _as_float(f"avg({number.written}){within}"), "values", number)
        else:
            added = f"coalesce(sum({number.written}){within}, 0)"
            yield Feature(f"{number.stem}_sum_{days}d", f"{added}::double precision", "values", number)
    if not plan.is_snapshots:
        yield Feature(f"{number.stem}_mean_{longest}d", _as_float(f"avg({number.written})"), "values", number)
    else:
        yield Feature(f"{number.stem}_least_{longest}d", _as_float(f"min({number.written})"), "values", number)
    yield Feature(f"{number.stem}_most_{longest}d", _as_float(f"max({number.written})"), "values", number)


def _count_flag(plan: Plan, flag: Input) -> Iterator[Feature]:
    longest = plan.times.lookback_days
    yield Feature(f"{flag.stem}_{longest}d", f"count(*) filter (where {flag.written})", "values", flag)
    yield Feature(f"{flag.stem}_share_{longest}d", _as_float(f"avg({flag.written}::integer)"), "values", flag)


def _tell_newest(plan: Plan) -> Iterator[Feature]:
    for number in plan.numbers:
        yield Feature(f"{number.stem}_latest", f"{number.written}::double precision", "newest", number)
    for flag in plan.flags:
        yield Feature(f"{flag.stem}_latest", flag.written, "newest", flag)
    for category in plan.categories:
        cast = "" if category.profile.column.type == "text" else "::text"
        yield Feature(f"{category.stem}_latest", f"{category.written}{cast}", "newest", category)


def _as_float(expression: str) -> str:
    return f"({expression})::double precision" if " filter " in expression else f"{expression}::double precision"
