"""Where the history of a source begins: at a declared day, or where facts begin to be delivered continuously.

One fact of 1970 is no history: a few instants before a long silence are outliers, which are named and begin nothing.

Worked example: visits since 2025-01-06, and one of 1970-01-01 whose clock had stopped. A window of 56 days that begins on
2024-11-18 lies after the oldest fact and before all others: the day is refused, and 1970-01-01 is named.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import text

from perennial.config import Declaration
from perennial.errors import EmptySource, HistoryTooShort
from perennial.stores.sessions import Session
from perennial.stores.warehouse.conditions import Bounds, bound_times, clamp, window_start
from perennial.stores.warehouse.relations import Relation, resolve

SILENCE = timedelta(days=180)
"""Longer than a season without customers; a gap this long and longer than the window is where history may begin."""
OLDEST_INSTANTS = 1000
MOST_OUTLIERS = 0.01
"""Of the oldest instants at most this share, or one, are outliers: what comes before a silence in earnest is history."""
BEFORE_ALL_HISTORY = datetime(1900, 1, 1, tzinfo=UTC)
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Facts:
    """The facts of a source that count, by a condition and the values that it binds."""

    relation: Relation
    condition: str
    values: Mapping[str, object]

    @property
    def event_at(self) -> str:
        return self.relation.event_at

    @property
    def counted(self) -> str:
        """What follows `from`."""
        return f"{self.relation.table} where {self.condition}"

    @property
    def silence(self) -> timedelta:
        return max(SILENCE, timedelta(days=self.relation.source.lookback_days or 0))

    def __str__(self) -> str:
        return str(self.relation)


@dataclass(frozen=True)
class Beginning:
    """The first instant of history, and how the outliers before it are written."""

    first: datetime
    outliers: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.first}" + (f" (but for outliers: {', '.join(self.outliers)})" if self.outliers else "")


def check_first_fact(session: Session, relation: Relation, bounds: Bounds) -> None:
    """Refuse a day whose windows begin before history does.

    Only of what was known: history that is loaded later must not turn a day that was refused into one that is accepted.

    Raises:
        HistoryTooShort: names the source, where its history begins, and the outliers before it.
    """
    model, name, source = relation.model, relation.name, relation.source
    if not source.lookback_days or not source.is_dated:
        return
    begins = window_start(model, source.lookback_days, bounds.as_of)
    which = f"{model.name}, as_of {bounds.as_of}: windows of {source.lookback_days} days begin at {begins}"
    if source.history_from is not None:
        if begins < model.start(source.history_from):
            raise HistoryTooShort(
                f"{which}, and the history of {relation} on {source.history_from}, as history_from under [sources.{name}] "
                "says. Begin later."
            )
        return
    found = _find_beginning(session, Facts(relation, *bound_times(relation, bounds)), begins)
    if found is not None and begins < found.first:
        raise HistoryTooShort(
            f"{which}, but the first fact of {relation} that was known by {bounds.known_until} is of {found}: they would "
            f"count too little. Begin later; or load older history, with known_from under [sources.{name}] for what was known at "
            "its time."
        )


def _find_beginning(session: Session, facts: Facts, begins: datetime) -> Beginning | None:
    """Where history begins, as far as a window that begins at an instant wants to know; None without any fact."""
    oldest = clamp(f"min({facts.event_at})")
    first: datetime | None = session.execute(text(f"select {oldest} from {facts.counted}"), facts.values).scalar_one()  # noqa: S608 - checked identifiers
    if first is None or begins < first:
        return None if first is None else Beginning(first)
    near = f"{facts.event_at} >= :silence_before and {facts.event_at} <= :begins"
    query = text(f"select exists (select from {facts.counted} and {near})")  # noqa: S608 - checked identifiers
    if session.execute(query, {**facts.values, "silence_before": begins - facts.silence, "begins": begins}).scalar_one():
        return _warn(facts, Beginning(first))
    return _warn(facts, _pass_outliers(session, facts))


def _warn(facts: Facts, found: Beginning | None) -> Beginning | None:
    """Name what cannot be true, though the day may be built without it."""
    if found is not None and (found.outliers or found.first < BEFORE_ALL_HISTORY):
        written = ", ".join(found.outliers) or f"before {BEFORE_ALL_HISTORY.year}"
        log.warning("%s: facts whose %s is %s begin no history: correct them", facts, facts.relation.source.happened, written)
    return found


def _pass_outliers(session: Session, facts: Facts) -> Beginning | None:
    """The first fact after the last long silence before which only outliers lie; None without any fact."""
    query = text(f"""
        select cast(instant as text) as written, {clamp("instant")} as instant
        from (select distinct {facts.event_at} as instant from {facts.counted} order by 1 limit {OLDEST_INSTANTS}) as oldest
        order by oldest.instant""")  # noqa: S608 - checked identifiers
    rows = [(row.instant, row.written) for row in session.execute(query, facts.values)]
    if not rows:
        return None
    most = max(1, int(MOST_OUTLIERS * len(rows)))
    silences = [place for place in range(1, min(most + 1, len(rows))) if rows[place][0] - rows[place - 1][0] > facts.silence]
    begin = max(silences, default=0)
    return Beginning(rows[begin][0], tuple(written for _, written in rows[:begin]))


def first_covered_day(session: Session, declaration: Declaration) -> date:
    """The first day whose windows all lie within the history that was known by then; no source without a window is empty there.

    Raises:
        EmptySource: a source holds nothing.
    """
    model = declaration.model
    dated = [name for name, source in model.sources.items() if source.is_dated]
    firsts = [_read_first_covered_day(session, resolve(session, model, name)) for name in dated]
    return max(firsts, default=date.min)


def _read_first_covered_day(session: Session, relation: Relation) -> date:
    """Of each fact, the first day whose window begins at it or later, and which knew it; of these the earliest.

    Without a window, the day after the first fact: it counts from then on.
    """
    model, source = relation.model, relation.source
    event_at = clamp(relation.event_at)
    window = f"({event_at} at time zone :zone) + make_interval(days => :lookback_days)"
    known = f"({clamp(relation.known_at)} - make_interval(hours => :settle_hours)) at time zone :zone"
    begins = _read_beginning(session, relation)
    condition = f"{relation.event_at} >= :history_begins and {relation.known_at} is not null"
    query = text(f"select min(greatest({window}, {known})) from {relation.table} where {condition}")  # noqa: S608 - checked identifiers
    values = {
        "zone": model.timezone,
        "lookback_days": source.lookback_days or 0,
        "settle_hours": model.schedule.settle_hours,
        "history_begins": begins,
    }
    covered: datetime | None = session.execute(query, values | relation.values).scalar_one()
    if covered is None:
        raise EmptySource(f"{model.name}: {relation} holds no fact: load the table first.")
    is_covered = covered.time() == time() and source.lookback_days
    return covered.date() if is_covered else covered.date() + timedelta(days=1)


def _read_beginning(session: Session, relation: Relation) -> datetime:
    """Where history begins by all that is known today."""
    model, source = relation.model, relation.source
    if source.history_from is not None:
        return model.start(source.history_from)
    facts = Facts(relation, f"{relation.event_at} is not null", relation.values)
    found = _warn(facts, _pass_outliers(session, facts))
    if found is None:
        raise EmptySource(f"{model.name}: {facts} holds no fact: load the table first.")
    return found.first
