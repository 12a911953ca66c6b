"""A total order of the facts of a source: the same facts give the same bytes, wherever they stand on disk.

Which version of a fact is the newest, a sum of doubles, an array without an order of its own: all of them follow the rows. So a
query over the facts has to take them as they come, whatever PostgreSQL believes of their number: see `take_in_order`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from perennial.stores import queries
from perennial.stores.sessions import Session
from perennial.stores.warehouse.identifiers import quote_for_text
from perennial.stores.warehouse.relations import GONE, Relation

# Values of these types that are equal are the same; a numeric is equal to one with more zeros, a citext to its capitals.
PLAIN = {
    "bigint",
    "boolean",
    "character varying",
    "date",
    "double precision",
    "integer",
    "real",
    "smallint",
    "text",
    "timestamp with time zone",
    "timestamp without time zone",
    "uuid",
}


def order_facts(session: Session, relation: Relation) -> tuple[str, str]:
    """`distinct on` the key, if there is one, and the order of the rows.

    Versions with equal dates are told apart by their content, and so are rows that are facts by themselves.
    """
    source = relation.source
    key = [quote_for_text(column) for column in source.key]
    times = [f"{relation.event_at} desc", f"{relation.known_at} desc"] if source.is_dated else []
    fixed = (*source.key, source.happened, source.learned, source.valid_to, GONE)
    rest = {column: kind.partition("(")[0] for column, kind in relation.columns.items() if column not in fixed}
    asked = set(rest.values()) - PLAIN
    table = {"table": relation.quoted}
    rows = session.execute(queries.load("warehouse")["read_sortable_columns"], table) if asked else ()
    sortable = {row.name for row in rows}
    order = [*key, *times, *(part for column, kind in rest.items() for part in _order(column, kind, sortable))]
    return f"distinct on ({', '.join(key)})" if key else "", f"order by {', '.join(order)}" if order else ""


@contextmanager
def take_in_order(session: Session) -> Iterator[None]:
    """While the block lasts, rows are grouped and joined by hash wherever PostgreSQL can, not by sorting them anew.

    A group that is gathered by hash adds its rows in the order of the facts; a sort by the key of the groups alone leaves the
    rows of one group in any order. Which of the two is cheaper hangs on statistics, which come and go beside the facts.
    """
    session.exec_driver_sql("set local enable_sort = off")
    # Before PostgreSQL 18 a plan with a sort that cannot be left out counts as so dear that nothing else in it matters any more.
    session.exec_driver_sql("set local enable_nestloop = off")
    yield
    session.exec_driver_sql("set local enable_sort to default")
    session.exec_driver_sql("set local enable_nestloop to default")


def _order(column: str, kind: str, sortable: set[str]) -> Iterator[str]:
    """By its value where PostgreSQL can tell which of two is smaller, and by its text where equal values may differ."""
    quoted = quote_for_text(column)
    if kind in PLAIN or column in sortable:
        yield quoted
    if kind not in PLAIN:
        yield f"cast({quoted} as text)"
