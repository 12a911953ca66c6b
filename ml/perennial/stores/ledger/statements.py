"""How the ledger runs a named query and reads rows back as records."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import TypeAdapter
from sqlalchemy import CursorResult

from perennial.stores import queries
from perennial.stores.sessions import Session

Record = TypeVar("Record")
_READERS: dict[type, TypeAdapter[Any]] = {}


def execute(session: Session, name: str, /, **values: object) -> CursorResult[Any]:
    """Run the query `name` of sql/queries/ledger.sql, or `<file>.<name>` of another file there."""
    file, _, query = name.rpartition(".")
    return session.execute(queries.load(file or "ledger")[query], values)


def fetch_one(kind: type[Record], session: Session, name: str, /, **values: object) -> Record | None:
    """The first row as a record, or None; columns that the record does not know are left out."""
    row = execute(session, name, **values).mappings().first()
    return None if row is None else read_record(kind, row)


def fetch_all(kind: type[Record], session: Session, name: str, /, **values: object) -> tuple[Record, ...]:
    """Every row as a record, in the order of the query."""
    reader = reader_of(kind)
    return tuple(reader.validate_python(dict(row)) for row in execute(session, name, **values).mappings())


def read_record(kind: type[Record], values: Mapping[Any, Any]) -> Record:
    """A record from columns, or from the JSON that `perennial.records.dump_json` made of it."""
    return reader_of(kind).validate_python(dict(values))


def reader_of(kind: type[Record]) -> TypeAdapter[Record]:
    """What makes records of a kind; made once, in six milliseconds or more."""
    if kind not in _READERS:
        _READERS[kind] = TypeAdapter(kind)
    return _READERS[kind]
