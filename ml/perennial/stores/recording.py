"""What `perennial serve` writes, as role recorder: what requests to a canary came to, by one function, and nothing else.

Imports no frames, no boosters and no MLflow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from sqlalchemy.exc import DBAPIError

from perennial.errors import WarehouseUnavailable
from perennial.records.canaries import RequestBatch
from perennial.stores import queries
from perennial.stores.sessions import Database, read_code

PARAMETERS = {"statement_timeout": "5s", "lock_timeout": "2s"}
CLOCK = "22008"  # datetime_field_overflow, by which the function refuses another day; a batch gets its instant when it is written
IMPOSSIBLE = ("22", "23")  # classes: data that cannot be, a constraint that does not hold
REMEDIES = {
    "42501": "let the owner run `perennial migrate`, which gives the role recorder its one right",  # insufficient_privilege
    "42883": "let the owner run `perennial migrate`: this program knows a newer ledger",  # undefined_function
    "3F000": "let the owner run `perennial migrate`",  # invalid_schema_name
    "57014": "the server is busy",  # query_canceled
    CLOCK: "set the clock of this machine, or of PostgreSQL's",
    "25006": "PERENNIAL_RECORDER_URL names a server that only reads",  # read_only_sql_transaction
}
"""By PostgreSQL's codes of errors (appendix A of its manual): what a person does so that kept counts can be written."""


class BatchRefused(Exception):
    """PostgreSQL takes a batch at no time: of a canary that it does not know, or with figures that cannot be."""


def open_recording(url: str) -> Database:
    """The warehouse for short notes; one connection stays open."""
    return Database(url, "perennial serve", parameters=PARAMETERS, kept_connections=1)


def record_requests(database: Database, batches: Sequence[RequestBatch]) -> None:
    """Keep batches, all or none.

    Raises:
        WarehouseUnavailable, WarehouseBusy: PostgreSQL does not answer, not in time, or does not let the role write now.
        BatchRefused: it takes one of them at no time.
    """
    try:
        with database.transaction() as session:
            for batch in batches:
                session.execute(queries.load("canaries")["record_request"], asdict(batch))
    except DBAPIError as error:
        said, code = str(error.orig).strip().splitlines()[0], read_code(error) or ""
        if code.startswith(IMPOSSIBLE) and code != CLOCK:
            raise BatchRefused(said) from error
        raise WarehouseUnavailable(f"{database.describe()}: {said}: {REMEDIES.get(code, 'it is tried again')}.") from error
