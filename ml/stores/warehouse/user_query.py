"""A user's `features.sql` or `labels.sql` as a temporary view over the point-in-time views, checked before it runs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date

from psycopg2 import errors
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from ml.config import Model
from ml.errors import ConfigError, ForbiddenSource
from ml.records import Column
from ml.stores import queries
from ml.stores.sessions import Session

COMMENTS_AND_STRINGS = re.compile(r"--[^\n]*|/\*.*?\*/|('(?:[^']|'')*')|(\"[^\"]+\")", re.DOTALL)
# What tells the time, throws dice, or runs SQL from a text; the same as_of would not give the same bytes twice.
FORBIDDEN = re.compile(
    r"\b(current_date|current_time|current_timestamp|localtime|localtimestamp)\b"
    r"|\b(now|clock_timestamp|statement_timestamp|transaction_timestamp|timeofday|random|gen_random_uuid|set_config"
    r"|query_to_xml\w*|table_to_xml\w*|cursor_to_xml\w*|schema_to_xml\w*|database_to_xml\w*|pg_read_\w+|pg_sleep\w*)\s*\("
    r"|\b(pg_catalog|information_schema|pg_stats)\b"
)
MISSING_RELATION = re.compile(r'"([^"]+)"')
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
        ConfigError: it is not one query, tells the time itself, or PostgreSQL does not understand it.
    """
    statement = _prepare(file, sql, parameters)
    try:
        session.execute(text(f"create temporary view user_query as {statement}"), dict(parameters))
    except DBAPIError as error:
        raise _explain(file, error) from error
    _check_dependencies(session, file)
    rows = session.execute(queries.load("warehouse")["read_query_columns"])
    yield tuple(Column(row.name, row.type) for row in rows)
    session.exec_driver_sql("drop view pg_temp.user_query")


def _prepare(file: str, sql: str, parameters: Mapping[str, object]) -> str:
    bare = COMMENTS_AND_STRINGS.sub(lambda match: match[1] or match[2] or " ", sql).strip().removesuffix(";").rstrip()
    code = COMMENTS_AND_STRINGS.sub("''", bare).lower()
    if ";" in code:
        raise ConfigError(f"{file} holds more than one statement: write one query.")
    forbidden = FORBIDDEN.search(code)
    if forbidden:
        raise ConfigError(f"{file} uses {forbidden[0].rstrip(' (')}: a query sees its sources and :as_of, and nothing else.")
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
