"""When facts arrive: how long after they happened, whether the day has settled by then, and whether labels still count them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from math import ceil

from sqlalchemy import text

from perennial.config import Declaration
from perennial.stores.sessions import Session
from perennial.stores.warehouse.conditions import clamp
from perennial.stores.warehouse.identifiers import quote_for_text
from perennial.stores.warehouse.incomplete import needed_columns
from perennial.stores.warehouse.pace import list_recent_days
from perennial.stores.warehouse.relations import Relation, resolve

LOOKS_BACK = timedelta(days=56)
HOUR_SECONDS, DAY_SECONDS = 3600, 86400


@dataclass(frozen=True)
class Arrivals:
    """Of the facts of one source in eight weeks and the horizon: how long each took until its first version was known.

    Attributes:
        late: known only after the day on which it happened had settled.
        outcomes, unlabelled: facts of the horizon; those of them that were learned after the grace.
        typical_hours, most_hours: the median delay, and what 95 % keep to.
        settle_hours, grace_days: what would count 95 % on their day, and the wanted share of the horizon's facts.
    """

    source: str
    facts: int
    late: int
    outcomes: int
    unlabelled: int
    typical_hours: float
    most_hours: float
    settle_hours: int
    grace_days: int

    @property
    def late_share(self) -> float:
        return self.late / self.facts if self.facts else 0.0

    @property
    def unlabelled_share(self) -> float:
        return self.unlabelled / self.outcomes if self.outcomes else 0.0


def read_newest(session: Session, declaration: Declaration) -> Mapping[str, datetime]:
    """Of each source with times the instant at which its newest fact was learned; an empty one is left out.

    Raises:
        ConfigError: a source cannot be read.
    """
    found: dict[str, datetime] = {}
    for name, source in declaration.model.sources.items():
        relation = resolve(session, declaration.model, name)
        if source.is_dated:
            query = text(f"select {clamp(f'max({relation.known_at})')} from {relation.table}")  # noqa: S608 - checked identifiers
            newest: datetime | None = session.execute(query, relation.values).scalar_one()
            if newest is not None:
                found[name] = newest
    return found


def read_recent_days(session: Session, relation: Relation, today: date) -> tuple[tuple[date, ...], tuple[date, ...]]:
    """The local days of the last half year of a source on which something happened, and those on which something was learned."""
    happened, learned = (
        list_recent_days(session, relation.table, instant, relation.values, timezone=relation.model.timezone, today=today)
        for instant in (relation.event_at, relation.known_at)
    )
    return happened, learned


def measure_arrivals(session: Session, relation: Relation, as_of: date) -> Arrivals | None:
    """How the facts around a matured as_of arrived; None without facts, or where one time serves as both."""
    model, source = relation.model, relation.source
    if not source.is_dated or source.happened == source.learned:
        return None
    values = {
        "begins": model.start(as_of) - LOOKS_BACK,
        "as_of_start": model.start(as_of),
        "label_end": model.label_end(as_of),
        "matured_at": model.matured_at(as_of),
        "settle_hours": model.schedule.settle_hours,
        "zone": model.timezone,
        "labelled_share": 1 - model.quality.max_quarantined_share,
    }
    row = session.execute(text(_write_query(relation)), values | relation.values).one()
    if not row.facts:
        return None
    return Arrivals(
        source=relation.name,
        facts=row.facts,
        late=row.late,
        outcomes=row.outcomes,
        unlabelled=row.unlabelled,
        typical_hours=row.typical / HOUR_SECONDS,
        most_hours=row.most / HOUR_SECONDS,
        settle_hours=max(0, ceil(row.settles / HOUR_SECONDS)),
        grace_days=max(0, ceil((row.grace or 0) / DAY_SECONDS)),
    )


def _write_query(relation: Relation) -> str:
    """One pass over the first version of each fact; delays are in seconds."""
    needed = [f"{quote_for_text(column)} is not null" for column in needed_columns(relation.source)]
    complete = " and ".join([*needed, f"isfinite({relation.known_at})"])
    first = ("min", ", ".join(map(quote_for_text, relation.source.key))) if relation.source.key else ("", "")
    grouped = f"group by {first[1]}" if first[1] else ""
    settled = "((date_trunc('day', event_at at time zone :zone) + interval '1 day') at time zone :zone)"
    return f"""
        with facts as (
            select {first[0]}({relation.event_at}) as event_at, {first[0]}({relation.known_at}) as known_at
            from {relation.table}
            where {complete} and {relation.event_at} >= :begins and {relation.event_at} < :label_end {grouped}
        ),
        delays as (
            select *, extract(epoch from known_at - event_at) as delay, extract(epoch from known_at - {settled}) as settles,
                extract(epoch from known_at - :label_end) as grace, event_at >= :as_of_start as is_outcome
            from facts
        )
        select
            count(*) as facts,
            count(*) filter (where settles > :settle_hours * {HOUR_SECONDS}) as late,
            count(*) filter (where is_outcome) as outcomes,
            count(*) filter (where is_outcome and known_at > :matured_at) as unlabelled,
            cast(percentile_disc(0.5) within group (order by delay) as double precision) as typical,
            cast(percentile_disc(0.95) within group (order by delay) as double precision) as most,
            cast(percentile_disc(0.95) within group (order by settles) as double precision) as settles,
            cast(
                percentile_disc(:labelled_share) within group (order by grace) filter (where is_outcome) as double precision
            ) as grace
        from delays"""  # noqa: S608 - checked identifiers
