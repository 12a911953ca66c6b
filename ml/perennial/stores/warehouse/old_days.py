"""Old days leave features.<model>, labels.<model> and scores.<model>: a month in which nothing stays goes as a table."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from sqlalchemy import text

from perennial.stores import queries
from perennial.stores.sessions import Session, take_lock
from perennial.stores.warehouse.partitions import name_month

WAIT = "20s"
"""Dropping the table of a month waits so long for whoever reads the model's table: they would all wait behind it."""


@dataclass(frozen=True)
class DayRows:
    """Rows of one day in one table, and about how much room they take, indexes included."""

    as_of: date
    rows: int
    bytes: int


def measure_days(session: Session, schema: str, model: str, as_ofs: Collection[date]) -> tuple[DayRows, ...]:
    """The days of one month that stand in a table of a model; a day without rows is left out."""
    return tuple(day for day in _measure_month(session, schema, model, min(as_ofs)) if day.as_of in as_ofs) if as_ofs else ()


def lock_days(session: Session, model: str, as_ofs: Collection[date]) -> None:
    """Wait for whoever builds, labels, scores or erases one of these days."""
    for day in sorted(as_ofs):
        take_lock(session, model, day)


def delete_days(session: Session, schema: str, model: str, as_ofs: Collection[date]) -> None:
    """Delete days of one month, as the table of the month where it holds no other."""
    month = min(as_ofs)
    present = {day.as_of for day in _measure_month(session, schema, model, month)}
    if not present:
        return
    table = name_month(schema, model, month)
    if present <= set(as_ofs):
        session.exec_driver_sql(f"set local lock_timeout = '{WAIT}'")
        take_lock(session, "month", f"{schema}.{model}")
        session.exec_driver_sql(f"drop table {table}")
        return
    session.execute(text(f"delete from {table} where as_of = any(:as_ofs)"), {"as_ofs": sorted(as_ofs)})  # noqa: S608 - checked identifiers


def _measure_month(session: Session, schema: str, model: str, month: date) -> tuple[DayRows, ...]:
    table = name_month(schema, model, month)
    size = session.execute(queries.load("purges")["size_of_relation"], {"table": table}).scalar_one()
    if size is None:
        return ()
    found = session.execute(text(f"select as_of, count(*) as rows from {table} group by as_of")).all()  # noqa: S608 - checked identifiers
    total = sum(row.rows for row in found)
    return tuple(DayRows(row.as_of, row.rows, size * row.rows // total) for row in found)
