"""Migrations of the tables we own: numbered, checksummed, forward only, one transaction each, run as owner.

They belong to the platform and are installed with it, wherever the home with people's models is.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import make_url
from sqlalchemy.exc import DBAPIError

from perennial.config import PLATFORM_SQL
from perennial.errors import ConfigError, MigrationConflict
from perennial.stores import queries
from perennial.stores.sessions import INSUFFICIENT_PRIVILEGE, Database, Session, read_code, run_script, take_lock

SCHEMA = PLATFORM_SQL / "schema"
FILE_NAME = re.compile(r"(?P<number>\d{3})_[a-z0-9_]+\.sql")

OPENED = ("watcher", "recorder")
"""Roles whose rights every `migrate` gives anew, by the script of their name in sql/install."""
BEGIN_AS_OWNER = "begin;\nset local role owner;"  # a superuser's tables would be closed to pipeline
SCRIPT_HEAD = f"""\
-- For psql, on the warehouse, as owner or as a superuser, after `perennial migrate --install-sql`; the database belongs to owner.
\\set ON_ERROR_STOP on
{BEGIN_AS_OWNER}"""


@dataclass(frozen=True)
class Migration:
    """One file of `sql/schema/`; its checksum is the SHA-256 of its text."""

    number: int
    name: str
    statements: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.statements.encode()).hexdigest()


def migrate(owner_url: str, schema: Path = SCHEMA) -> tuple[str, ...]:
    """Apply what the database lacks; returns the names of what was applied, in order.

    Raises:
        ConfigError: the role may not make what the migrations make.
        MigrationConflict: an applied file was changed or is gone, or the ledger is newer than this program.
        WarehouseUnavailable: PostgreSQL does not answer.
    """
    migrations = _read_migrations(schema)
    database = Database(owner_url, "perennial migrate")
    try:
        with database.transaction() as session:
            take_lock(session, "migrate")
            session.execute(queries.load("warehouse")["create_ledger_schema"])
            session.execute(queries.load("warehouse")["create_migrations"])
        return _apply_all(database, migrations, opens=schema == SCHEMA)
    except DBAPIError as error:
        if read_code(error) != INSUFFICIENT_PRIVILEGE:
            raise
        url = make_url(owner_url)
        raise ConfigError(
            f"{database.describe()}, may not migrate: {str(error.orig).splitlines()[0]}. Have a superuser run "
            f"`perennial migrate --install-sql` and `alter database {url.database} owner to {url.username}`."
        ) from error
    finally:
        database.dispose()


def check_ledger(session: Session, schema: Path = SCHEMA) -> None:
    """Refuse a ledger that a newer program has migrated, or that lacks a migration of this one.

    Raises:
        MigrationConflict: names the migration in question and what to do.
    """
    migrations = _read_migrations(schema)
    is_begun = session.execute(queries.load("warehouse")["has_migrations"]).scalar_one()
    applied = _read_applied(session) if is_begun else {}
    _check_agreement(migrations, applied)
    missing = [migration.name for migration in migrations if migration.number not in applied]
    if missing:
        raise MigrationConflict(f"The warehouse lacks the migration {missing[0]}: run `perennial migrate` as owner first.")


def render_migrations(schema: Path = SCHEMA) -> str:
    """All migrations as one text for a DBA's psql: it does what `migrate` would do, and skips what the ledger has."""
    bootstrap = [str(queries.load("warehouse")[name]) + ";" for name in ("create_ledger_schema", "create_migrations")]
    numbered = (_render(migration) for migration in _read_migrations(schema))
    opened = (f"{BEGIN_AS_OWNER}\n{_read_install(name).strip()}\ncommit;" for name in OPENED)
    return "\n\n".join([SCRIPT_HEAD, *bootstrap, "commit;", *numbered, *opened]) + "\n"


def render_install() -> str:
    """What a superuser runs with psql, before any migration: roles, their passwords and databases, rights in the warehouse."""
    return "\n".join(
        (*map(_read_install, ("roles", "databases")), "\\connect warehouse", render_rights(), _read_install("ready"))
    )


def render_rights() -> str:
    """What a superuser runs in the warehouse, as often as they like: what everyone may do in it by default is taken away."""
    return _read_install("rights")


def _read_install(name: str) -> str:
    return (PLATFORM_SQL / "install" / f"{name}.sql").read_text(encoding="utf-8")


def _render(migration: Migration) -> str:
    values = f"({migration.number}, '{migration.name}', '{migration.checksum}')"  # a number, [a-z0-9_] and hex digits
    note = f"insert into ledger.migrations (number, name, checksum) values {values};"  # noqa: S608 - see the line above
    asked = f"select not exists (select from ledger.migrations where number = {migration.number}) as is_missing"  # noqa: S608 - a number
    script = f"{BEGIN_AS_OWNER}\n{migration.statements.strip()}\n{note}\ncommit;"
    return f"-- {migration.name}\n{asked} \\gset\n\\if :is_missing\n{script}\n\\endif"


def _read_migrations(schema: Path) -> tuple[Migration, ...]:
    found = []
    for path in sorted(schema.glob("*.sql")):
        match = FILE_NAME.fullmatch(path.name)
        if match is None:
            raise ConfigError(f"sql/schema/{path.name}: a migration is called 001_what_it_does.sql.")
        found.append(Migration(int(match["number"]), path.stem, path.read_text(encoding="utf-8")))
    if [migration.number for migration in found] != list(range(1, len(found) + 1)) or not found:
        raise ConfigError(f"{schema} must hold migrations numbered 001, 002, ... without a gap and without a double.")
    return tuple(found)


def _apply_all(database: Database, migrations: tuple[Migration, ...], *, opens: bool) -> tuple[str, ...]:
    """What the database lacks, and then, where all of it is there, the rights of the roles that may have come later."""
    applied = tuple(migration.name for migration in migrations if _apply(database, migration, migrations))
    if opens:
        with database.transaction() as session:
            take_lock(session, "migrate")
            for name in OPENED:
                run_script(session, _read_install(name))
    return applied


def _apply(database: Database, migration: Migration, known: tuple[Migration, ...]) -> bool:
    with database.transaction() as session:
        take_lock(session, "migrate")
        applied = _read_applied(session)
        _check_agreement(known, applied)
        if migration.number in applied:
            return False
        run_script(session, migration.statements)
        note = {"number": migration.number, "name": migration.name, "checksum": migration.checksum}
        session.execute(queries.load("warehouse")["record_migration"], note)
        return True


def _read_applied(session: Session) -> dict[int, tuple[str, str]]:
    rows = session.execute(queries.load("warehouse")["read_migrations"])
    return {row.number: (row.name, row.checksum) for row in rows}


def _check_agreement(known: tuple[Migration, ...], applied: dict[int, tuple[str, str]]) -> None:
    by_number = {migration.number: migration for migration in known}
    for number, (name, checksum) in sorted(applied.items()):
        if number not in by_number:
            raise MigrationConflict(
                f"The ledger has the migration {name}, which this program does not know: it is newer. "
                "Update the program; an older one must not write here."
            )
        if by_number[number].checksum != checksum:
            raise MigrationConflict(
                f"The migration {name} was applied, and its file {by_number[number].name}.sql was changed afterwards: "
                "put the file back as it was and write a new migration instead."
            )
