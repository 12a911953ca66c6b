"""Connections to PostgreSQL: what every one of them sets, and transactions that commit as a whole or not at all."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from types import MappingProxyType
from typing import TypeAlias, TypeVar

import psycopg2
from sqlalchemy import Connection, Engine, TextClause, create_engine, func, make_url, select
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.psycopg2 import PGDialect_psycopg2
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolExhausted
from sqlalchemy.pool import NullPool, QueuePool, StaticPool

from perennial.errors import ConfigError, UnavailableError, WarehouseBusy, WarehouseUnavailable

Session: TypeAlias = Connection
"""One open transaction; who takes a session never commits."""
Found = TypeVar("Found")

CONNECT_TIMEOUT_SECONDS = 10
POOL_TIMEOUT_SECONDS = 2
LOCK_NOT_AVAILABLE = "55P03"  # PostgreSQL, appendix A: error codes
INSUFFICIENT_PRIVILEGE = "42501"  # likewise
NO_ROOM = "53"  # likewise, a class: its disk, its memory or its places for connections are full
NO_ROOM_TO_CONNECT = os.strerror(errno.ENOSPC)  # what is refused before there is a session comes without a code
GOING_DOWN = ("08", "57")  # likewise: the connection was lost, or an operator or a limit ended it or its statement
FILES_FENCE = ("files of versions",)
"""The lock of whoever needs that no file of a version is deleted: a backup holds it, a purge shares it with other purges."""
LENT = "lent"  # the savepoint at which a lent connection begins
PARAMETERS = {
    # Without it the server was seen to finish and commit a statement three seconds after its client had been killed.
    "client_connection_check_interval": "1s",
    "idle_session_timeout": "0",  # whoever holds the lock of an attempt is silent for as long as it lasts
    "idle_in_transaction_session_timeout": "15min",  # a training reads, thinks outside any transaction, then writes
    "lock_timeout": "2min",  # a rerun beside a survivor waits for it at most so long
    "statement_timeout": "30min",
    "timezone": "UTC",  # checksums are taken over text: instants must always read the same
    "extra_float_digits": "1",  # and so must floats: the shortest text that gives the same bits
    "jit": "off",  # compiling costs more than it saves on queries of one or two seconds
}


class Database:
    """One PostgreSQL database under one role. It keeps no connection: each transaction opens its own and closes it.

    Args:
        parameters: what its connections set instead of, or beside, `PARAMETERS`.
        kept_connections: so many stay open, and no more are ever opened: for a server that asks short questions often.
    """

    def __init__(
        self,
        url: str,
        application_name: str = "perennial",
        *,
        parameters: Mapping[str, str] = MappingProxyType({}),
        kept_connections: int = 0,
    ) -> None:
        self.url = url
        self._arguments = _connect_arguments(url, application_name, {**PARAMETERS, **parameters})
        if kept_connections:
            self._engine = create_engine(
                url,
                poolclass=QueuePool,
                pool_size=kept_connections,
                max_overflow=0,
                pool_timeout=POOL_TIMEOUT_SECONDS,
                pool_pre_ping=True,
                connect_args=self._arguments,
            )
        else:
            self._engine = create_engine(url, poolclass=NullPool, connect_args=self._arguments)

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """Open a transaction; commit when the block ends, roll back when it raises.

        Raises:
            WarehouseUnavailable: the server refused the connection, it was lost on the way, or the server has no room left.
            WarehouseBusy: another attempt held a lock for longer than `lock_timeout`.
        """
        with self.name_failures(), self._engine.begin() as session:
            yield session

    @contextmanager
    def hold(self) -> Iterator[Session]:
        """A connection of its own outside any transaction, for `hold_lock`: open until the block ends, or its process.

        Raises:
            WarehouseUnavailable: the server refused the connection. That it is lost later is no error.
        """
        with self.name_failures():
            holder = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        try:
            yield holder
        finally:
            with suppress(DBAPIError):
                holder.close()

    @contextmanager
    def name_failures(self) -> Iterator[None]:
        """Say in our words what happens to a session on this database, ours or that of a library which opens its own.

        Raises:
            WarehouseUnavailable, WarehouseBusy: as `transaction` does.
        """
        try:
            yield
        except PoolExhausted as error:
            raise WarehouseBusy(f"{self.describe()}: all connections that are kept are in use; try again.") from error
        except (DBAPIError, psycopg2.Error) as error:  # COPY speaks to the driver directly
            named = self._name(error)
            if named is None:
                raise
            raise named from error

    def _name(self, error: DBAPIError | psycopg2.Error) -> UnavailableError | None:
        """What happened, where trying again may help."""
        driver = error.orig if isinstance(error, DBAPIError) else error
        code = read_code(error) or ""
        if code.startswith(NO_ROOM) or (not code and NO_ROOM_TO_CONNECT in str(driver)):
            return WarehouseUnavailable(
                f"{self.describe()} has no room left: {str(driver).strip()}. Nothing of this step was kept. Make room (its disk, "
                "its memory or max_connections, as PostgreSQL says), then run it again."
            )
        if code == LOCK_NOT_AVAILABLE:
            return WarehouseBusy(
                f"{self.describe()}: another attempt at the same work holds its lock, and still does after lock_timeout. "
                "Nothing was changed; try again once it has ended."
            )
        if _is_lost(error):
            return WarehouseUnavailable(f"{self.describe()} does not answer: {str(driver).strip()}")
        return None

    def url_in_schema(self, schema: str) -> str:
        """The same database, under the same parameters, for a library that keeps its own tables: they go to this schema."""
        options = f"{self._arguments['options']} -c search_path={schema}"
        url = make_url(self.url).update_query_dict({**self._arguments, "options": options})
        return url.render_as_string(hide_password=False)

    def dispose(self) -> None:
        """Forget the engine; nothing stays open."""
        self._engine.dispose()

    @property
    def place(self) -> tuple[str, int, str]:
        """Host, port and name of the database."""
        url = make_url(self.url)
        return url.host or "localhost", url.port or 5432, url.database or ""

    def describe(self) -> str:
        """Server, database and role, for a sentence; no password."""
        url = make_url(self.url)
        return f"PostgreSQL at {url.host or 'the local socket'}:{url.port or 5432}, database {url.database}, role {url.username}"


def take_lock(session: Session, *parts: object, shared: bool = False) -> None:
    """Wait for the lock named by `parts`, alone or beside others who share it; it is given back when the transaction ends."""
    name = "\x1f".join(str(part) for part in parts)
    take = func.pg_advisory_xact_lock_shared if shared else func.pg_advisory_xact_lock
    session.execute(select(take(func.hashtextextended(name, 0))))


def hold_lock(holder: Session, *parts: object) -> None:
    """Take the lock named by `parts` for as long as a connection of `Database.hold` is open: by it others see who lives."""
    name = "\x1f".join(str(part) for part in parts)
    holder.execute(select(func.pg_advisory_lock(func.hashtextextended(name, 0))))


def share_lock(session: Session, *parts: object) -> bool:
    """Share the lock named by `parts` with others who share it until the transaction ends; False where one holds it alone."""
    name = "\x1f".join(str(part) for part in parts)
    shared = session.execute(select(func.pg_try_advisory_xact_lock_shared(func.hashtextextended(name, 0))))
    return bool(shared.scalar_one())


def run_script(session: Session, statements: str) -> None:
    """Run SQL text from a file as it stands: several statements, no parameters, `%` and `:` mean themselves."""
    session.exec_driver_sql(statements, execution_options={"no_parameters": True})


def run_together(session: Session, statements: Sequence[tuple[TextClause | str, Mapping[str, object]]]) -> None:
    """Run several statements with the values that they bind in one go; nobody learns what one of them gave.

    A text is as `exec_driver_sql` takes it, with `%(name)s` and `%%`.
    """
    with closing(session.connection.cursor()) as cursor:
        written = [
            cursor.mogrify(str(said.compile(dialect=session.dialect)) if isinstance(said, TextClause) else said, dict(values))
            for said, values in statements
        ]
    run_script(session, ";\n".join(each.decode() for each in written))


def recall(session: Session, key: tuple[object, ...], find: Callable[[], Found]) -> Found:
    """What was found under this key in this transaction, or what `find` gives now.

    For what cannot change before the transaction ends, thanks to a lock that was taken while it was found. What was found within
    a savepoint counts as long as that is open: going back to it would give the lock back.
    """
    kept = session.info.setdefault("recalled", {})
    if key in kept:
        found, savepoint = kept[key]
        if savepoint is None or savepoint.is_active:
            return found  # type: ignore[no-any-return]  # the same key, the same kind
    found = find()
    kept[key] = found, session.get_nested_transaction()
    return found


@contextmanager
def explain_refusal(what: str) -> Iterator[None]:
    """While the block lasts, what PostgreSQL refuses is an error in what a user wrote.

    Raises:
        ConfigError: `what` was refused; the message ends with what PostgreSQL says.
    """
    try:
        yield
    except DBAPIError as error:
        code = read_code(error) or ""
        if _is_lost(error) or code == LOCK_NOT_AVAILABLE or code.startswith(NO_ROOM):
            raise  # nobody wrote that: `Database` says what it is
        raise ConfigError(f"{what}: PostgreSQL says: {str(error.orig).strip()}") from error


@contextmanager
def lend_connection(session: Session) -> Iterator[Engine]:
    """Give a library that wants an engine of its own this very transaction, with its uncommitted rows and temporary views.

    Its commits do nothing and each of its rollbacks goes back to where the block began, so that one failed
    statement spoils neither its next one nor ours; when the block ends, all that it wrote is undone.
    """
    driver = session.connection.driver_connection
    registry.register("postgresql.lent", __name__, _LentDialect.__name__)
    engine = create_engine("postgresql+lent://", creator=lambda: driver, poolclass=StaticPool)
    session.exec_driver_sql(f"savepoint {LENT}")
    try:
        yield engine
    finally:
        engine.dispose()
        session.exec_driver_sql(f"rollback to savepoint {LENT}")


class _LentDialect(PGDialect_psycopg2):
    """PostgreSQL over a connection that belongs to somebody else: it can neither commit nor close it."""

    supports_statement_cache = True

    def do_commit(self, dbapi_connection: DBAPIConnection) -> None:
        """Leave the commit to the owner."""

    def do_rollback(self, dbapi_connection: DBAPIConnection) -> None:
        with closing(dbapi_connection.cursor()) as cursor:
            cursor.execute(f"rollback to savepoint {LENT}")

    def do_close(self, dbapi_connection: DBAPIConnection) -> None:
        """Leave the connection open."""

    def do_terminate(self, dbapi_connection: DBAPIConnection) -> None:
        """Leave the connection open."""


def _connect_arguments(url: str, application_name: str, parameters: Mapping[str, str]) -> dict[str, str]:
    own = " ".join(f"-c {name}={value}" for name, value in parameters.items())
    given = make_url(url).query.get("options", "")
    return {
        "application_name": application_name,
        "connect_timeout": str(CONNECT_TIMEOUT_SECONDS),
        "options": f"{own} {given}".strip(),
    }


def read_code(error: DBAPIError | psycopg2.Error) -> str | None:
    """PostgreSQL's code of an error, if the server sent one."""
    code: str | None = getattr(error.orig if isinstance(error, DBAPIError) else error, "pgcode", None)
    return code


def _is_lost(error: DBAPIError | psycopg2.Error) -> bool:
    """The connection is gone, or there was none: SQLAlchemy has no statement to show for it then."""
    if isinstance(error, DBAPIError):
        is_refused = error.statement is None and isinstance(error.orig, psycopg2.OperationalError)
        return error.connection_invalidated or is_refused
    is_of_the_line = isinstance(error, psycopg2.OperationalError | psycopg2.InterfaceError)
    return is_of_the_line and (error.pgcode or GOING_DOWN[0]).startswith(GOING_DOWN)
