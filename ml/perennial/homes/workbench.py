"""A PostgreSQL for checks alone: embedded, in a folder that is gone afterwards, with a warehouse for each model."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TypeAlias

from perennial.config import Declaration, require_extra
from perennial.local.ports import find_free_port
from perennial.local.postgres import THROWAWAY, Postgres
from perennial.stores.sessions import Database, Session, explain_refusal
from perennial.stores.warehouse import capture_sources, migrate, sync

GUESTS = ("loader", "pipeline", "analyst")
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)  # tables updated in place held then what the script drew
TEMPLATE = "checked_template"
Fill: TypeAlias = Callable[[str], object]
"""Makes the source tables of a model, given the address of its warehouse under role loader."""


class Workbench:
    """Warehouses on one server, each filled once; what a check does to one is rolled back."""

    def __init__(self, server: Postgres) -> None:
        self._server = server

    @cached_property
    def _template(self) -> str:
        """A migrated warehouse without tables, which is copied for each model in milliseconds."""
        self._server.ensure_database(TEMPLATE, "owner", guests=GUESTS)
        migrate(self._server.url(TEMPLATE, "owner"))
        return TEMPLATE

    def lay_out(self, declaration: Declaration, fill: Fill) -> None:
        """Make the warehouse of a model: its source tables, then all that follows from its files.

        Raises:
            ConfigError: the tables cannot be made, or do not fit the model; the message says what PostgreSQL found.
        """
        database = _name_database(declaration)
        self._server.ensure_database(database, "owner", guests=GUESTS, template=self._template)
        fill(self._server.url(database, "loader"))
        pipeline = Database(self._server.url(database, "pipeline"), "perennial check")
        with pipeline.transaction() as session, explain_refusal(f"Tables and views of model {declaration.model.name}"):
            sync(session, declaration)
            capture_sources(session, declaration, LONG_AGO)
        pipeline.dispose()

    @contextmanager
    def open(self, declaration: Declaration) -> Iterator[Session]:
        """A superuser's transaction over the warehouse of a model, which leaves nothing behind."""
        database = Database(self._server.url(_name_database(declaration), "postgres"), "perennial check")
        with database.transaction() as session, explain_refusal(f"The SQL of model {declaration.model.name}"):
            yield session
            session.rollback()
        database.dispose()


@contextmanager
def open_workbench() -> Iterator[Workbench]:
    """Start the server and stop it again.

    Raises:
        ExtraMissing: the embedded PostgreSQL is not installed.
    """
    require_extra("local", "Checking SQL on a PostgreSQL of its own")
    folder = Path(tempfile.mkdtemp(prefix="perennial-check-"))
    server = Postgres(folder / "postgres", find_free_port(), passwords=folder / "passwords.json", options=THROWAWAY)
    try:
        server.start(new_session=True)
        server.ensure_roles()
        yield Workbench(server)
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _name_database(declaration: Declaration) -> str:
    return f"checked_{declaration.model.name}"
