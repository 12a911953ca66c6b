"""How fast rows come to be known, on which days, and at what distance those of one entity follow each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from sqlalchemy import text

from perennial.records.profiles import RECENT_DAYS, Delay
from perennial.stores.sessions import Session
from perennial.stores.warehouse.questions import Question

OLD_HOURS, LOAD_SHARE = 7 * 24, 0.05
"""A day on which a twentieth of all rows were learned, each more than a week late, is a load in bulk."""
RHYTHM_DAYS, RHYTHM_ENTITIES = 84, 2000


def list_recent_days(
    session: Session, relation: str, instant: str, values: Mapping[str, object], *, timezone: str, today: date
) -> tuple[date, ...]:
    """The local days up to today on which an instant of a table lies, in the half year before the newest of them.

    Args:
        relation, instant: as SQL; `values` are what they bind.
    """
    query = text(f"""
        with days as (
            select cast({instant} at time zone :day_zone as date) as day from {relation} where isfinite({instant})
        )
        select distinct day from days
        where day <= :today and day >= (select max(day) from days where day <= :today) - {RECENT_DAYS} order by 1""")  # noqa: S608 - checked identifiers
    return tuple(session.execute(query, {**values, "day_zone": timezone, "today": today}).scalars())


def measure_delay(session: Session, question: Question) -> Delay | None:
    """How long rows take until they are known, loads in bulk set apart; None where no column says it."""
    if question.known_at is None or question.known_at == question.event_at:
        return None
    late = f"extract(epoch from {question.learned} - {question.happened}) / 3600"
    dated = f"{question.is_dated} and {question.learned} >= :ancient and {question.learned} < :tomorrow"
    values = {"timezone": question.timezone, **question.bounds}
    by_day = text(f"""
        select cast({question.learned} at time zone :timezone as date) as day, count(*) as rows,
            count(*) filter (where {late} > {OLD_HOURS}) as old
        from pg_temp.profiled where {dated} group by 1""")  # noqa: S608 - quoted
    rows = [(row.day, row.rows, row.old) for row in session.execute(by_day, values)]
    loaded_until, share = _find_load(rows)
    since = text(f"""
        select percentile_disc(array[0.5, 0.99]) within group (order by {late})
        from pg_temp.profiled
        where {dated} and cast({question.learned} at time zone :timezone as date) > :loaded_until""")  # noqa: S608 - quoted
    found = session.execute(since, {**values, "loaded_until": loaded_until or date.min}).scalar_one()
    usual, longest = found or (1.0, 24.0)
    return Delay(max(0, round(usual * 60)), max(0.0, float(longest)), loaded_until, share)


def _find_load(days: Sequence[tuple[date, int, int]]) -> tuple[date | None, float]:
    """The last day of a load in bulk, and the share of rows learned by it."""
    total = sum(rows for _, rows, _ in days)
    loads = [day for day, _, old in days if old > LOAD_SHARE * total]
    last = max(loads, default=None)
    return last, sum(rows for day, rows, _ in days if last and day <= last) / max(1, total)


def find_rhythm(session: Session, question: Question) -> tuple[int, float]:
    """The most frequent distance between two rows of an entity, and its share of all such gaps.

    The distance counts days on which the table has rows at all: what is photographed on workdays, or once a month, is so on
    each of its days.
    """
    query = text(f"""
        with newest as (
            select max({question.happened}) as latest from {question.relation} where {question.is_dated}
        ),
        recent as (
            select {question.who} as entity, cast({question.happened} at time zone :timezone as date) as day
            from {question.relation} cross join newest
            where {question.happened} > latest - make_interval(days => {RHYTHM_DAYS}) and {question.is_dated}
                and {question.who} is not null
        ),
        placed as (select entity, dense_rank() over (order by day) as place from recent),
        chosen as (select distinct entity from recent order by entity limit {RHYTHM_ENTITIES}),
        gaps as (
            select place - lag(place) over (partition by entity order by place) as gap from placed join chosen using (entity)
        )
        select gap, count(*) / sum(count(*)) over () as share from gaps where gap is not null
        group by gap order by 2 desc, 1 limit 1""")  # noqa: S608 - quoted
    row = session.execute(query, {"timezone": question.timezone, **question.bounds}).one_or_none()
    return (row.gap, float(row.share)) if row else (0, 0.0)


def count_rows_each(session: Session, question: Question) -> int:
    """Nine of ten entities have at most so many rows in all of history."""
    query = text(f"""
        with counted as (
            select count(*) as rows from {question.relation}
            where {question.is_dated} and {question.who} is not null group by {question.who}
        )
        select coalesce(percentile_disc(0.9) within group (order by rows), 0) from counted""")  # noqa: S608 - quoted
    most: int = session.execute(query, {"timezone": question.timezone, **question.bounds}).scalar_one()
    return most
