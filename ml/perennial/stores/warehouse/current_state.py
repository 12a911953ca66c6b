"""Which features come from sources that are updated in place: the query is asked again while these hold something else.

What PostgreSQL says a view depends on ends at whole relations, or at plain columns. So the query itself is asked, for one day,
with the rows of its `current_state` sources gone, halved, and with every column moved against the keys: a feature comes from
there when it then says something else of somebody, through whatever expressions, joins and aggregates. The query is built once:
only the views below it are replaced.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from perennial.config import ENTITY, Declaration
from perennial.records import Column, CurrentStateUse
from perennial.stores import queries
from perennial.stores.sessions import Session
from perennial.stores.warehouse.conditions import feature_bounds
from perennial.stores.warehouse.entities import GivenKey, find_key
from perennial.stores.warehouse.identifiers import quote_for_text
from perennial.stores.warehouse.point_in_time import open_views
from perennial.stores.warehouse.user_query import feature_parameters, open_query

KEPT = "$kept"  # no source may have such a name
NAMED = f"{ENTITY}{KEPT}"  # the key as one column, whatever the query calls it
CHANGES = ("gone", "halved", "moved")
FLOATS = ("double precision", "real")
NOISE = 1e-9  # relative: a sum of doubles may be taken in another order beside another join


def find_current_state(session: Session, declaration: Declaration, as_of: date) -> CurrentStateUse | None:
    """Which features of a day change with what `current_state` sources hold; None, and nothing asked, without such a source."""
    model = declaration.model
    sources = tuple(sorted(name for name, source in model.sources.items() if source.times == "current_state"))
    if not sources:
        return None
    file, sql = f"sql/{model.name}/features.sql", declaration.features_sql
    with (
        open_views(session, declaration, feature_bounds(model, as_of)),
        open_query(session, file, sql, feature_parameters(model, as_of)) as columns,
    ):
        given = find_key(file, columns, model.entity)
        features = [column for column in given.others if column.name not in model.asides]
        found = _ask(session, declaration, sources, features, given)
    for name in (*sources, ENTITY):
        session.exec_driver_sql(f'drop table if exists pg_temp."{name}{KEPT}"')
    return found


def _ask(
    session: Session, declaration: Declaration, sources: Sequence[str], features: Sequence[Column], given: GivenKey
) -> CurrentStateUse:
    """Ask with the rows as they are, then with each change of them; a change that the query cannot bear tells nothing."""
    answer = f'select {given.entity_id} as "{NAMED}", * from pg_temp.user_query'  # noqa: S608 - checked identifiers
    session.exec_driver_sql(f'create temporary table "{ENTITY}{KEPT}" on commit drop as {answer}')
    changes = {name: _list_changes(session, declaration, name) for name in sources}
    moved, is_told, moves_cohort, failure = set[str](), False, False, ""
    for change in CHANGES:
        try:
            with session.begin_nested():
                for name, views in changes.items():
                    session.execute(text(f'create or replace temporary view "{name}" as {views[change]}'))
                row = session.execute(text(_compare(features, answer))).one()
        except DBAPIError as error:
            if error.connection_invalidated:
                raise
            failure = f"with other rows in {', '.join(sources)} the query fails: {str(error.orig).strip().splitlines()[0]}."
        else:
            is_told, moves_cohort = True, moves_cohort or row[0]
            moved |= {column.name for column, has_moved in zip(features, row[1:], strict=True) if has_moved}
    named = tuple(column.name for column in features if column.name in moved)
    return CurrentStateUse(tuple(sources), named, moves_cohort, "" if is_told else failure)


def _list_changes(session: Session, declaration: Declaration, name: str) -> Mapping[str, str]:
    """Keep the rows of a source aside, and give each change of them as a query with the same columns."""
    kept = f'"{name}{KEPT}"'
    session.exec_driver_sql(f'create temporary table {kept} on commit drop as select * from pg_temp."{name}"')  # noqa: S608 - a checked identifier
    rows = session.exec_driver_sql(f"select count(*) from {kept}").scalar_one()  # noqa: S608 - likewise
    types = {row.name: row.type for row in session.execute(queries.load("warehouse")["read_exact_types"], {"table": kept})}
    columns = ", ".join(map(quote_for_text, types))
    numbered = f"select *, row_number() over () as place{KEPT} from {kept}"  # noqa: S608 - likewise
    fixed = {*(column.name for column in declaration.model.entity.columns), *declaration.model.sources[name].key}
    loose = [column for column in types if column not in fixed]
    moved = {column: _move(column, types[column], number, len(loose), rows) for number, column in enumerate(loose, start=1)}
    return {
        "gone": f"select {columns} from {kept} where false",  # noqa: S608 - likewise
        "halved": f"select {columns} from ({numbered}) as rows where place{KEPT} % 2 = 0",  # noqa: S608 - likewise
        "moved": f"select {', '.join(moved.get(column, quote_for_text(column)) for column in types)} from {kept}",  # noqa: S608 - likewise
    }


def _move(column: str, kind: str, number: int, columns: int, rows: int) -> str:
    """Each value some rows further down, the last ones back on top; every column by another distance."""
    if rows < 2:  # noqa: PLR2004 - one row has nowhere to go
        return quote_for_text(column)
    distance = 1 + number * max(1, rows // (columns + 1)) % (rows - 1)
    value = quote_for_text(column)
    return (
        f"cast(case when row_number() over () <= {rows - distance} then lead({value}, {distance}) over () "
        f"else lag({value}, {rows - distance}) over () end as {kind}) as {value}"
    )


def _compare(features: Sequence[Column], answer: str) -> str:
    """One row: whether the cohort differs from what was kept, and for each feature whether it differs for anybody in both."""
    shared = f'before."{NAMED}" = after."{NAMED}"'
    differs = [f"coalesce(bool_or({_differ(column)}) filter (where {shared}), false)" for column in features]
    return (
        f"select {', '.join([f'coalesce(bool_or(({shared}) is not true), false)', *differs])} "  # noqa: S608 - quoted names
        f'from pg_temp."{ENTITY}{KEPT}" as before full join ({answer}) as after on {shared}'
    )


def _differ(column: Column) -> str:
    name = quote_for_text(column.name)
    differs = f"before.{name} is distinct from after.{name}"
    if column.type not in FLOATS:
        return differs
    noise = f"abs(before.{name} - after.{name}) <= {NOISE} * abs(before.{name})"
    return f"({differs} and ({noise}) is not true)"
