"""Scripts that users write to fill schema `source`: run as they stand, whole or not at all."""

from __future__ import annotations

from perennial.stores.sessions import Database, explain_refusal, run_script


def run_source_script(loader_url: str, statements: str, *, name: str) -> None:
    """Run the statements as role loader in one transaction; a script that drops and makes its tables may run again.

    Raises:
        ConfigError: PostgreSQL refuses a statement, and nothing was changed; the message names the script.
        WarehouseUnavailable: it does not answer.
    """
    database = Database(loader_url, "perennial load")
    try:
        with database.transaction() as session, explain_refusal(name):
            run_script(session, statements)
    finally:
        database.dispose()
