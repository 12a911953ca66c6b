"""The three suites of a first model: limits that the data gave, with a margin, and a note that says what was seen."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from perennial.homes.new.choosing import Input, Plan
from perennial.homes.new.classes import SeenClasses
from perennial.homes.new.features import Feature, count_present_days, list_features
from perennial.homes.new.measuring import Seen, SeenFeature
from perennial.homes.new.model_file import say_range, say_weeks
from perennial.records import write_amount
from perennial.records.profiles import SeenAmounts

Rule: TypeAlias = dict[str, object]

BETWEEN = "expect_column_values_to_be_between"
MOSTLY, MOSTLY_KNOWN_VALUES = 0.99, 0.95
MOST_WATCHED = 6
"""So many features of values get limits; more would say the same again."""


def render_suites(plan: Plan, seen: Seen | None) -> dict[str, str]:
    """File name -> JSON in the form of Great Expectations."""
    notes = {
        "source": "What must hold of the table, as it was known at the as_of, before a snapshot is built of it.",
        "snapshot": "What must hold of a snapshot before it trains or is scored.",
        "scores": "What must hold of the scores of one day before they are live. They are published whole or not at all.",
    }
    rules = {"source": _watch_source(plan), "snapshot": _watch_snapshot(plan, seen), "scores": _watch_scores(plan, seen)}
    return {f"{which}.json": _render(f"{plan.wish.name}.{which}", list(rules[which]), notes[which]) for which in rules}


def _render(name: str, rules: Sequence[Rule], notes: str) -> str:
    document = {"name": name, "expectations": rules, "meta": {}, "notes": f"{notes} Drafted by `perennial new`: yours to change."}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _rule(kind: str, note: str, *, meta: Rule | None = None, **kwargs: object) -> Rule:
    return {"type": kind, "kwargs": kwargs, "meta": {"note": note, **(meta or {})}}


# source.json
def _watch_source(plan: Plan) -> Iterator[Rule]:
    weekly, lookback = plan.times.weekly, plan.times.lookback_days
    if weekly:
        yield _rule(
            "expect_table_row_count_to_be_between",
            f"{say_weeks(weekly)} brought {say_range(weekly)} a week.",
            meta={"table": plan.source, "days": 7},
            min_value=min(weekly) // 2,
            max_value=max(weekly) * 3,
        )
    longest = plan.delivery.longest_silence
    silence = max(2, 2 * longest)
    yield _rule(
        "expect_column_min_to_be_between",
        f"The newest row is less than {silence} days old; the longest silence of half a year was {longest}.",
        meta={"table": plan.source},
        column="age_days",
        min_value=0,
        max_value=silence,
    )
    meta = {"table": plan.source, "days": lookback}
    yield _watch_nulls(plan.profile.get(plan.wish.entity).null_share, plan.wish.entity, meta)
    for one in plan.inputs:
        yield _watch_nulls(one.profile.null_share, one.name, meta)
    yield from (rule for one in plan.numbers for rule in _watch_numbers(one, plan.profile.looked_at, meta))
    yield from (_watch_values(one, meta) for one in plan.categories)


def _watch_nulls(share: float, column: str, meta: Rule) -> Rule:
    return _rule(
        "expect_column_values_to_not_be_null",
        f"{share:.1%} of the rows had none." if share else "Every row had one.",
        meta=meta,
        column=column,
        mostly=round(max(0.0, 1 - 2 * share - 0.01), 3),
    )


def _watch_numbers(one: Input, rows: int, meta: Rule) -> Iterator[Rule]:
    found = one.profile.numbers
    if found is None:
        return
    low, high = widen(found.low, found.high)
    yield _rule(
        BETWEEN,
        f"Of {rows:,} rows 998 in 1,000 lay {_say_between(found.low, found.high)}; all {_say_between(found.least, found.most)}.",
        meta=meta,
        column=one.name,
        min_value=low,
        max_value=high,
        mostly=MOSTLY,
    )


def _watch_values(one: Input, meta: Rule) -> Rule:
    return _rule(
        "expect_column_values_to_be_in_set",
        f"There were {len(one.profile.values)} values; a new one in more than a twentieth of the rows is news.",
        meta=meta,
        column=one.name,
        value_set=list(one.profile.values),
        mostly=MOSTLY_KNOWN_VALUES,
    )


def _say_between(low: float, high: float) -> str:
    return f"between {write_amount(low)} and {write_amount(high)}"


def widen(low: float, high: float) -> tuple[float, float]:
    """Limits with as much room on each side as what was seen spans; what is never negative stays so."""
    span = max(high - low, abs(high), abs(low), 1e-6)
    return (0.0 if low >= 0 else _round(low - span, math.floor)), _round(high + span, math.ceil)


def _round(number: float, to_whole: object) -> float:
    """Two digits that count, away from what was seen."""
    if number == 0:
        return 0.0
    scale = 10.0 ** (math.floor(math.log10(abs(number))) - 1)
    whole = math.floor(number / scale) if to_whole is math.floor else math.ceil(number / scale)
    return float(f"{whole * scale:.12g}")


# snapshot.json
def _watch_snapshot(plan: Plan, seen: Seen | None) -> Iterator[Rule]:
    days = count_present_days(plan) or plan.times.lookback_days
    if seen and seen.rows:
        yield _rule(
            "expect_table_row_count_to_be_between",
            f"On {len(seen.days)} days between {seen.days[0]} and {seen.days[-1]} the cohort held {say_range(seen.rows)}.",
            min_value=max(1, min(seen.rows) // 2),
            max_value=max(seen.rows) * 3,
        )
    yield _rule("expect_column_values_to_be_unique", f"A {plan.wish.entity} stands once.", column="entity_id")
    yield _rule(
        BETWEEN,
        f"Whoever is in the cohort has a row within {days} days.",
        meta={"action": "quarantine"},
        column="recency_days",
        min_value=1,
        max_value=days,
    )
    if seen is None:
        return
    features = list_features(plan)
    counts = [one for one in features if one.says == "times" and one.name != "recency_days"]
    values = [one for one in features if one.says == "values"][:MOST_WATCHED]
    yield from (rule for one in (*counts, *values) for rule in _watch_feature(one, seen.features[one.name]))


def _watch_feature(one: Feature, found: SeenFeature) -> Iterator[Rule]:
    if found.low is None or found.high is None or found.means is None:
        return
    low, high = widen(found.low, found.high)
    yield _rule(
        BETWEEN,
        f"998 in 1,000 lay {_say_between(found.low, found.high)}.",
        column=one.name,
        min_value=low,
        max_value=high,
        mostly=MOSTLY,
    )
    least, most = found.means
    if least > 0:
        yield _rule(
            "expect_column_mean_to_be_between",
            f"The mean of a day lay {_say_between(least, most)}; half or twice that is a broken feed.",
            column=one.name,
            min_value=_round(least / 2, math.floor),
            max_value=_round(most * 2, math.ceil),
        )


# scores.json
def _watch_amounts(found: SeenAmounts) -> Iterator[Rule]:
    """Scores may lie outside of what came, for a fit extends it: by as much again."""
    span = found.most - found.least
    note = f"Of the amounts that came the least was {write_amount(found.least)} and the largest {write_amount(found.most)}."
    yield _rule(
        BETWEEN,
        note,
        column="score",
        min_value=_round(found.least - span, math.floor),
        max_value=_round(found.most + span, math.ceil),
    )
    least, most = found.means
    if least > 0:
        yield _rule(
            "expect_column_mean_to_be_between",
            f"The mean of a day lay {_say_between(least, most)}; a mean score far from that is a broken feed.",
            column="score",
            min_value=_round(least / 2, math.floor),
            max_value=_round(most * 2, math.ceil),
        )


def _watch_classes(found: SeenClasses) -> Iterator[Rule]:
    yield _rule(
        BETWEEN,
        f"The likeliest of {len(found.named)} classes has at least its share.",
        column="score",
        min_value=_round(1 / len(found.named), math.floor),
        max_value=1,
    )
    yield _rule(
        "expect_column_values_to_be_in_set",
        "These came; another one for more than a twentieth is news.",
        column="class",
        value_set=list(found.named),
        mostly=MOSTLY_KNOWN_VALUES,
    )


def _watch_scores(plan: Plan, seen: Seen | None) -> Iterator[Rule]:
    yield _rule("expect_column_values_to_be_unique", "Everybody has one score.", column="entity_id")
    yield _rule("expect_column_values_to_not_be_null", "Everybody has a score.", column="score")
    if seen is not None and seen.classes is not None:
        yield from _watch_classes(seen.classes)
    elif seen is not None and seen.amounts is not None:
        yield from _watch_amounts(seen.amounts)
    elif not plan.wish.terms.has_amounts:
        yield _rule(BETWEEN, "A score is a probability.", column="score", min_value=0, max_value=1)
    if seen and seen.rates:
        least, most = min(seen.rates), max(seen.rates)
        yield _rule(
            "expect_column_mean_to_be_between",
            f"{least:.1%} to {most:.1%} of the cohort had the outcome; a mean score far from that is a broken calibration.",
            column="score",
            min_value=round(least / 2, 4),
            max_value=round(min(most * 2, (1 + most) / 2), 4),
        )
