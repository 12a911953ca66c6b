"""Everything in PostgreSQL that follows from one model file, brought up to date."""

from __future__ import annotations

from perennial.config import Declaration
from perennial.stores.sessions import Session, take_lock
from perennial.stores.warehouse.capturing import sync_histories
from perennial.stores.warehouse.migrations import check_ledger
from perennial.stores.warehouse.tables import sync_tables
from perennial.stores.warehouse.views import sync_views


def sync(session: Session, declaration: Declaration) -> tuple[str, ...]:
    """Make and alter the tables and views of a model, as pipeline; returns a sentence for each change.

    Idempotent: run before every refresh, it finds nothing to do. Of several at once for a model, one works, the others wait.

    Raises:
        MigrationConflict: the ledger does not fit this program.
        ColumnContractBroken: features.sql dropped or retyped a column.
        ConfigError, ForbiddenSource: the SQL, a source or a view file is wrong.
    """
    take_lock(session, "sync", declaration.model.name)
    check_ledger(session)
    histories = sync_histories(session, declaration)
    return (*histories, *sync_tables(session, declaration), *sync_views(session, declaration.model))
