"""Which rows of a source are facts of a day: bounds as SQL conditions, with the values that they bind."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from perennial.config import Model
from perennial.stores.warehouse.identifiers import quote_for_text
from perennial.stores.warehouse.relations import Relation


@dataclass(frozen=True)
class Bounds:
    """Facts count when event_at < happened_before and known_at <= known_until; windows look back from `as_of`."""

    as_of: date
    happened_before: datetime
    known_until: datetime


def feature_bounds(model: Model, as_of: date) -> Bounds:
    """What a snapshot may see."""
    return Bounds(as_of, model.start(as_of), model.known_until(as_of))


def label_bounds(model: Model, as_of: date) -> Bounds:
    """What labels may see: facts up to the end of the horizon, learned within the grace."""
    return Bounds(as_of, model.label_end(as_of), model.matured_at(as_of))


def bound_facts(relation: Relation, bounds: Bounds) -> tuple[str, dict[str, object]]:
    """The condition on rows of the source table, with the values that it binds."""
    source = relation.source
    if not source.is_dated:
        return "true", {}
    condition, values = bound_times(relation, bounds)
    if source.lookback_days:
        condition += f" and {relation.event_at} >= :looks_back_to"
        values["looks_back_to"] = window_start(relation.model, source.lookback_days, bounds.as_of)
    return condition, values


def bound_times(relation: Relation, bounds: Bounds) -> tuple[str, dict[str, object]]:
    """The same without the window: whatever had happened and was known, however old."""
    placed = "".join(f" and {quote_for_text(column)} is not null" for column in relation.source.key)
    condition = f"{relation.event_at} < :happened_before and {relation.known_at} <= :known_until{placed}"
    values = {"happened_before": bounds.happened_before, "known_until": bounds.known_until}
    return condition, values | relation.values


def clamp(instant: str) -> str:
    """An instant as SQL that a datetime can hold: PostgreSQL knows years before Christ, and both infinities."""
    inside = f"greatest(least({instant}, timestamptz '9999-12-30 UTC'), timestamptz '0001-01-02 UTC')"
    return f"case when {instant} is not null then {inside} end"  # both functions pass over a null


def window_start(model: Model, lookback_days: int, as_of: date) -> datetime:
    """The instant at which a window of so many local days before the as_of begins."""
    return model.start(date.fromordinal(as_of.toordinal() - lookback_days))
