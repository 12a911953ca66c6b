"""What a source really is, before any statement reads it: what stands behind its name must not act with our rights.

Whoever writes the tables of a source may put a view in their place, and a view runs its functions as whoever reads it. It is
held first, so that it stays what it was found to be until the transaction ends; then looked at in the catalogs, where nothing of
it runs. The planner runs code too: it works out what is constant in the expressions of indexes, checks and statistics.
"""

from __future__ import annotations

from perennial.errors import ForbiddenSource
from perennial.stores import queries
from perennial.stores.sessions import Session, recall
from perennial.stores.warehouse.judging import find_acting, find_foreign

LOCKABLE = ("r", "p", "v")  # tables and views, as pg_class has them
HELD = "perennial_held"


def check_trusted(session: Session, where: str, table: str) -> None:
    """Hold a relation, by its quoted name, and make sure that reading it runs nobody's code but PostgreSQL's and superusers'.

    Looked at once in a transaction.

    Raises:
        ForbiddenSource: a view, the row security of a table, or an expression of an index, check or statistics calls a function
            or checks a domain of somebody else, or one of PostgreSQL's that does more than to compute; or a column is of a type
            whose casts or checks do.
    """
    recall(session, ("trusted", table), lambda: _look(session, where, table))


def _look(session: Session, where: str, table: str) -> bool:
    _hold(session, table)
    rows = session.execute(queries.load("judging")["read_source_trees"], {"table": table}).all()
    for row in rows:
        foreign = find_foreign(session, row.tree, is_read=row.is_read)
        if foreign:
            raise ForbiddenSource(
                f"{where} {table}, which reads {row.relation}, {row.what} that runs {', '.join(foreign)} with the rights of this "
                "program. Take it out, have a superuser own what it calls, or load what it shows into a table."
            )
    columns = session.execute(queries.load("judging")["read_source_columns"], {"table": table}).all()
    acting = find_acting(session, [column.type for column in columns])
    for column in columns:
        if column.type not in acting:
            continue
        raise ForbiddenSource(
            f"{where} {table}, whose column {column.name} is of the type {acting[column.type]}, a cast or check of which runs "
            "code with the rights of this program. Take it out, have a superuser own what it calls, or load it as a plain type."
        )
    return True


def _hold(session: Session, table: str) -> None:
    """Nobody replaces or renames it until the transaction ends. Nothing of it runs or is planned."""
    kind = session.execute(queries.load("judging")["read_source_kind"], {"table": table}).scalar_one()
    name = table.replace("%", "%%")
    if kind in LOCKABLE:
        session.exec_driver_sql(f"lock table {name} in access share mode", {})
    else:
        session.exec_driver_sql(f"prepare {HELD} as select from {name}", {})
        session.exec_driver_sql(f"deallocate {HELD}", {})
