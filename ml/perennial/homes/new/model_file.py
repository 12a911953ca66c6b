"""models/<name>.toml of a first model: each choice with the reason that the data gave, and what each key means."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import pairwise

from perennial.config.label import UNSAID
from perennial.homes.commenting import comment_model
from perennial.homes.files import read_descriptions
from perennial.homes.new.choosing import Plan
from perennial.homes.new.classes import say_classes
from perennial.homes.new.comments import write_comment
from perennial.homes.new.measuring import Seen
from perennial.homes.new.queries import describe_outcome
from perennial.records import write_amount
from perennial.stores.warehouse.identifiers import quote
from perennial.tasks import find_task

WEEK_DAYS = 7
TRIALS, TIMEOUT_MINUTES = 20, 5
WIDEST_BAND = 10.0
STRONG_BY_NATURE = 0.95
LEAST, HALF = 0.01, 0.5
BESIDE = """Let labels.sql give a column beside label, and name it here: what a row weighs in fits and figures (weight), or what
acting on it turned out to be worth (value, with promotion.capacity)."""
HONEST = """These rank so well alone on the days that were looked at, with a little room. The views hide the future from them, and
they know no more than how often and how lately facts happened. Look before you believe it."""
SUSPICIOUS = """These rank suspiciously well alone, and they know what a column says: the first training stops at them. Is the
column ever changed after the fact? Then take it out of features.sql; if it never is, uncomment them."""


def render_model(plan: Plan, seen: Seen | None) -> str:
    """The whole file."""
    tables = (
        _head(plan),
        _entity(plan),
        _source(plan),
        _schedule(plan),
        _label(plan, seen),
        _quality(seen),
        _training(plan, seen),
        _acknowledged(seen),
        _scoring(seen),
    )
    text = "\n".join("\n".join(lines) + "\n" for lines in map(list, tables) if lines)
    return comment_model(text, read_descriptions())


def _write(value: str | tuple[str, ...]) -> str:
    return json.dumps(value, ensure_ascii=False)


def _head(plan: Plan) -> Iterator[str]:
    outcome = describe_outcome(plan)
    yield f"# Foretells {'each' if plan.wish.amount is None and plan.wish.classes is None else 'the'} {outcome}."
    yield f"# Drafted by `perennial new` from what {plan.profile.table.written} held on {plan.wish.today}; it is yours to change."
    yield "# `perennial keys` and the reference of the model file explain every key, also those that are left to their defaults."
    yield f"name = {_write(plan.wish.name)}"
    yield f"description = {_write(outcome)}"
    yield f"owner = {_write(plan.wish.owner)}"
    yield f"timezone = {_write(plan.wish.timezone)}"


def _entity(plan: Plan) -> Iterator[str]:
    yield "[entity]"
    yield f"# {plan.profile.entities:,} different ones among {plan.profile.looked_at:,} rows"
    if plan.entity_key != plan.wish.entity:
        yield f"# the column {plan.profile.get(plan.wish.entity).column.written}, which the queries give as entity_id"
    yield f"key = {_write(plan.entity_key)}"
    yield f'type = "{plan.entity_type}"'


def _source(plan: Plan) -> Iterator[str]:
    wish, times = plan.wish, plan.times
    yield f"[sources.{plan.source}]"
    yield f"# {plan.profile.rows:,} rows, from {times.first} to {times.last}; {describe_week(plan)}"
    if (written := name_table(plan)) is not None:
        yield f"table = {_write(written)}"
    yield f"event_at = {_write(wish.event_at)}"
    yield from _tell_known(plan)
    yield f"known_at = {_write(wish.known_at or wish.event_at)}"
    if wish.zone:
        yield f"zone = {_write(wish.zone)}"
    if plan.key:
        yield f"key = {_write(plan.key)}"
    yield f"lookback_days = {times.lookback_days}"
    delay = plan.profile.delay
    if delay and delay.loaded_until:
        loaded = f"{delay.loaded_share:.0%} of the rows were learned by {delay.loaded_until}"
        yield f"# {loaded}, long after they happened: a load in bulk"
        yield f"known_from = {_day_after(plan)}"
        yield f"typical_delay_minutes = {delay.usual_minutes}"


def name_table(plan: Plan) -> str | None:
    """As the model file names it; None where the source is called like a table of the schema source."""
    table = plan.profile.table
    if (table.schema, table.name) == ("source", plan.source):
        return None
    return ".".join(quote(part) if {".", '"'} & set(part) else part for part in (table.schema, table.name))


def describe_week(plan: Plan) -> str:
    """How many rows a week brings, and of which weeks that is true."""
    weekly = plan.times.weekly
    if not weekly:
        return "less than a week of them"
    return f"{say_range(weekly)} a week in the {say_weeks(weekly).removeprefix('The ')} of them"


def say_weeks(weekly: Sequence[int]) -> str:
    """The weeks that were counted: those whose windows lie in history, and of a long one no more than a little over a year."""
    return f"The last {len(weekly)} weeks" if len(weekly) > 1 else "The last week"


def say_range(numbers: Sequence[int]) -> str:
    """The least and the most, or the one that all are."""
    least, most = min(numbers), max(numbers)
    return f"{least:,}" if least == most else f"{least:,} to {most:,}"


def _day_after(plan: Plan) -> str:
    assert plan.profile.delay is not None
    assert plan.profile.delay.loaded_until is not None
    return (plan.profile.delay.loaded_until + timedelta(days=1)).isoformat()


def _tell_known(plan: Plan) -> Iterator[str]:
    delay = plan.profile.delay
    if plan.wish.known_at is None:
        yield from write_comment("#", f"ASSUMED: {assume_known(plan)}")
    elif delay:
        yield f"# Half of the rows are learned within {delay.usual_minutes:,} minutes, 99% within {delay.longest_hours:.1f} hours"


def assume_known(plan: Plan) -> str:
    """What has to be so where no column says when a row was learned."""
    return (
        f"a row stands in {plan.profile.table.written} within {plan.times.settle_hours} hours (settle_hours) after its "
        f"{plan.wish.event_at}, and never changes afterwards, for no column says when it was learned. Where that is not so, "
        "history shows what nobody knew, and training promises more than the scores will keep. A column `known_at timestamptz "
        "not null default now()` mends it from the day on which it is added."
    )


def _schedule(plan: Plan) -> Iterator[str]:
    times = plan.times
    matured = (plan.wish.days + times.grace_days) % WEEK_DAYS
    yield "[schedule]"
    yield f'refresh = "30 {times.settle_hours + 1} * * *"'
    yield f"# the labels of a Monday have matured {plan.wish.days} + {times.grace_days} days later"
    yield f'retrain = "0 {times.settle_hours + 2} * * {(matured + 1) % WEEK_DAYS}"'
    yield 'snapshot_weekday = "monday"'
    yield f"settle_hours = {times.settle_hours}"


def _label(plan: Plan, seen: Seen | None) -> Iterator[str]:
    yield "[label]"
    if plan.wish.task != UNSAID:
        yield f"task = {_write(plan.wish.task)}"
    found = seen.amounts if seen is not None else None
    if found is not None and found.common > 0 and plan.wish.terms.has_amounts:
        most = f"98 of 100 came to {write_amount(found.common)} at most, one to {write_amount(found.most)}"
        yield f"# {most}: such a few would decide alone"
        yield f"cap = {float(f'{found.common:.2g}')}"
    if seen is not None and seen.classes is not None:
        yield from write_comment("#", say_classes(seen.classes))
    yield f"horizon_days = {plan.wish.days}"
    yield f"grace_days = {plan.times.grace_days}"
    if plan.says_absence:
        yield f'absence_of = "{plan.source}"'
        yield f"min_weekly_volume = {plan.times.min_weekly_volume}"
    yield from write_comment("#", BESIDE)
    yield '# weight = "importance"'
    yield '# value = "worth"'


def _quality(seen: Seen | None) -> Iterator[str]:
    if seen is None:
        return
    yield "[quality]"
    yield f"# On {len(seen.days)} days the cohort held {say_range(seen.rows)}"
    yield f"row_count_band = {choose_band(seen.rows)}"


def choose_band(rows: tuple[int, ...]) -> float:
    """Twice the largest step from one probed day to the next, at least .3: the days lie weeks apart, and real ones one day."""
    steps = [abs(later - earlier) / max(1, earlier) for earlier, later in pairwise(rows)]
    return round(min(WIDEST_BAND, max(0.3, 2 * max(steps, default=0.25))), 2)


def _training(plan: Plan, seen: Seen | None) -> Iterator[str]:
    times = plan.times
    yield "[training]"
    yield from find_task(plan.wish.task).draft_metric(seen.amounts if seen is not None else None)
    if plan.wish.amount is not None:
        yield "# of amounts (1 + Gini) / 2: what somebody did lately ranks what is done next by nature"
        yield f"max_feature_auc = {STRONG_BY_NATURE}"
    yield f"as_ofs = {times.as_ofs}"
    yield f"min_as_ofs = {times.min_as_ofs}"
    yield f"holdout_as_ofs = {times.holdout_as_ofs}"
    yield "# few, so that the first champion is there in minutes; 50 and 20 are the defaults"
    yield f"trials = {TRIALS}"
    yield f"timeout_minutes = {TIMEOUT_MINUTES}"


def _acknowledged(seen: Seen | None) -> Iterator[str]:
    if seen is None or not (seen.honest or seen.suspicious):
        return
    yield "[training.acknowledged_auc]"
    if seen.honest:
        yield from write_comment("#", HONEST)
        yield from _list_strong(seen.honest)
    if seen.suspicious:
        yield from write_comment("#", SUSPICIOUS)
        yield from (f"# {line}" for line in _list_strong(seen.suspicious))


def _list_strong(alone: Mapping[str, float]) -> Iterator[str]:
    for name, auc in sorted(alone.items(), key=lambda pair: -pair[1]):
        yield f"{name} = {min(1.0, math.ceil(auc * 100 + 3) / 100)}"


def _scoring(seen: Seen | None) -> Iterator[str]:
    if seen is None or not seen.rates:
        return
    rate = sum(seen.rates) / len(seen.rates)
    yield "[scoring]"
    threshold = min(HALF, max(LEAST, round(2 * rate, 2)))
    means = {HALF: "half: the outcome is as likely as not", LEAST: "as low as a threshold goes"}
    says = means.get(threshold, "twice their mean")
    yield f"# {min(seen.rates):.1%} to {max(seen.rates):.1%} of the cohort had the outcome; a score is high from here on, {says}"
    yield f"threshold = {threshold}"
