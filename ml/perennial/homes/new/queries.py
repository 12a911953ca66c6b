"""features.sql and labels.sql of a first model, written for whoever will change them."""

from __future__ import annotations

from perennial.homes.new.choosing import Plan
from perennial.homes.new.classes import SeenClasses, name_nothing, render_classes
from perennial.homes.new.comments import write_comment
from perennial.homes.new.features import Feature, count_present_days, list_features
from perennial.homes.new.wishes import ABSENCE, WHOLE_NUMBERS
from perennial.stores.warehouse import relations
from perennial.tasks import find_task

INDENT = "    "
LABELS = """\
with met as (
    select distinct {entity} as entity_id
    from {source}
    where {within}{met}
)

select cohort.entity_id, (met.entity_id {happened})::integer as label
from cohort
left join met on cohort.entity_id = met.entity_id
"""

LABELS_OF_AMOUNTS = """\
with summed as (
    select {entity} as entity_id, sum({amount}::numeric) as amount
    from {source}
    where {within}
    group by {entity}
)

select cohort.entity_id, coalesce(summed.amount, 0)::{cast} as label
from cohort
left join summed on cohort.entity_id = summed.entity_id
"""


def render_features(plan: Plan) -> str:
    """One pass over the facts of the longest window, and the newest fact of each entity."""
    features = list_features(plan)
    counted = [feature for feature in features if feature.says != "newest"]
    newest = [feature for feature in features if feature.says == "newest"]
    parts = [_render_facts(plan), _render_counted(counted, count_present_days(plan))]
    if newest:
        parts.append(_render_newest(plan, newest))
    named = [f"{INDENT}counted.entity_id", *(f"{INDENT}{feature.name}" for feature in features)]
    joined = "\ninner join newest on counted.entity_id = newest.entity_id" if newest else ""
    select = "select\n" + ",\n".join(named) + "\nfrom counted" + joined
    return _head_features(plan) + "with " + ",\n\n".join(parts) + "\n\n" + select + "\n"


def _head_features(plan: Plan) -> str:
    days, source = plan.times.lookback_days, plan.source
    present = count_present_days(plan)
    who = (
        f"whose newest row of {source} is at most {present} day(s) old"
        if present
        else f"with at least one row of {source} in these days"
    )
    purpose = f"what each {plan.wish.entity} did in the last {days} days, by {plan.profile.table.written}"
    view = "what had happened before :as_of and was known by then"
    said = [
        f"Purpose: {purpose}. Drafted by `perennial new`; it is yours to change.",
        f"Grain: one row per {plan.wish.entity} {who}: the cohort.",
        f"Parameters: :as_of (date) and :timezone. `{source}` is a view that holds only {view}, and {days} days of it.",
        "Columns: entity_id, then the features. Null means that there is nothing to measure.",
    ]
    if plan.left_out:
        listed = ", ".join(f"{name} ({reason})" for name, reason in plan.left_out.items())
        said.append(f"Left out: {listed}.")
    return "".join(_comment(sentence) for sentence in said)


def _comment(sentence: str) -> str:
    return "".join(f"{line}\n" for line in write_comment("--", sentence))


def _render_facts(plan: Plan) -> str:
    entity = plan.write(plan.wish.entity)
    columns = [
        f"{entity}{plan.entity_cast} as entity_id",
        f":as_of - {_write_day(plan)} as days_ago",
        *_list_carried(plan),
    ]
    return f"facts as (\n{_list(columns)}\n    from {plan.source}\n    where {entity} is not null\n)"


def _list_carried(plan: Plan) -> list[str]:
    """The columns that later parts read: the time, what identifies a fact, the inputs."""
    names = [plan.wish.event_at, *plan.key, *(one.name for one in plan.inputs)]
    return [plan.write(name) for name in dict.fromkeys(names) if name != plan.wish.entity]


def _render_counted(features: list[Feature], present_days: int) -> str:
    """Of snapshots only who is still there: else everybody who left is foretold to be absent, for as long as windows reach."""
    columns = ["entity_id", *(f"{feature.expression} as {feature.name}" for feature in features)]
    still_there = f"\n{INDENT}having min(days_ago) <= {present_days}" if present_days else ""
    return f"counted as (\n{_list(columns)}\n    from facts\n    group by entity_id{still_there}\n)"


def _render_newest(plan: Plan, features: list[Feature]) -> str:
    """Facts of one instant are put in order by all that they say, so that the same facts give the same row."""
    columns = ["entity_id", *(f"{feature.expression} as {feature.name}" for feature in features)]
    ordered = ", ".join(f"{name} desc" for name in _list_carried(plan))
    select = _list(columns, "select distinct on (entity_id)")
    return f"newest as (\n{select}\n    from facts\n    order by entity_id, {ordered}\n)"


def _list(columns: list[str], select: str = "select") -> str:
    listed = ",\n".join(f"{INDENT}{INDENT}{column}" for column in columns)
    return f"{INDENT}{select}\n{listed}"


def render_labels(plan: Plan, seen: SeenClasses | None = None) -> str:
    """Everybody of the cohort, and whether the outcome came, how much of it, or which.

    Args:
        seen: classes that came on real days; None: all keep their names.
    """
    wish, entity = plan.wish, plan.write(plan.wish.entity)
    if wish.amount is not None:
        return _render_amounts(plan, wish.amount.written)
    if wish.classes is not None:
        return _render_classes(plan, wish.classes.written, seen)
    met = f" and ({wish.predict})" if wish.is_condition else ""
    happened = "is null" if wish.predict == ABSENCE else "is not null"
    head = _comment(
        f"Purpose: the label is 1 for each {describe_outcome(plan)}, else 0. Drafted by `perennial new`; it is yours to change."
    ) + _comment(f"Grain: one row per {wish.entity} of the cohort. `{plan.source}` holds what was known once the grace was over.")
    return head + LABELS.format(
        entity=f"{entity}{plan.entity_cast}", source=plan.source, within=_write_horizon(plan), met=met, happened=happened
    )


def leaves_out_infinite(plan: Plan) -> bool:
    """Does the column that is summed up hold what is no finite number?"""
    amount = plan.wish.amount
    if amount is None or amount.type in WHOLE_NUMBERS:
        return False
    found = plan.profile.get(amount.name)
    return found.numbers is None and found.null_share < 1


def _render_amounts(plan: Plan, amount: str) -> str:
    """Who has no row in the horizon comes to 0; a row without an amount adds nothing."""
    head = _comment(
        f"Purpose: the label is the {describe_outcome(plan)}; 0 without a row. Drafted by `perennial new`; it is yours to change."
    ) + _comment(
        f"Grain: one row per {plan.wish.entity} of the cohort. `{plan.source}` holds what was known once the grace was over. "
        "Sums are exact, so that the same rows give the same bytes; a row without an amount adds nothing"
        f"{', nor does one that is infinite or NaN' if leaves_out_infinite(plan) else ''}."
    )
    finite = f" and {amount} > '-Infinity' and {amount} < 'Infinity'" if leaves_out_infinite(plan) else ""
    entity = f"{plan.write(plan.wish.entity)}{plan.entity_cast}"
    return head + LABELS_OF_AMOUNTS.format(
        entity=entity,
        amount=amount,
        source=plan.source,
        within=_write_horizon(plan) + finite,
        cast=find_task(plan.wish.task).label_cast,
    )


def _render_classes(plan: Plan, column: str, seen: SeenClasses | None) -> str:
    """Of equal counts the first by name; a row without a value counts for none."""
    head = _comment(
        f"Purpose: the label is the {describe_outcome(plan)}; '{name_nothing(plan.source)}' without a row. Drafted by "
        "`perennial new`; it is yours to change."
    ) + _comment(
        f"Grain: one row per {plan.wish.entity} of the cohort. `{plan.source}` holds what was known once the grace was over. "
        "Of values that stand in equally many rows the first by name counts."
    )
    entity = f"{plan.write(plan.wish.entity)}{plan.entity_cast}"
    return head + render_classes(entity, column, plan.source, _write_horizon(plan), seen)


def _write_day(plan: Plan) -> str:
    """The local day of a fact."""
    column = plan.profile.get(plan.wish.event_at).column
    match column.type:
        case relations.DAY:
            return column.written
        case relations.CLOCK:
            return f"({column.written} at time zone '{plan.wish.zone}' at time zone :timezone)::date"
        case _:
            return f"({column.written} at time zone :timezone)::date"


def _write_horizon(plan: Plan) -> str:
    """The condition that a fact lies in the horizon."""
    column, last_days = plan.profile.get(plan.wish.event_at).column, _count_last_days(plan)
    if column.type == relations.DAY:
        begin = f":as_of + :horizon_days - {last_days}" if last_days else ":as_of"
        return f"{column.written} >= {begin} and {column.written} < :as_of + :horizon_days"
    zone = f" at time zone '{plan.wish.zone}'" if column.type == relations.CLOCK else ""
    begin = f":label_end - interval '{last_days} days'" if last_days else ":as_of_start"
    return f"{column.written}{zone} >= {begin} and {column.written}{zone} < :label_end"


def _count_last_days(plan: Plan) -> int:
    """Days at the end of the horizon that say whether an entity of snapshots is still there; 0: the whole horizon counts."""
    present = count_present_days(plan) if plan.wish.predict == ABSENCE else 0
    return present if present < plan.wish.days else 0


def describe_outcome(plan: Plan) -> str:
    """What a label of 1 means, what a label is the amount of, or which class it is."""
    wish, source = plan.wish, plan.source
    if wish.amount is not None:
        return f"sum of {wish.amount.written} over the rows of {source} within {wish.days} days, of each {wish.entity}"
    if wish.classes is not None:
        return f"value of {wish.classes.written} in most rows of {source} within {wish.days} days, of each {wish.entity}"
    match wish.predict:
        case "absence" if _count_last_days(plan):
            return f"{wish.entity} without a row of {source} at the end of {wish.days} days"
        case "absence":
            return f"{wish.entity} without a row of {source} within {wish.days} days"
        case "presence":
            return f"{wish.entity} with a row of {source} within {wish.days} days"
        case condition:
            return f"{wish.entity} with a row of {source} within {wish.days} days where {condition}"
