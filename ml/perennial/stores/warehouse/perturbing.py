"""Facts deleted, moved and copied on purpose: what the checks of a model do to its source tables, and then roll back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from sqlalchemy import text

from perennial.config import Declaration, Source
from perennial.stores import queries
from perennial.stores.sessions import Session
from perennial.stores.warehouse.identifiers import quote_for_text

# How a value of a type is changed; a column of any other type stays as it is.
CHANGES: Mapping[str, str] = {
    "smallint": "{} + 77",
    "integer": "{} + 77777",
    "bigint": "{} + 77777",
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


def list_source_columns(session: Session, name: str) -> dict[str, str]:
    """The columns of a source table with their types, in their order; none where there is no such table."""
    rows = session.execute(queries.load("warehouse")["read_source_columns"], {"table": f'source."{name}"'})
    return {row.name: row.type for row in rows}


def loosen_tables(session: Session) -> None:
    """Let versions and changed copies stand beside each other: the source tables lose constraints and lengths."""
    for name in ("list_loosenings", "list_indexes"):
        for statement in list(session.execute(queries.load("checking")[name]).scalars()):
            session.exec_driver_sql(statement)


def delete_facts(
    session: Session, declaration: Declaration, *, since: datetime | None = None, learned_after: datetime | None = None
) -> None:
    """Delete from every versioned source what happened at `since` or later, or what was learned after an instant."""
    for name, _, event_at, known_at in _versioned(declaration):
        where = f'"{event_at}" >= :since' if since else f'"{known_at}" > :learned_after'
        session.execute(
            text(f'delete from source."{name}" where {where}'),  # noqa: S608 - checked identifiers
            {"since": since} if since else {"learned_after": learned_after},
        )


def shuffle_facts(session: Session, declaration: Declaration, *, since: datetime) -> None:
    """Change every column of what happened at `since` or later but its key and known_at, and move it three days on."""
    for name, source, event_at, _ in _versioned(declaration):
        changes = {quote_for_text(column): change for column, change in _changes(session, name, source).items()}
        changes[f'"{event_at}"'] = f"\"{event_at}\" + interval '3 days'"
        listed = ", ".join(f"{column} = {change}" for column, change in changes.items())
        session.execute(
            text(f'update source."{name}" set {listed} where "{event_at}" >= :since'),  # noqa: S608 - checked identifiers
            {"since": since},
        )


def copy_facts(
    session: Session,
    declaration: Declaration,
    *,
    event_at: datetime | None = None,
    known_at: datetime | None = None,
    seconds_later: int = 0,
) -> None:
    """Beside every fact put a changed copy of it that happened, or was learned, at one instant or so many seconds later."""
    for name, source, event_column, known_column in _versioned(declaration):
        kept = {f'"{column}"': f'"{column}"' for column in (*source.key, event_column, known_column)}
        changed = {quote_for_text(column): change for column, change in _changes(session, name, source).items()}
        moved = f"cast(:instant as timestamptz) + interval '{seconds_later} seconds'"
        values = {**kept, **changed, f'"{event_column if event_at else known_column}"': moved}
        session.execute(
            text(f'insert into source."{name}" ({", ".join(values)}) select {", ".join(values.values())} from source."{name}"'),  # noqa: S608 - checked identifiers
            {"instant": event_at or known_at},
        )


def _versioned(declaration: Declaration) -> Iterator[tuple[str, Source, str, str]]:
    """Each source with two times: its name, itself, and the columns of both."""
    for name, source in declaration.model.sources.items():
        if source.event_at and source.known_at:
            yield name, source, source.event_at, source.known_at


def _changes(session: Session, name: str, source: Source) -> dict[str, str]:
    """The columns that are neither key nor time, each with an expression that changes it."""
    fixed = (*source.key, source.event_at, source.known_at)
    columns = list_source_columns(session, name).items()
    return {column: CHANGES.get(kind, "{}").format(quote_for_text(column)) for column, kind in columns if column not in fixed}
