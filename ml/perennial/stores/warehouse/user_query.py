"""A user's `features.sql` or `labels.sql` as a temporary view over the point-in-time views, checked before it runs."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from functools import lru_cache
from itertools import dropwhile

from psycopg2 import errors
from sqlalchemy.exc import DBAPIError

from perennial.config import Model
from perennial.errors import ConfigError, ForbiddenSource
from perennial.records import Column
from perennial.stores import queries
from perennial.stores.sessions import Session
from perennial.stores.warehouse.judging import find_doubts
from perennial.stores.warehouse.lexing import Token, cut
from perennial.stores.warehouse.ordering import take_in_order

CLOCK_WORD = re.compile(r"current_date|current_time|current_timestamp|localtime|localtimestamp", re.IGNORECASE)
MISSING_RELATION = re.compile(r'"([^"]+)"')
CREATE, REPLACE = "create temporary view", "create or replace temporary view"
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
    try:
        session.exec_driver_sql(define_query(file, sql, parameters), dict(parameters))
    except DBAPIError as error:
        raise _explain(file, error) from error
    check_dependencies(session, file)
    _check_repeatable(session, file, _join_texts(_prepare(file, sql, tuple(parameters))))
    rows = session.execute(queries.load("warehouse")["read_query_columns"])
    with take_in_order(session):
        yield tuple(Column(row.name, row.type) for row in rows)
    session.exec_driver_sql("drop view pg_temp.user_query")


def define_query(file: str, sql: str, parameters: Mapping[str, object], *, verb: str = CREATE) -> str:
    """What makes the query the temporary view `user_query`, or gives it other parameters, as the driver takes it."""
    return f"{verb} user_query as {''.join(map(_write, _prepare(file, sql, tuple(parameters))))}"


def check_dependencies(session: Session, file: str) -> None:
    """Refuse the open query where PostgreSQL says that it reaches for more than the temporary views.

    Raises:
        ForbiddenSource: names what.
    """
    foreign = session.execute(queries.load("warehouse")["read_foreign_dependencies"]).scalars().all()
    if foreign:
        raise ForbiddenSource(
            f"{file} reads {', '.join(foreign)} past the point-in-time views: name declared sources without their schema."
        )


@lru_cache(maxsize=64)
def _prepare(file: str, sql: str, parameters: tuple[str, ...]) -> tuple[Token, ...]:
    """The tokens of the one query of a file, without its comments; kept, because each day of a model asks for the same ones."""
    space, end = Token("code", " "), Token("code", ";")
    tokens = _strip([space if token.kind == "comment" else token for token in cut(sql)])
    if end in tokens:
        raise ConfigError(f"{file} holds more than one statement: write one query.")
    for token in tokens:
        _check_token(file, token, parameters)
    return tuple(tokens)


def _strip(tokens: list[Token]) -> list[Token]:
    """Without white space around the query, and without the semicolon that ends it."""

    def is_space(token: Token) -> bool:
        return token.kind == "code" and token.written.isspace()

    bare = list(dropwhile(is_space, tokens))
    bare = list(dropwhile(is_space, reversed(bare)))
    if bare and bare[0] == Token("code", ";"):
        bare = list(dropwhile(is_space, bare[1:]))
    return bare[::-1]


def _check_token(file: str, token: Token, parameters: Collection[str]) -> None:
    if token.kind == "parameter" and token.written not in parameters:
        raise ConfigError(
            f"{file} binds :{token.written}; there are only {', '.join(f':{name}' for name in parameters)}. A slice of an array "
            f"up to a column is written with a space: [: {token.written}]."
        )
    if token.kind == "word" and token.written.lower() == "uescape":
        raise ConfigError(f"{file} uses uescape: write texts and names in plain quotes.")
    if token.kind == "word" and CLOCK_WORD.fullmatch(token.written):
        raise ConfigError(f"{file} uses {token.written.lower()}: {NOTHING_ELSE}")


def _join_texts(tokens: Iterable[Token]) -> list[str]:
    """The quoted texts; those that only white space stands between are one to PostgreSQL, where that holds the end of a line."""
    texts: list[str] = []
    is_open = False
    for token in tokens:
        if token.kind == "text":
            texts = [*texts[:-1], texts[-1] + token.written] if is_open else [*texts, token.written]
            is_open = True
        elif not token.written.isspace():
            is_open = False
        elif is_open:
            texts[-1] += token.written
    return [text.strip() for text in texts]


def _write(token: Token) -> str:
    """As the driver takes it: `%(as_of)s` for `:as_of`, and `%%` for `%`."""
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


def _check_repeatable(session: Session, file: str, texts: list[str]) -> None:
    doubts = find_doubts(session, texts)
    if not doubts:
        return
    view = doubts[0].relation
    mine = [doubt for doubt in doubts if doubt.relation == view]
    used = ", ".join(doubt.used for doubt in mine)
    if view is None:
        raise ConfigError(f"{file} uses {used}: {mine[0].remedy or NOTHING_ELSE}")
    raise ConfigError(
        f"{file} reads {view}, a view that uses {used}: the same facts would give other rows tomorrow. Take it "
        "out of the view, or load what it shows into a table."
    )
