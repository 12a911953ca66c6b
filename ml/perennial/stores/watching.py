"""The ledger as role watcher sees it: one moment, read in one transaction that cannot write and cannot take long."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from sqlalchemy import make_url
from sqlalchemy.exc import DBAPIError

from perennial.errors import WarehouseUnavailable
from perennial.stores import queries
from perennial.stores.sessions import Database, read_code

Row: TypeAlias = Mapping[str, Any]
Reading: TypeAlias = Mapping[str, tuple[Row, ...]]
"""The rows of every query of sql/queries/watch.sql, by its name."""

NOTHING: Reading = {}
REMEDIES = {
    "42501": "let the owner run `perennial migrate`, which gives the role watcher its rights",  # insufficient_privilege
    "42P01": "let the owner run `perennial migrate`: this program knows a newer ledger",  # undefined_table
    "42703": "let the owner run `perennial migrate`: this program knows a newer ledger",  # undefined_column
    "57014": "the server is busy, or the limit too short: `perennial metrics --limit-seconds`",  # query_canceled
}
"""By PostgreSQL's codes of errors (appendix A of its manual)."""


class LedgerWatch:
    """What `perennial metrics` reads. It keeps no connection: each reading opens its own and closes it.

    Args:
        limit_seconds: longest time of each statement; a lock is waited for no longer.
    """

    def __init__(self, url: str, limit_seconds: float) -> None:
        limit = f"{round(limit_seconds * 1000)}ms"
        limits = {"statement_timeout": limit, "lock_timeout": limit, "idle_in_transaction_session_timeout": limit}
        given = make_url(url).query.get("options", "")
        options = " ".join([str(given), *(f"-c {name}={value}" for name, value in limits.items())]).strip()
        bounded = make_url(url).update_query_dict({"options": options}).render_as_string(hide_password=False)
        self._database = Database(bounded, "perennial metrics")

    def read(self, models: Sequence[str]) -> Reading:
        """All that is shown of these models.

        Raises:
            WarehouseUnavailable: PostgreSQL does not answer, not in time, or refuses; the message says what to do.
        """
        try:
            with self._database.transaction() as session:
                session.execute(queries.load("publishing")["read_isolated"])
                return {
                    name: tuple(
                        dict(row)
                        for row in session.execute(query, {"models": list(models)} if ":models" in query.text else {}).mappings()
                    )
                    for name, query in queries.load("watch").items()
                }
        except DBAPIError as error:
            said = str(error.orig).strip().splitlines()[0]
            remedy = REMEDIES.get(read_code(error) or "", "see the log of the server")
            raise WarehouseUnavailable(f"{self._database.describe()} does not show the ledger: {said}: {remedy}.") from error
