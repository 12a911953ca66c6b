"""A user's `features.sql` or `labels.sql` as a temporary view over the point-in-time views, checked before it runs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date

from psycopg2 import errors
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from perennial.config import Model
from perennial.errors import ConfigError, ForbiddenSource
from perennial.records import Column
from perennial.stores import queries
from perennial.stores.sessions import Session

COMMENTS_AND_STRINGS = re.compile(r"--[^\n]*|/\*.*?\*/|('(?:[^']|'')*')|(\"[^\"]+\")", re.DOTALL)
# Words and texts that PostgreSQL reads as the time on the wall; calls are found in what it understood of the query.
WALL_CLOCK = re.compile(
    r"\b(?:current_date|current_time|current_timestamp|localtime|localtimestamp)\b"
    r"|'[\d:\s(),]*(?:now|today|tomorrow|yesterday)[\d:\s(),]*'"
)
MISSING_RELATION = re.compile(r'"([^"]+)"')
NOTHING_ELSE = "a query sees its sources and :as_of, and nothing else."
ENTITY = "entity_id"


def feature_parameters(model: Model, as_of: date) -> dict[str, object]:
    """The values that `features.sql` and `labels.sql` may bind."""
    return {
        "as_of": as_of,
        "as_of_start": model.start(as_of),
        "horizon_days": model.label.horizon_days,
        "label_end": model.label_end(as_of),
        "timezone": model.timezone,
    }


@contextmanager
def open_query(session: Session, file: str, sql: str, parameters: Mapping[str, object]) -> Iterator[tuple[Column, ...]]:
    """While the block lasts, the query is the temporary view `user_query`; gives its columns in order, the entity among them.

    Raises:
        ForbiddenSource: it reads a table that is not declared, names a schema, or calls a function of one.
        ConfigError: it is not one query, tells the time itself, throws dice, or PostgreSQL does not understand it.
    """
    statement = _prepare(file, sql, parameters)
    try:
        session.execute(text(f"create temporary view user_query as {statement}"), dict(parameters))
    except DBAPIError as error:
        raise _explain(file, error) from error
    _check_dependencies(session, file)
    _check_calls(session, file)
    rows = session.execute(queries.load("warehouse")["read_query_columns"])
    yield tuple(Column(row.name, row.type) for row in rows)
    session.exec_driver_sql("drop view pg_temp.user_query")


def _prepare(file: str, sql: str, parameters: Mapping[str, object]) -> str:
    bare = COMMENTS_AND_STRINGS.sub(lambda match: match[1] or match[2] or " ", sql).strip().removesuffix(";").rstrip()
    code = COMMENTS_AND_STRINGS.sub(lambda match: match[0] if WALL_CLOCK.fullmatch(match[0].lower()) else "''", bare).lower()
    if ";" in code:
        raise ConfigError(f"{file} holds more than one statement: write one query.")
    clock = WALL_CLOCK.search(code)
    if clock:
        raise ConfigError(f"{file} uses {clock[0]}: {NOTHING_ELSE}")
    unknown = sorted(set(text(bare).compile().params) - set(parameters))
    if unknown:
        raise ConfigError(f"{file} binds :{unknown[0]}; there are only {', '.join(f':{name}' for name in parameters)}.")
    return bare


def _explain(file: str, error: DBAPIError) -> ConfigError | ForbiddenSource:
    problem = str(error.orig).strip()
    if isinstance(error.orig, errors.UndefinedTable | errors.InvalidSchemaName):
        named = MISSING_RELATION.search(problem)
        return ForbiddenSource(
            f"{file} reads {named[1] if named else 'a table'}, which is no declared source: declare it under [sources] in the "
            "model file, and name it without its schema."
        )
    if isinstance(error.orig, errors.InsufficientPrivilege):
        return ForbiddenSource(f"{file} reaches for what it may not read: {problem}")
    return ConfigError(f"{file} is not a valid query: {problem}")


def _check_dependencies(session: Session, file: str) -> None:
    foreign = session.execute(queries.load("warehouse")["read_foreign_dependencies"]).scalars().all()
    if foreign:
        raise ForbiddenSource(
            f"{file} reads {', '.join(foreign)} past the point-in-time views: name declared sources without their schema."
        )


def _check_calls(session: Session, file: str) -> None:
    calls = session.execute(queries.load("warehouse")["read_unrepeatable_calls"]).scalars().all()
    if calls:
        raise ConfigError(f"{file} uses {', '.join(calls)}: {NOTHING_ELSE}")
