"""The named queries of `sql/queries/*.sql`: all SQL of the stores, in files, with bind parameters."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from sqlalchemy import TextClause, text

from perennial.config import PLATFORM_SQL
from perennial.errors import ConfigError

NAME_LINE = re.compile(r"^-- name: (\w+)[ \t]*\n", re.MULTILINE)


@cache
def load(name: str) -> Mapping[str, TextClause]:
    """Every query of `sql/queries/<name>.sql`, by the name in its line `-- name: ...`.

    Raises:
        ConfigError: the file is missing, a name stands twice, or a query lacks its line of purpose.
    """
    path = PLATFORM_SQL / "queries" / f"{name}.sql"
    if not path.is_file():
        raise ConfigError(f"sql/queries/{name}.sql does not exist.")
    _, *pieces = NAME_LINE.split(path.read_text(encoding="utf-8"))
    found: dict[str, TextClause] = {}
    for query, body in zip(pieces[::2], pieces[1::2], strict=True):
        if query in found:
            raise ConfigError(f"sql/queries/{name}.sql names the query {query} twice.")
        found[query] = text(_without_purpose(name, query, body))
    return MappingProxyType(found)


def _without_purpose(file: str, query: str, body: str) -> str:
    purpose, _, statement = body.partition("\n")
    if not purpose.startswith("-- ") or not statement.strip():
        raise ConfigError(f"sql/queries/{file}.sql: {query} needs one line of purpose and then its statement.")
    return statement.strip().removesuffix(";")
