"""What the suites of a model look at: views that live inside the caller's transaction and are gone after it.

Great Expectations runs over the caller's own connection. So it sees rows that are not committed yet: a snapshot that
is not valid yet, and scores that are not live yet and never will be if their suite fails.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Literal

from sqlalchemy import Engine, TextClause, text
from sqlalchemy.dialects.postgresql.base import PGDialect

from perennial.config import ENTITY, Declaration, Model
from perennial.errors import ConfigError
from perennial.records import Window
from perennial.stores import queries
from perennial.stores.sessions import Session, lend_connection
from perennial.stores.warehouse.conditions import feature_bounds
from perennial.stores.warehouse.entities import read_key
from perennial.stores.warehouse.identifiers import quote_for_text
from perennial.stores.warehouse.point_in_time import open_views
from perennial.stores.warehouse.relations import Relation, resolve

TABLES = {"snapshot": "features", "scores": "scores"}
AGE = "age_days"
BEFORE_ALL_HISTORY = date(1900, 1, 1)


@contextmanager
def open_audit(
    session: Session,
    declaration: Declaration,
    as_of: date,
    which: Literal["source", "snapshot", "scores"],
    windows: Mapping[str, Window],
) -> Iterator[Engine]:
    """While the block lasts, an engine shows what a suite looks at, inside this transaction and nowhere else.

    Args:
        session: the transaction to look from.
        declaration: names the sources.
        as_of: the day to look at.
        which: `snapshot` and `scores` are a view of that name over the rows of the day, one per entity.
        windows: for `source`, each view to make. It holds what was known at the as_of, facts without a time or a key among it,
            with the columns that are named and `age_days`, from the event to the start of the as_of.
    """
    opened = (
        _open_windows(session, declaration, as_of, windows)
        if which == "source"
        else _open_day(session, declaration, as_of, which)
    )
    with session.begin_nested() as audit:
        # No statistics know the rows of this transaction: the planner takes a new day for one row, and would join it with itself,
        # as Great Expectations does to find what stands twice, one row at a time. What is set here ends with the block.
        session.exec_driver_sql("set local enable_nestloop = off")
        with opened, lend_connection(session) as engine:
            yield engine
        audit.rollback()


@contextmanager
def _open_day(session: Session, declaration: Declaration, as_of: date, which: Literal["snapshot", "scores"]) -> Iterator[None]:
    table = f'{TABLES[which]}."{declaration.model.name}"'
    listed = _list_day(session, declaration.model, table)
    statement = f"create temporary view {which} as select {listed} from {table} where as_of = :as_of"  # noqa: S608 - checked
    session.execute(text(statement), {"as_of": as_of})
    yield


def _list_day(session: Session, model: Model, table: str) -> str:
    """The columns of a day; beside an entity_id that was made of several columns also those. Of a uuid the text."""
    rows = session.execute(queries.load("warehouse")["read_source_columns"], {"table": table}).all()
    stored = {row.name: quote_for_text(row.name) for row in rows}
    if model.entity.stored_type == "uuid":
        stored[ENTITY] = f"cast({ENTITY} as text)"  # the driver would hand keys on as something that is no text
    made_of = {f'"{name}"': part for name, part in read_key(model.entity)} if model.entity.is_composite else {}
    named = {quote_for_text(name): value for name, value in stored.items()} | made_of
    return ", ".join(f"{value} as {name}" for name, value in named.items())


@contextmanager
def _open_windows(session: Session, declaration: Declaration, as_of: date, windows: Mapping[str, Window]) -> Iterator[None]:
    with open_views(session, declaration, feature_bounds(declaration.model, as_of), with_incomplete=True):
        for view, window in windows.items():
            relation = resolve(session, declaration.model, window.source)
            listed = _list_columns(session, relation, window)
            session.execute(*_define_window(relation, as_of, view, window, listed))
        yield


def _define_window(
    relation: Relation, as_of: date, view: str, window: Window, listed: str
) -> tuple[TextClause, dict[str, object]]:
    if not relation.source.is_dated:
        return text(f'create temporary view "{view}" as select {listed} from "{window.source}"'), {}  # noqa: S608 - checked identifiers
    statement = f"""
        create temporary view "{view}" as
        select {listed}, cast(extract(epoch from :as_of_start - {relation.event_at}) as double precision) / 86400 as {AGE}
        from "{window.source}" where coalesce({relation.event_at}, :begins) >= :begins"""  # noqa: S608 - checked identifiers
    model = relation.model
    begins = model.start(as_of - timedelta(days=window.days) if window.days else BEFORE_ALL_HISTORY)
    return text(statement), {"as_of_start": model.start(as_of), "begins": begins} | relation.values


def _list_columns(session: Session, relation: Relation, window: Window) -> str:
    """The columns of a window as SQL; what Great Expectations has no name for, such as a point, it is shown as text.

    One column of such a type would fail every rule about its table. A column that a rule names in vain is left to the rule.
    """
    rows = session.execute(queries.load("warehouse")["read_plain_types"], {"table": relation.quoted})
    shown = {row.name: _show_column(row.name, row.type, row.base) for row in rows}
    if AGE in shown and AGE in (window.columns or ()):
        raise ConfigError(
            f"expectations/{relation.model.name}/source.json: a rule names {AGE}, the days from a fact to the as_of, and "
            f"{relation} has a column of that name: give the table's another, or leave the rule out."
        )
    shown = {name: column for name, column in shown.items() if name in relation.shown}
    named = [name for name in shown if window.columns is None or name in window.columns]
    return ", ".join(shown[name] for name in named or shown if name != AGE)


def _show_column(name: str, kind: str, base: str | None) -> str:
    quoted = quote_for_text(name)
    if kind.removesuffix("[]") not in PGDialect.ischema_names:
        return f"cast({quoted} as text) as {quoted}"
    return quoted if base is None else f"cast({quoted} as {base}) as {quoted}"
