"""What a drafted model rests on, and what to do next, in sentences for a shell."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from perennial.homes.new.classes import say_classes
from perennial.homes.new.drafting import Draft
from perennial.homes.new.features import has_one_fact
from perennial.homes.new.model_file import assume_known, describe_week, say_range
from perennial.homes.new.queries import describe_outcome, leaves_out_infinite
from perennial.homes.saying import name_day
from perennial.records import write_amount

FEW, MANY = 0.01, 0.95
FEW_ROWS = 3
"""Planned, changed and settled: an event has about so many versions."""


def say_found(draft: Draft) -> Iterator[str]:
    """What was seen and assumed, a sentence each."""
    plan, profile, times = draft.plan, draft.plan.profile, draft.plan.times
    yield f"{profile.table.written}: {profile.rows:,} rows, from {times.first} to {times.last}, {describe_week(plan)}."
    if plan.is_snapshots:
        gap, share = profile.rhythm
        often = "each day" if gap == 1 else f"every {gap}th day"
        yield (
            f"They are photographs: {share:.0%} of the rows of one {plan.wish.entity} follow on {often} that has any. So "
            "features take means over the windows, and no sums."
        )
    yield from _say_odd_rows(draft)
    if plan.entity_key != plan.wish.entity:
        yield f"The model calls {plan.write(plan.wish.entity)} {plan.entity_key}: its key is a plain name."
    if plan.wish.known_at is None:
        yield f"Assumed: {assume_known(plan)}"
    yield from _say_versions(draft)
    yield from _say_events(draft)
    yield f"Assumed: a day begins at midnight in {plan.wish.timezone}."
    yield from _say_history(draft)
    yield from _say_outcome(draft)
    if plan.left_out:
        yield f"Not used: {', '.join(f'{name} ({reason})' for name, reason in plan.left_out.items())}."
    if leaves_out_infinite(plan):
        yield f"LOOK: {plan.wish.predict} holds infinite numbers, or NaN, and labels.sql lets them add nothing. Is that meant?"
    if draft.seen.suspicious:
        named = ", ".join(f"{name} ({auc:.2f})" for name, auc in draft.seen.suspicious.items())
        yield (
            f"LOOK: alone, these rank so well that the first training stops: {named}. Is a column of theirs ever "
            "changed after the fact? Then take it out of features.sql; if it never is, uncomment them in "
            f"models/{plan.wish.name}.toml."
        )


def _say_odd_rows(draft: Draft) -> Iterator[str]:
    profile, event_at = draft.plan.profile, draft.plan.wish.event_at
    odd = {"without": profile.undated, "before 1900 in": profile.ancient, "after today in": profile.future}
    for where, rows in odd.items():
        if rows:
            yield f"{rows:,} rows are {where} {event_at}: they count for nothing until they are corrected."


def _say_versions(draft: Draft) -> Iterator[str]:
    plan, times = draft.plan, (draft.plan.wish.event_at, draft.plan.wish.known_at)
    others = [name for name in plan.key if name != plan.wish.event_at]
    has_versions = plan.wish.key or any(one.in_primary_key and one.name in times for one in plan.profile.table.columns)
    if not plan.key:
        yield "Assumed: every row is a fact of its own; where rows have versions, name with --key what identifies a fact."
    elif has_versions and plan.wish.event_at not in plan.key:
        yield f"Assumed: rows that share {' and '.join(plan.key)} are versions of one fact, and the newest known one counts."
    elif not plan.wish.key and plan.wish.event_at in plan.key:
        versions = f" Where rows that share {' and '.join(others)} are versions of one fact, give --key {' --key '.join(others)}."
        yield f"Assumed: every row is a fact of its own, for the primary key holds {plan.wish.event_at}.{versions * bool(others)}"
    elif not has_versions and plan.wish.known_at:
        yield "Assumed: a row never changes. One that is corrected in place shows history what nobody knew then."


def _say_events(draft: Draft) -> Iterator[str]:
    """Entities that come and go, such as bookings: the cohort that is drafted holds those that are settled as well."""
    plan, who, most = draft.plan, draft.plan.wish.entity, draft.plan.profile.rows_each
    if has_one_fact(plan):
        found = (
            f"with the key {who} each {who} is one fact, of which a query sees the newest version: features say what that "
            f"says and how old it is, and one older than {plan.times.lookback_days} days (lookback_days) is not seen at all"
        )
    elif 0 < most <= FEW_ROWS and not plan.is_snapshots:
        found = f"nine of ten {who} have at most {most} row(s) in all of history, so that they come and go as bookings do"
    else:
        return
    open_ones = f", perhaps by {' or '.join(one.written for one in plan.categories[:3])}" if plan.categories else ""
    yield (
        f"LOOK: {found}. The cohort is everybody with a row in that time, also one that is settled, such as a booking whose "
        f"guest has arrived. If {who} names such events, keep in sql/{plan.wish.name}/features.sql those that are still "
        f"open{open_ones}, and choose horizon and labels with them: docs/how-to/event-entities.md says how."
    )


def _say_history(draft: Draft) -> Iterator[str]:
    plan, times = draft.plan, draft.plan.times
    yield (
        f"Windows of {', '.join(str(days) for days in times.windows)} days; the labels of a day are known {plan.wish.days} + "
        f"{times.grace_days} days later; {times.as_ofs} weeks train and {times.holdout_as_ofs} judge."
    )
    if draft.seen.alike and not draft.seen.rates:
        yield (
            f"Nothing can be learned: on each of the days whose labels are known they are all the same "
            f"({', '.join(draft.seen.alike)}), the {describe_outcome(plan)}. Give another --predict, or more --days."
        )
    elif not (draft.seen.rates or draft.seen.amounts or draft.seen.classes):
        first = times.first + timedelta(days=times.lookback_days + plan.wish.days + times.grace_days + 7)
        yield (
            f"History is too short for a label: the first can be known about {first}. Load older facts, or choose fewer --days; "
            "until then nothing trains."
        )


def _say_outcome(draft: Draft) -> Iterator[str]:
    rates, days = draft.seen.rates, draft.seen.days
    if (found := draft.seen.amounts) is not None:
        yield (
            f"On {len(days)} days from {days[0]} to {days[-1]} the cohort held {say_range(draft.seen.rows)}; the "
            f"{describe_outcome(draft.plan)}, was {write_amount(found.means[0])} to {write_amount(found.means[1])} on average, "
            f"0 of {found.zeros:.0%} of them, and up to {write_amount(found.most)}, all in the unit of that column."
        )
    if draft.seen.classes is not None:
        yield (
            f"On {len(days)} days from {days[0]} to {days[-1]} the cohort held {say_range(draft.seen.rows)}; of the "
            f"{describe_outcome(draft.plan)}, {say_classes(draft.seen.classes)}."
        )
    if not rates:
        return
    yield (
        f"On {len(days)} days from {days[0]} to {days[-1]} the cohort held {say_range(draft.seen.rows)}, "
        f"and {min(rates):.1%} to {max(rates):.1%} of it had the outcome."
    )
    if max(rates) < FEW:
        less = "fewer --days" if draft.plan.says_absence else "more --days, or a wider condition"
        yield f"That is rare: a training needs some of both. Choose {less}."
    if min(rates) > MANY:
        more = "more --days" if draft.plan.says_absence else "fewer --days, or a narrower condition"
        yield f"Nearly everybody has it: choose {more}; or narrow the cohort in features.sql."


def list_next(draft: Draft) -> Iterator[str]:
    """The commands to the first scores."""
    plan = draft.plan
    day = name_day(plan.wish.name, plan.today, is_simulated=plan.is_at_rest)
    yield f"perennial sync {plan.wish.name}"
    yield f"perennial check {plan.wish.name}"
    yield f"perennial bootstrap {day}"
    yield from (f"perennial {stage} {day}" for stage in ("refresh", "validate", "score"))
    yield f"perennial scores {plan.wish.name}"
