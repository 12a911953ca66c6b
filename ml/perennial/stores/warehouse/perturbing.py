"""Facts deleted, moved and copied on purpose: what the checks of a model do to its source tables, and then roll back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import text

from perennial.config import Declaration
from perennial.config.inputs import CAPTURED_AT
from perennial.stores import queries
from perennial.stores.sessions import Session
from perennial.stores.warehouse.identifiers import quote_for_text
from perennial.stores.warehouse.relations import CLOCK, DAY, GONE, INSTANT, Relation, name_history, resolve

# How a value of a type is changed (of an integer some bits: none leaves its range); a column of any other type stays as it is.
CHANGES: Mapping[str, str] = {
    "smallint": "{} # cast(77 as smallint)",
    "integer": "{} # 77777",
    "bigint": "{} # 77777",
    "real": "{} + 77777",
    "double precision": "{} + 77777",
    "numeric": "{} + 77777",
    "boolean": "not {}",
    "text": "'changed'",
    "character varying": "'changed'",
    "date": "{} - 77",
    "timestamp with time zone": "{} - interval '77 days'",
    "timestamp without time zone": "{} - interval '77 days'",
    "interval": "{} + interval '77 days'",
}


def see_photographs(declaration: Declaration) -> Declaration:
    """The model as if each captured table were one of facts, its photographs: what happened and was learned when it was seen."""
    times = {"times": "versioned", "event_at": CAPTURED_AT, "known_at": CAPTURED_AT}
    sources = {
        name: source.model_copy(update=times | {"table": name_history(name, source)}) if source.times == "captured" else source
        for name, source in declaration.model.sources.items()
    }
    return declaration.model_copy(update={"model": declaration.model.model_copy(update={"sources": sources})})


def loosen_tables(session: Session) -> None:
    """Let versions and changed copies stand beside each other: the source tables lose constraints and lengths."""
    for name in ("list_loosenings", "list_indexes"):
        for statement in list(session.execute(queries.load("checking")[name]).scalars()):
            session.exec_driver_sql(statement)


def delete_facts(
    session: Session, declaration: Declaration, *, since: datetime | None = None, learned_after: datetime | None = None
) -> None:
    """Delete from every versioned source what happened at `since` or later, or what was learned after an instant."""
    for relation in _versioned(session, declaration):
        where = f"{relation.event_at} >= :since" if since else f"{relation.known_at} > :learned_after"
        _reopen(session, relation, since)
        session.execute(
            text(f"delete from {relation.table} where {where}"),  # noqa: S608 - checked identifiers
            relation.values | ({"since": since} if since else {"learned_after": learned_after}),
        )


def _reopen(session: Session, relation: Relation, since: datetime | None) -> None:
    """As nobody knew yet that a state would end."""
    if since is not None and relation.source.valid_to:
        ends = quote_for_text(relation.source.valid_to)
        reopened = f"update {relation.table} set {ends} = null where {ends} >= :since"  # noqa: S608 - checked identifiers
        session.execute(text(reopened), {"since": since})


def find_recorded(session: Session, relation: Relation, as_of: date, clock: datetime) -> tuple[str, ...]:
    """Columns of a table without declared times that tell one all the same: their newest value is of the as_of or later.

    One with values beyond the clock plans something, and says nothing about when a row was written.
    """
    found = []
    for column, kind in relation.columns.items():
        if kind in (INSTANT, CLOCK, DAY):
            newest = f"max({quote_for_text(column)})"
            query = text(f"select {newest} >= :since and {newest} <= :until from {relation.table}")  # noqa: S608 - checked identifiers
            since, until = (_write_instant(relation, kind, instant) for instant in (relation.model.start(as_of), clock))
            if session.execute(query, {"since": since, "until": until}).scalar_one():
                found.append(column)
    return tuple(found)


def delete_recorded(session: Session, relation: Relation, columns: Sequence[str], as_of: date) -> int:
    """Delete the rows that one of these columns puts at the as_of or later; how many they were."""
    start = relation.model.start(as_of)
    values = {f"since_{place}": _write_instant(relation, relation.columns[name], start) for place, name in enumerate(columns)}
    where = " or ".join(f"{quote_for_text(name)} >= :since_{place}" for place, name in enumerate(columns))
    return int(session.execute(text(f"delete from {relation.table} where {where}"), values).rowcount)  # noqa: S608 - checked identifiers


def _write_instant(relation: Relation, kind: str, instant: datetime) -> datetime:
    """An instant as a column of a type tells it: a clock and a day without a zone."""
    zone = ZoneInfo(relation.source.zone or relation.model.timezone)
    return instant if kind == INSTANT else instant.astimezone(zone).replace(tzinfo=None)


def shuffle_facts(session: Session, declaration: Declaration, *, since: datetime) -> None:
    """Change every column of what happened at `since` or later but its key and known_at, and move it three days on."""
    for relation in _versioned(session, declaration):
        changes = {quote_for_text(column): change for column, change in _changes(relation).items()}
        event_at = quote_for_text(relation.source.happened or "")
        changes[event_at] = f"{event_at} + interval '3 days'"
        listed = ", ".join(f"{column} = {change}" for column, change in changes.items())
        session.execute(
            text(f"update {relation.table} set {listed} where {relation.event_at} >= :since"),  # noqa: S608 - checked identifiers
            relation.values | {"since": since},
        )


def copy_facts(
    session: Session,
    declaration: Declaration,
    *,
    event_at: datetime | None = None,
    known_at: datetime | None = None,
    seconds_later: int = 0,
) -> None:
    """Beside every fact put a changed copy of it that happened, or was learned, at one instant or so many seconds later.

    Where one day is both times no copy can be the newer version of a key and still in time: there the fact itself is changed.
    """
    for relation in _versioned(session, declaration):
        source = relation.source
        is_one_day = source.happened == source.learned and relation.columns[source.learned or ""] == DAY
        if is_one_day and not (event_at or seconds_later):
            _change_facts(session, relation)
            continue
        kept = {
            quote_for_text(column): quote_for_text(column) for column in (*source.key, source.happened, source.learned) if column
        }
        changed = {quote_for_text(column): change for column, change in _changes(relation).items()}
        values = {**kept, **changed}
        moved = source.happened if event_at else source.learned
        if event_at or seconds_later or source.happened != source.learned:
            values[quote_for_text(moved or "")] = _move(relation, moved, learned_in_time=not (event_at or seconds_later))
        else:  # one column is both times: a newer version, and still in time
            values[quote_for_text(moved or "")] = f"{quote_for_text(moved or '')} + interval '1 microsecond'"
        session.execute(
            text(f"insert into {relation.table} ({', '.join(values)}) select {', '.join(values.values())} from {relation.table}"),  # noqa: S608 - checked identifiers
            {"fact_zone": source.zone or declaration.model.timezone, "instant": event_at or known_at, "seconds": seconds_later},
        )


def _change_facts(session: Session, relation: Relation) -> None:
    changes = ", ".join(f"{quote_for_text(column)} = {change}" for column, change in _changes(relation).items())
    if changes:
        session.execute(text(f"update {relation.table} set {changes}"))  # noqa: S608 - checked identifiers


def _move(relation: Relation, column: str | None, *, learned_in_time: bool) -> str:
    """The instant to move a time to, in the type of its column; a day that is to be known by then must have ended by then."""
    instant = "cast(:instant as timestamptz) + make_interval(secs => :seconds)"
    kind = relation.columns[column or ""]
    if kind == DAY and learned_in_time:
        return f"cast(({instant}) at time zone :fact_zone as date) - 1"
    if kind == DAY:  # the first day that begins at the instant or later: zones may begin theirs at another hour
        return f"cast(({instant}) at time zone :fact_zone - interval '1 microsecond' as date) + 1"
    return f"({instant}) at time zone :fact_zone" if kind == CLOCK else instant


def _versioned(session: Session, declaration: Declaration) -> Iterator[Relation]:
    """Each source with two times."""
    for name, source in declaration.model.sources.items():
        if source.is_dated and source.times != "captured":
            yield resolve(session, declaration.model, name)


def _changes(relation: Relation) -> dict[str, str]:
    """The columns that are neither key nor time, each with an expression that changes it."""
    fixed = (*relation.source.key, relation.source.happened, relation.source.learned)
    kinds = {column: kind for column, kind in relation.columns.items() if column not in fixed}
    return {
        column: ("{}" if column == GONE else CHANGES.get(kind, "{}")).format(quote_for_text(column))  # who is there stays there
        for column, kind in kinds.items()
    }
