"""`perennial capture`: photographs of tables that are updated in place, kept as an append-only history in the schema `history`.

A table without history cannot say what it held last week. From the first photograph on it can: each adds the rows that are new or
changed since the one before, and marks those that are gone. What a photograph shows happened, as far as anybody can tell, when it
was taken.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text

from perennial.config import Declaration, Model, Source
from perennial.config.inputs import CAPTURED_AT
from perennial.errors import ColumnContractBroken, ConfigError, EmptySource, GrainViolated
from perennial.stores import queries
from perennial.stores.sessions import Session, run_script, take_lock
from perennial.stores.warehouse.identifiers import quote, quote_for_text
from perennial.stores.warehouse.relations import GONE, check_access, list_columns, name_history, name_table, show_table


@dataclass(frozen=True)
class Capture:
    """One photograph of one table: rows that are new, changed or gone since the one before."""

    source: str
    new: int
    changed: int
    gone: int

    def __str__(self) -> str:
        return f"{self.source}: {self.new} new, {self.changed} changed, {self.gone} gone"


def capture_sources(session: Session, declaration: Declaration, at: datetime) -> tuple[Capture, ...]:
    """Photograph every source of a model with `times = "captured"`; of two at once the second waits and finds nothing new.

    Args:
        at: the instant of the photograph; one that is not later than the newest photograph adds nothing.

    Raises:
        ConfigError: a table does not exist, may not be read, or lacks a column of its key.
        GrainViolated: a key is null or stands twice.
        EmptySource: a table is empty that was not: somebody is loading it anew, or has lost it.
        ColumnContractBroken: a column was retyped.
    """
    model = declaration.model
    return tuple(_capture(session, model, name, source, at) for name, source in list_captured(model).items())


def list_captured(model: Model) -> dict[str, Source]:
    """The sources of a model whose tables are photographed."""
    return {name: source for name, source in model.sources.items() if source.times == "captured"}


def sync_histories(session: Session, declaration: Declaration) -> tuple[str, ...]:
    """Make the history of every captured table that has none, and add new columns; a sentence for each change."""
    model = declaration.model
    return tuple(change for name, source in list_captured(model).items() for change in sync_history(session, model, name, source))


def describe_captures(session: Session, model: Model) -> dict[str, dict[str, object]]:
    """Of each captured source since when its history is known: what the ledger keeps beside a snapshot."""
    described: dict[str, dict[str, object]] = {}
    for name, source in list_captured(model).items():
        history = name_history(name, source).replace(":", "\\:")
        first: datetime | None = session.execute(text(f'select min("{CAPTURED_AT}") from {history}')).scalar_one()  # noqa: S608 - quoted
        described[name] = {"rule": "captured", "since": first.isoformat() if first else None}
    return described


def sync_history(session: Session, model: Model, name: str, source: Source) -> tuple[str, ...]:
    """Make the history of a table, or add its new columns; returns a sentence for each change. Of two at once the second waits.

    Raises:
        ConfigError: the table is not there, lacks a column of the key, or another model declares another key for it.
        ColumnContractBroken: a column was retyped.
    """
    columns = list_columns(session, name, source)
    check_access(session, model, name, columns, source.key)
    take_lock(session, "history", name_history(name, source))
    history = _list_history(session, name, source)
    if not history:
        return (_create(session, name, source, columns),)
    _check_key(session, model, name, source)
    for column, kind in columns.items():
        if history.get(column, kind) != kind:
            raise ColumnContractBroken(
                f"models/{model.name}.toml: [sources.{name}]: the column {column} of {show_table(name, source)} was "
                f"{history[column]} when it was first captured and is {kind} now: cast it back in a view, and name that as table."
            )
    return tuple(_add(session, name, source, column, kind) for column, kind in columns.items() if column not in history)


@dataclass(frozen=True)
class _Photograph:
    """One table about to be photographed."""

    session: Session
    name: str
    source: Source
    columns: tuple[str, ...]
    at: datetime

    def lock(self) -> None:
        self.session.execute(text(f"lock table {self._history} in exclusive mode"))

    def find_newest(self) -> datetime | None:
        newest: datetime | None = self.session.execute(text(f'select max("{CAPTURED_AT}") from {self._history}')).scalar_one()  # noqa: S608 - quoted
        return newest

    def check_rows(self, *, had_rows: bool) -> None:
        """Each key once, and not suddenly nothing."""
        shown, key = show_table(self.name, self.source), ", ".join(self.source.key)
        lacks = " or ".join(f"{quote_for_text(column)} is null" for column in self.source.key)
        counted = f"count(*) as rows, count(distinct ({self._key})) as keys, count(*) filter (where {lacks}) as lacking"
        found = self.session.execute(text(f"select {counted} from {self._table}")).one()  # noqa: S608 - quoted identifiers
        if not found.rows and had_rows:
            raise EmptySource(
                f"{shown} is empty, and was not when it was captured last: nothing was captured. Is it being loaded anew? "
                "Capture again when it is there."
            )
        if found.lacking or found.keys < found.rows:
            raise GrainViolated(
                f"{shown} cannot be captured by its key ({key}): of {found.rows} rows {found.lacking} lack it, and there are "
                f"{found.keys} keys. Correct `key` under [sources.{self.name}], or name a view with one row per key as its table."
            )

    def take(self) -> Capture:
        """What is gone first, so that a key that comes back later is new then."""
        is_known = f'from ({self._former}) former where {self._same_key} and not former."{GONE}"'
        gone = self._insert(
            self._key,
            f"select {self._key}, :at, true from ({self._former}) former "  # noqa: S608 - quoted identifiers
            f'where not "{GONE}" and not exists (select from {self._table} now where {self._same_key})',
        )
        changed = self._insert(
            self._list(""),
            f"select {self._list('now.')}, :at, false from {self._table} now "  # noqa: S608 - quoted identifiers
            f"where exists (select {is_known} "
            f"and cast(row({self._list('now.')}) as text) is distinct from cast(row({self._list('former.')}) as text))",
        )
        new = self._insert(
            self._list(""),
            f"select {self._list('now.')}, :at, false from {self._table} now where not exists (select {is_known})",  # noqa: S608 - quoted
        )
        return Capture(self.name, new, changed, gone)

    @property
    def _history(self) -> str:
        return name_history(self.name, self.source).replace(":", "\\:")

    @property
    def _table(self) -> str:
        return name_table(self.name, self.source).replace(":", "\\:")

    @property
    def _key(self) -> str:
        return ", ".join(map(quote_for_text, self.source.key))

    @property
    def _same_key(self) -> str:
        return " and ".join(f"now.{column} = former.{column}" for column in map(quote_for_text, self.source.key))

    @property
    def _former(self) -> str:
        """The newest version of each key."""
        return f'select distinct on ({self._key}) * from {self._history} order by {self._key}, "{CAPTURED_AT}" desc'  # noqa: S608 - quoted

    def _list(self, of: str) -> str:
        return ", ".join(f"{of}{quote_for_text(column)}" for column in self.columns)

    def _insert(self, columns: str, rows: str) -> int:
        statement = f'insert into {self._history} ({columns}, "{CAPTURED_AT}", "{GONE}") {rows}'
        return int(self.session.execute(text(statement), {"at": self.at}).rowcount)


def _capture(session: Session, model: Model, name: str, source: Source, at: datetime) -> Capture:
    sync_history(session, model, name, source)
    photograph = _Photograph(session, name, source, tuple(list_columns(session, name, source)), at)
    photograph.lock()
    newest = photograph.find_newest()
    if newest is not None and at <= newest:
        return Capture(name, 0, 0, 0)
    photograph.check_rows(had_rows=newest is not None)
    return photograph.take()


def _create(session: Session, name: str, source: Source, columns: Mapping[str, str]) -> str:
    history = name_history(name, source)
    listed = ", ".join(f"{quote(column)} {_free(kind)}" for column, kind in columns.items())
    key = ", ".join((*map(quote, source.key), quote(CAPTURED_AT)))
    own = f'"{CAPTURED_AT}" timestamptz not null, "{GONE}" boolean not null'
    said = f"One row per new, changed or deleted row of {show_table(name, source)}, found by perennial capture".replace("'", "''")
    run_script(session, f"create table {history} ({listed}, {own}, primary key ({key})); comment on table {history} is '{said}'")
    return f"history of {show_table(name, source)}: created; what it held before is not known"


def _free(kind: str) -> str:
    """A type without a length, so that a column of the table may grow; of two SQL means a length of 1 by that name."""
    free = {"character": "bpchar", "bit": '"bit"'}
    return {**free, **{f"{name}[]": f"{other}[]" for name, other in free.items()}}.get(kind, kind)


def _add(session: Session, name: str, source: Source, column: str, kind: str) -> str:
    run_script(session, f"alter table {name_history(name, source)} add column {quote(column)} {_free(kind)}")
    return f"history of {show_table(name, source)}: added the column {column} ({kind}); it is null in older photographs"


def _list_history(session: Session, name: str, source: Source) -> dict[str, str]:
    rows = session.execute(queries.load("warehouse")["read_source_columns"], {"table": name_history(name, source)})
    return {row.name: row.type for row in rows}


def _check_key(session: Session, model: Model, name: str, source: Source) -> None:
    place = {"table": name_history(name, source)}
    found = set(session.execute(queries.load("warehouse")["read_primary_key"], place).scalars()) - {CAPTURED_AT}
    if found != set(source.key):
        raise ConfigError(
            f"models/{model.name}.toml: [sources.{name}] declares the key ({', '.join(source.key)}), and "
            f"{show_table(name, source)} is captured by ({', '.join(sorted(found))}) already: declare that one."
        )
