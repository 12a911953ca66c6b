"""The installation's own warehouse, looked at in one transaction that leaves nothing behind and stands in nobody's way.

A day is built under a name that no model can bear, in tables of its own that only this transaction sees. So a check touches
neither the rows nor the tables of the model, takes none of its locks, and a running pipeline does not wait for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from perennial.config import Declaration
from perennial.stores import queries
from perennial.stores.sessions import Database, Session, explain_refusal

LOCK_TIMEOUT, STATEMENT_TIMEOUT = "2s", "10min"
TIMED_OUT = "statement timeout"
COPY = re.compile(r'"?pg_temp_\d+"?\."?sample\$(\w+)"?')


@contextmanager
def open_rolled_back(database: Database) -> Iterator[Session]:
    """A transaction whose writes nobody ever sees."""
    with database.transaction() as session:
        limits = {"lock_timeout": LOCK_TIMEOUT, "statement_timeout": STATEMENT_TIMEOUT}
        session.execute(queries.load("checking")["limit_check"], limits)
        yield session
        session.rollback()


@contextmanager
def open_trial(session: Session, what: str) -> Iterator[Session]:
    """A part of that transaction: kept when it ends well, undone when it raises.

    Raises:
        ConfigError: PostgreSQL refused something.
    """
    with explain_refusal(what), session.begin_nested():
        yield session


@contextmanager
def open_undone(session: Session, what: str) -> Iterator[Session]:
    """A part of that transaction which is undone in any case."""
    with explain_refusal(what), session.begin_nested() as part:
        yield session
        part.rollback()


def disguise(session: Session, declaration: Declaration) -> Declaration:
    """The model under a name that no other model and no other check bears; it must still fit with what is put behind it."""
    backend = session.execute(queries.load("checking")["read_backend"]).scalar_one()
    model = declaration.model.model_copy(update={"name": f"{declaration.model.name}${backend}"})
    return declaration.model_copy(update={"model": model})


def reveal(said: str, declaration: Declaration) -> str:
    """A sentence about the disguised model, or about copies of its sources, as one about the model itself."""
    disguised = declaration.model.name
    plain = COPY.sub(r"\1", said.replace(disguised, disguised.partition("$")[0]))
    if TIMED_OUT in plain:
        plain += (
            f" A check gives a statement {STATEMENT_TIMEOUT}: give the table an index on its times, or shorten lookback_days."
        )
    return plain
