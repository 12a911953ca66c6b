"""Whether a source had delivered the horizon of a day, so that an outage does not look like an outcome."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from statistics import median

from sqlalchemy import text

from perennial.config import Declaration, Model
from perennial.stores.sessions import Session
from perennial.stores.warehouse.conditions import Bounds, bound_times, window_start
from perennial.stores.warehouse.identifiers import quote_for_text
from perennial.stores.warehouse.relations import Relation, resolve

USUAL_WEEKS = 8
WEEK_DAYS = 7
INSTANT = timedelta(microseconds=1)  # the smallest step of a timestamptz


def find_undelivered(session: Session, declaration: Declaration, as_ofs: Sequence[date], clock: datetime) -> dict[date, str]:
    """For each of these days whose horizon the source of an `absence_of` label may not have delivered yet, why.

    Only facts learned by the clock of the run (and within the grace) speak. Other labels count what is there: nothing is found.
    """
    model = declaration.model
    if model.label.absence_of is None or not as_ofs:
        return {}
    days = sorted(as_ofs)
    counts = count_facts(session, resolve(session, model, model.label.absence_of), days, clock)
    found = {as_of: assess_delivery(model, as_of, counts[as_of]) for as_of in days}
    return {as_of: why for as_of, why in found.items() if why is not None}


def assess_delivery(model: Model, as_of: date, days: Mapping[date, int]) -> str | None:
    """Why the horizon of `as_of` may be incomplete, or None.

    The newest fact must lie on the last local day of the horizon or later, and each week of the horizon must hold its
    share (`min_weekly_volume`) of the median of the eight weeks before `as_of`, as far as history goes back, at least one.
    Single days may be empty: shops close on Christmas Day.

    Args:
        model: horizon and limits.
        as_of: the first day of the horizon.
        days: facts per local day, before and after `as_of`; days without facts may be left out.
    """
    source, horizon = model.label.absence_of, model.label.horizon_days
    last = as_of + timedelta(days=horizon - 1)
    newest = max(days, default=None)
    if newest is None or newest < last:
        return (
            f"{model.name}, as_of {as_of}: the newest fact of {source} is of {newest}; labels need it up to {last}."
            + _say_way_out(model)
        )
    usual = _usual_week(as_of, days)
    if not usual:
        return (
            f"{model.name}, as_of {as_of}: {source} holds no usual week before this day to measure its delivery by: labels "
            "need at least one."
        )
    for week in range(0, horizon, WEEK_DAYS):
        length = min(WEEK_DAYS, horizon - week)
        begins = as_of + timedelta(days=week)
        volume = _sum_days(days, begins, length)
        needed = model.label.min_weekly_volume * usual * length / WEEK_DAYS
        if volume < needed:
            return (
                f"{model.name}, as_of {as_of}: {source} holds {volume} facts in the {length} days from {begins}, and its usual "
                f"week {usual:.0f}: at least {needed:.0f} must be there, else an outage would look like an outcome."
                + _say_way_out(model)
            )
    return None


def _say_way_out(model: Model) -> str:
    """Where the cohort may be empty, a season may have ended."""
    if not model.entity.may_be_empty:
        return ""
    return (
        f" If a season ended, these labels stay out and nothing waits for them; to count its silence as an outcome, take "
        f"absence_of out of [label] in models/{model.name}.toml."
    )


def _usual_week(as_of: date, days: Mapping[date, int]) -> float:
    begins = [as_of - timedelta(days=WEEK_DAYS * week) for week in range(1, USUAL_WEEKS + 1)]
    first = min(days)
    volumes = [_sum_days(days, begin, WEEK_DAYS) for begin in begins if begin >= first]
    return float(median(volumes)) if volumes else 0.0


def _sum_days(days: Mapping[date, int], begins: date, length: int) -> int:
    return sum(days.get(begins + timedelta(days=offset), 0) for offset in range(length))


def count_facts(session: Session, relation: Relation, as_ofs: Sequence[date], clock: datetime) -> dict[date, dict[date, int]]:
    """For each of the as_ofs, oldest first, the facts of every local day that were known for its labels, in one pass.

    What is usual is measured over eight weeks, however far the queries look back. A version of a fact is the newest one from when
    it had happened and was known, until another that comes before it in the order of `order_facts` had and was. The as_ofs for
    which that is so are a range of them, and so are those whose window reaches back to it: versions with the same range are
    counted together.
    """
    model = relation.model
    known = [min(clock, model.matured_at(as_of)) for as_of in as_ofs]
    windows = [window_start(model, WEEK_DAYS * USUAL_WEEKS, as_of) for as_of in as_ofs]
    condition, values = bound_times(relation, Bounds(as_ofs[-1], known[-1] + INSTANT, known[-1]))
    seen_at = f"greatest({relation.event_at}, {relation.known_at})"
    key = ", ".join(map(quote_for_text, relation.source.key))
    order = f"partition by {key} order by {relation.event_at} desc, {relation.known_at} desc"
    before = f"min({seen_at}) over ({order} rows between unbounded preceding and 1 preceding)" if key else "null"
    query = f"""
        with versions as (
            select {relation.event_at} as event_at, {seen_at} as seen_at, cast({before} as timestamptz) as superseded_at
            from {relation.table} where {condition} and {relation.event_at} >= :looks_back_to
        )
        select
            cast(event_at at time zone :timezone as date) as day,
            width_bucket(seen_at - :instant, cast(:known as timestamptz[])) as first,
            least(
                width_bucket(superseded_at - :instant, cast(:known as timestamptz[])),
                width_bucket(event_at, cast(:windows as timestamptz[]))
            ) as after,
            count(*) as facts
        from versions group by 1, 2, 3"""  # noqa: S608 - checked identifiers
    values |= {"timezone": model.timezone, "instant": INSTANT, "known": known, "windows": windows, "looks_back_to": windows[0]}
    counts: dict[date, dict[date, int]] = {as_of: {} for as_of in as_ofs}
    for day, first, after, facts in session.execute(text(query), values):
        for as_of in as_ofs[first:after]:
            counts[as_of][day] = counts[as_of].get(day, 0) + facts
    return counts
