"""Calendar months as partitions: each of features.<model>, labels.<model> and scores.<model> holds a table for every month.

An as_of is written and read within one month, so that indexes stay small, vacuum works on what changed, and an old month goes
as a whole. A month is made with its first day and attached: unlike `create table ... partition of` that leaves readers alone.
"""

from __future__ import annotations

from datetime import date

from sqlalchemy import text

from perennial.errors import ConfigError
from perennial.stores import queries
from perennial.stores.sessions import Session, run_script, take_lock

BEFORE = "$before"


def create_partitioned(session: Session, schema: str, model: str, definition: str) -> None:
    """Make the table of a model, with no month in it yet; rows are unique by (as_of, entity_id)."""
    run_script(
        session, f'create table {schema}."{model}" ({definition}, primary key (as_of, entity_id)) partition by range (as_of)'
    )


def name_month(schema: str, model: str, as_of: date) -> str:
    """The table that holds the rows of an as_of; no model can be called like it."""
    return f'{schema}."{model}${as_of:%Y_%m}"'


def ensure_month(session: Session, schema: str, model: str, as_of: date) -> str:
    """The table that holds the rows of an as_of, made where it is the first of its month.

    Of several at once that begin a month, one makes it and the others wait for the end of its transaction.
    """
    table = name_month(schema, model, as_of)
    if not _exists(session, table):
        take_lock(session, "month", f"{schema}.{model}")
        if not _exists(session, table):
            _make_month(session, f'{schema}."{model}"', table, as_of)
    return table


def partition_former(session: Session, schema: str, model: str) -> bool:
    """Move the rows of a table from before there were months into them; False where there is none such.

    Our views on the former table go with it: `sync_views` makes them again in the same transaction.

    Raises:
        ConfigError: somebody else's views read it.
    """
    table, former = f'{schema}."{model}"', f'{schema}."{model}{BEFORE}"'
    named = queries.load("partitions")
    if session.execute(named["kind_of"], {"table": table}).scalar_one_or_none() != "r":
        return False
    _drop_our_views(session, schema, model)
    keys = session.execute(named["primary_key_name"], {"table": table}).scalar_one()
    run_script(
        session,
        f"""
        alter table {table} rename to "{model}{BEFORE}";
        alter table {former} rename constraint "{keys}" to "{keys}{BEFORE}";
        create table {table} (like {former} including comments including constraints, primary key (as_of, entity_id))
        partition by range (as_of)""",
    )
    comment = session.execute(named["comment_on"], {"table": former}).scalar_one()
    if comment is not None:
        session.exec_driver_sql(f"comment on table {table} is %s", (comment,))
    for (month,) in session.execute(text(f"select distinct date_trunc('month', as_of)::date from {former} order by 1")).all():  # noqa: S608 - checked
        part = ensure_month(session, schema, model, month)
        moved = f"insert into {part} select * from {former} where as_of >= :month and as_of < :after"  # noqa: S608 - checked identifiers
        session.execute(text(moved), {"month": month, "after": _find_next(month)})
    session.exec_driver_sql(f"drop table {former}")
    return True


def _drop_our_views(session: Session, schema: str, model: str) -> None:
    views = session.execute(queries.load("partitions")["views_on"], {"table": f'{schema}."{model}"'}).all()
    foreign = [row.view for row in views if not row.is_ours]
    if foreign:
        raise ConfigError(
            f"{schema}.{model}: its rows are to move into a table for each month, and {', '.join(foreign)}, which Perennial did "
            f"not make, reads the former table: keep its text, drop it, run `perennial sync`, and make it again."
        )
    for row in views:
        session.exec_driver_sql(f"drop view {row.view} cascade")


def _make_month(session: Session, parent: str, table: str, as_of: date) -> None:
    first = as_of.replace(day=1)
    run_script(
        session,
        f"""
        create table {table} (like {parent} including comments including constraints including indexes);
        alter table {parent} attach partition {table} for values from ('{first}') to ('{_find_next(first)}')""",
    )


def _find_next(first: date) -> date:
    """The first day of the month after."""
    return date(first.year + first.month // 12, first.month % 12 + 1, 1)


def _exists(session: Session, table: str) -> bool:
    return bool(session.execute(queries.load("warehouse")["relation_exists"], {"name": table}).scalar_one())
