"""A source as the warehouse holds it: its table, wherever it stands, its columns, and its two times as instants.

Every statement about facts reads the table and its times from here, so that a date, a clock without a zone, or history that was
loaded in bulk means the same everywhere.

Worked example (New York): of `paid_on date`, 2017-05-07 happened at 2017-05-07 04:00 UTC, its first instant; as known_at it means
2017-05-08 04:00 UTC, its end, when the day is surely known.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from perennial.config import Model, Source
from perennial.config.inputs import CAPTURED_AT
from perennial.errors import ConfigError
from perennial.stores import queries
from perennial.stores.sessions import Session, recall
from perennial.stores.warehouse.identifiers import quote, quote_for_text
from perennial.stores.warehouse.trusting import check_trusted

HISTORY, GONE = "history", "perennial_deleted"
LONGEST_NAME = 63
INSTANT, CLOCK, DAY = "timestamp with time zone", "timestamp without time zone", "date"


@dataclass(frozen=True)
class Relation:
    """One source of one model, with the columns of its table and their types, in their order."""

    model: Model
    name: str
    columns: Mapping[str, str]

    @property
    def source(self) -> Source:
        return self.model.sources[self.name]

    def __str__(self) -> str:
        """As people name its table."""
        return show_table(self.name, self.source)

    @property
    def table(self) -> str:
        """What holds its facts, as statements with SQLAlchemy's parameters write it: of a captured table, its history."""
        return self.quoted.replace(":", "\\:")

    @property
    def quoted(self) -> str:
        """The same as PostgreSQL reads it."""
        return name_history(self.name, self.source) if self.source.times == "captured" else name_table(self.name, self.source)

    @property
    def shown(self) -> list[str]:
        """The columns that a query sees."""
        return [column for column in self.columns if not (column == GONE and self.source.times == "captured")]

    @property
    def event_at(self) -> str:
        """When a fact happened, as SQL: an instant, of a day its first one."""
        return self._place(self.source.happened, "")

    @property
    def known_at(self) -> str:
        """When a fact was learned, as SQL: an instant, of a day its end; for history loaded in bulk, when it would have been."""
        learned = self._place(self.source.learned, " + 1" if self.source.known_at else "")
        if not self.source.known_from:
            return learned
        loaded_in_bulk = f"{self.event_at} + make_interval(mins => :delay_minutes)"
        return f"case when {learned} < :known_from then {loaded_in_bulk} else {learned} end"

    @property
    def values(self) -> dict[str, object]:
        """What both times bind."""
        values: dict[str, object] = {}
        if {self.columns.get(name or "") for name in name_times(self.source)} & {DAY, CLOCK}:
            values["fact_zone"] = self.source.zone or self.model.timezone
        if self.source.known_from:
            values |= {
                "known_from": self.model.start(self.source.known_from),
                "delay_minutes": self.source.typical_delay_minutes,
            }
        return values

    @property
    def has_ended(self) -> str:
        """Of a row that is the newest of its key: did it hold no longer just before `:happened_before`? A day is its last."""
        if self.source.times == "captured":
            return f'"{GONE}"'
        return f"coalesce({self._place(self.source.valid_to, ' + 1')} < :happened_before, false)"

    def pick(self, column: str) -> str:
        """A column as queries see it: without an end that lies in the future, and learned when it would have been."""
        source, quoted = self.source, quote_for_text(column)
        if column == source.valid_to:
            return f"case when {self._place(column, ' + 1')} < :happened_before then {quoted} end as {quoted}"
        told = column == source.known_at and column != source.event_at and source.known_from
        return f"{self.known_at} as {quoted}" if told else quoted

    def _place(self, column: str | None, of_a_day: str) -> str:
        """A column as an instant."""
        quoted = quote_for_text(column or "")
        kind = self.columns.get(column or "")
        if kind == DAY:
            return f"(cast({quoted}{of_a_day} as timestamp) at time zone :fact_zone)"
        return f"({quoted} at time zone :fact_zone)" if kind == CLOCK else quoted


@dataclass(frozen=True)
class Grant:
    """What somebody must be allowed, as the statement that allows it."""

    statement: str
    is_given: bool


def name_table(name: str, source: Source) -> str:
    """The quoted name of the table of a source, as PostgreSQL reads it: `"source"."orders"`."""
    return ".".join(quote(part) for part in source.locate(name))


def show_table(name: str, source: Source) -> str:
    """The table as people name it: `source.orders`, `sales.Invoices`."""
    return source.table or f"source.{name}"


def resolve(session: Session, model: Model, name: str) -> Relation:
    """Look a source up in the warehouse.

    Raises:
        ConfigError: the table does not exist or may not be read, lacks a column that the model file names, or has a time of
            another type than a timestamp or a date.
    """
    source = model.sources[name]
    if source.times == "captured":  # nothing holds its history, which whoever photographs it alters
        return _look_up(session, model, name)
    described = (source.locate(name), source.times, source.key, name_times(source), source.zone)
    found = recall(session, ("relation", model.name, name, described), lambda: _look_up(session, model, name))
    return replace(found, model=model)


def _look_up(session: Session, model: Model, name: str) -> Relation:
    source = model.sources[name]
    columns = list_columns(session, name, source)
    times = name_times(source)
    check_access(session, model, name, columns, (*source.key, *(column for column in times if column != CAPTURED_AT)))
    if source.times == "captured":
        columns = list_history(session, model, name)
    for column in times:
        _check_time(f"models/{model.name}.toml: [sources.{name}] names", source, column, columns[column])
    return Relation(model, name, columns)


def check_access(session: Session, model: Model, name: str, columns: Mapping[str, str], wanted: Sequence[str]) -> None:
    """The table of a source exists, has these columns, may be read, and runs nobody's code.

    Raises:
        ConfigError, ForbiddenSource: one of them is not so; the message says how to go on.
    """
    source = model.sources[name]
    where = f"models/{model.name}.toml: [sources.{name}] names"
    shown = show_table(name, source)
    if not columns:
        raise ConfigError(f"{where} a table {shown}, which does not exist.{_propose(session, name, source)}")
    missing = [column for column in wanted if column not in columns]
    if missing:
        raise ConfigError(f"{where} the column {missing[0]}, which {shown} lacks; found: {', '.join(columns)}.")
    missing_grants = [grant.statement for grant in list_grants(session, name, source) if not grant.is_given]
    if missing_grants:
        raise ConfigError(
            f"{where} {shown}, which this program may not read. `perennial grants {model.name}` prints what the "
            f"owner of the table must run: {' '.join(missing_grants)}"
        )
    check_trusted(session, where, name_table(name, source))


def name_times(source: Source) -> tuple[str, ...]:
    """The columns that tell the time, each once."""
    return tuple(dict.fromkeys(column for column in (source.happened, source.learned, source.valid_to) if column))


def name_history(name: str, source: Source) -> str:
    """The quoted name of the table that keeps what was captured of a table, whichever models read it."""
    return f"{HISTORY}.{quote(locate_history(name, source)[1])}"


def locate_history(name: str, source: Source) -> tuple[str, str]:
    """Schema and name of that table."""
    place = ".".join(source.locate(name))
    if len(place.encode()) > LONGEST_NAME:
        place = f"{place.encode()[:50].decode(errors='ignore')}_{hashlib.sha256(place.encode()).hexdigest()[:12]}"
    return HISTORY, place


def list_history(session: Session, model: Model, name: str) -> dict[str, str]:
    """The columns of the history of a captured table, with their types.

    Raises:
        ConfigError: nothing was captured yet.
    """
    source = model.sources[name]
    rows = session.execute(queries.load("warehouse")["read_source_columns"], {"table": name_history(name, source)})
    columns = {row.name: row.type for row in rows}
    if not columns:
        raise ConfigError(
            f"models/{model.name}.toml: nothing was captured of {show_table(name, source)} yet: run "
            f"`perennial capture {model.name}`; "
            "its history begins then."
        )
    return columns


def list_columns(session: Session, name: str, source: Source) -> dict[str, str]:
    """The columns of a table with their types, in their order, may it be read or not; none where there is no such table."""
    rows = session.execute(queries.load("warehouse")["read_table_columns"], _bind_place(name, source))
    return {row.name: row.type for row in rows}


def list_grants(session: Session, name: str, source: Source) -> tuple[Grant, ...]:
    """What the role of this session needs to read a table: a way into its schema, and to select. None where there is no table."""
    access = session.execute(queries.load("warehouse")["read_access"], _bind_place(name, source)).one_or_none()
    if access is None:
        return ()
    schema, _ = source.locate(name)
    role = quote(access.role)
    return (
        Grant(f"grant usage on schema {quote(schema)} to {role};", is_given=access.may_enter),
        Grant(f"grant select on {name_table(name, source)} to {role};", is_given=access.may_read),
    )


def _bind_place(name: str, source: Source) -> dict[str, str]:
    schema, table = source.locate(name)
    return {"schema": schema, "table": table}


def _propose(session: Session, name: str, source: Source) -> str:
    """Tables whose name differs by its schema or its capitals alone."""
    _, table = source.locate(name)
    found = session.execute(queries.load("warehouse")["find_tables_like"], {"name": table}).scalars().all()
    return f' Is it {found[0]}? Then write `table = "{found[0]}"`.' if found else ""


def _check_time(where: str, source: Source, column: str, found: str) -> None:
    if found == CLOCK and source.zone is None:
        raise ConfigError(f'{where} the column {column}, a {CLOCK}: say which clock it shows, such as `zone = "UTC"`, beside it.')
    if found not in (INSTANT, CLOCK, DAY):
        raise ConfigError(
            f"{where} the column {column}, which is of type {found}: a time is a timestamp or a date. Name another column, or a "
            "view that casts it."
        )
