"""The rows of every table of a warehouse, as one moment shows them: for a backup, and for what is restored from it."""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError

from perennial.stores import queries
from perennial.stores.sessions import Session, read_code

UNDEFINED_TABLE = "42P01"  # PostgreSQL, appendix A: error codes


def count_rows(session: Session) -> dict[str, int] | None:
    """Table -> its rows, of every table but shards of attempts that run; each is held until the transaction ends.

    None where a table was dropped between the moment that the session sees and now: the transaction has failed then.
    """
    names = session.execute(queries.load("warehouse")["list_all_tables"]).scalars().all()
    try:
        return {name: session.exec_driver_sql(f"select count(*) from {name}").scalar_one() for name in names}  # noqa: S608 - quoted
    except DBAPIError as error:
        if read_code(error) != UNDEFINED_TABLE:
            raise
        session.rollback()
        return None
