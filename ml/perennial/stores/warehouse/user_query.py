"""A user's `features.sql` or `labels.sql` as a temporary view over the point-in-time views, checked before it runs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from itertools import dropwhile

from psycopg2 import errors
from sqlalchemy.exc import DBAPIError

from perennial.config import Model
from perennial.errors import ConfigError, ForbiddenSource
from perennial.records import Column
from perennial.stores import queries
from perennial.stores.sessions import Session
from perennial.stores.warehouse.lexing import Token, cut

# Words and texts that PostgreSQL reads as the time on the wall; calls are found in what it understood of the query.
CLOCK_WORD = r"(?:current_date|current_time|current_timestamp|localtime|localtimestamp)"
CLOCK_TEXT = r"'[\d:\s(),]*(?:now|today|tomorrow|yesterday)[\d:\s(),]*'"
WALL_CLOCK = re.compile(rf"\b{CLOCK_WORD}\b|{CLOCK_TEXT}")
QUOTED = re.compile(r"(?:e|u&|n)?'(?P<inside>.*)'|\$(?P<tag>\w*)\$(?P<dollars>.*)\$(?P=tag)\$", re.DOTALL)
MISSING_RELATION = re.compile(r'"([^"]+)"')
NOTHING_ELSE = "a query sees its sources and :as_of, and nothing else."


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
        session.exec_driver_sql(f"create temporary view user_query as {statement}", dict(parameters))
    except DBAPIError as error:
        raise _explain(file, error) from error
    _check_dependencies(session, file)
    _check_calls(session, file)
    rows = session.execute(queries.load("warehouse")["read_query_columns"])
    yield tuple(Column(row.name, row.type) for row in rows)
    session.exec_driver_sql("drop view pg_temp.user_query")


def _prepare(file: str, sql: str, parameters: Mapping[str, object]) -> str:
    """The one query of a file, without its comments, as the driver takes it: `%(as_of)s` for `:as_of`, and `%%` for `%`."""
    tokens = [Token("code", " ") if token.kind == "comment" else token for token in cut(sql)]
    tokens = _strip(tokens)
    if any(token == Token("code", ";") for token in tokens):
        raise ConfigError(f"{file} holds more than one statement: write one query.")
    for token in tokens:
        _check_token(file, token, parameters)
    return "".join(_write(token) for token in tokens)


def _strip(tokens: list[Token]) -> list[Token]:
    """Without white space around the query, and without the semicolon that ends it."""

    def is_space(token: Token) -> bool:
        return token.kind == "code" and token.written.isspace()

    bare = list(dropwhile(is_space, tokens))
    bare = list(dropwhile(is_space, reversed(bare)))
    if bare and bare[0] == Token("code", ";"):
        bare = list(dropwhile(is_space, bare[1:]))
    return bare[::-1]


def _check_token(file: str, token: Token, parameters: Mapping[str, object]) -> None:
    if token.kind == "parameter" and token.written not in parameters:
        raise ConfigError(
            f"{file} binds :{token.written}; there are only {', '.join(f':{name}' for name in parameters)}. A slice of an array "
            f"up to a column is written with a space: [: {token.written}]."
        )
    written = token.written.lower()
    if token.kind in ("word", "text") and re.fullmatch(CLOCK_WORD if token.kind == "word" else CLOCK_TEXT, _plain(written)):
        raise ConfigError(f"{file} uses {_plain(written)}: {NOTHING_ELSE}")


def _plain(written: str) -> str:
    """A text in plain quotes, however it was quoted: `e'now'` and `$$now$$` are read as the time as well."""
    quoted = QUOTED.fullmatch(written)
    return f"'{quoted['inside'] or quoted['dollars'] or ''}'" if quoted else written


def _write(token: Token) -> str:
    return f"%({token.written})s" if token.kind == "parameter" else token.written.replace("%", "%%")


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
    calls = [(row.relation, row.call) for row in session.execute(queries.load("warehouse")["read_unrepeatable_calls"])]
    if not calls:
        return
    view = calls[0][0]
    used = ", ".join(call for relation, call in calls if relation == view)
    if view is None:
        raise ConfigError(f"{file} uses {used}: {NOTHING_ELSE}")
    raise ConfigError(
        f"{file} reads {view}, a view that uses {used}: the same facts would give other rows tomorrow. Take it "
        "out of the view, or load what it shows into a table."
    )
