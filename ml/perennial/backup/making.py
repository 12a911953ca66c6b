"""`perennial backup`: the warehouse as one snapshot of PostgreSQL shows it, then MLflow's database, then its files.

Nothing stops meanwhile but purges of files, which wait until the files are packed. A version is in MLflow, and its files before
it, before the ledger names it; so what the warehouse's snapshot names is in a database that is read after the snapshot was taken,
and in files that are read after that. What came later stays in MLflow unused, as after a training that was killed; an alias that
has moved on is put back by `reconcile`.
"""

from __future__ import annotations

import fcntl
import importlib.metadata
import os
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from glob import escape
from pathlib import Path
from tempfile import mkdtemp

from perennial.backup.manifest import FILES, FORMAT, MLFLOW, NAME, PARTS, WAREHOUSE, Manifest, describe_part, write_manifest
from perennial.backup.places import Places
from perennial.config import find_commit
from perennial.config.folders import make_private
from perennial.errors import ConfigError, StackError, WarehouseBusy, WouldOverwrite
from perennial.stores.sessions import FILES_FENCE, Database, hold_lock
from perennial.stores.warehouse.counting import count_rows

DUMP = ("--format=custom", "--compress=6", "--no-password", "--lock-wait-timeout=120s")
SHARDS = "--exclude-table=scores.shard$*"  # of attempts that run; whoever comes after them makes their own
BEGINNINGS = 5  # a table is dropped by a purge or a person, seldom twice within the moments of two
NEWEST = "select name from ledger.migrations order by number desc limit 1"


def make_backup(
    places: Places, folder: Path, made_at: datetime, *, with_source: bool = True, home: Path | None = None
) -> Manifest:
    """Write a backup into `folder`, which gets its name once it is whole.

    Args:
        places: the installation.
        folder: must not be there yet.
        made_at: the wall's time.
        with_source: take the rows of the schema `source`; without them its tables are restored empty.
        home: the home of the installation, whose commit the manifest names; its files are no part of the backup.

    Raises:
        ConfigError: MLflow's files are not where they should be, or the database is no warehouse.
        WouldOverwrite: there is something at `folder` already.
        StackError: pg_dump failed, or a file could not be written; nothing stays.
        WarehouseBusy: a purge, or another backup, goes on for too long, or tables are dropped all the time; nothing stays.
        WarehouseUnavailable: PostgreSQL does not answer.
    """
    folder = folder.absolute()
    if os.path.lexists(folder):
        raise WouldOverwrite(f"{folder} is there already: name a folder that is not, such as one that bears the day.")
    if not places.files.is_dir():
        raise ConfigError(f"MLflow's files are not at {places.files}: set PERENNIAL_MLFLOW_FILES to the folder of its artifacts.")
    make_private(folder.parent)
    try:
        _sweep(folder)
        with _make_draft(folder) as draft:
            manifest = _fill(places, draft, made_at, with_source=with_source)
            manifest = replace(manifest, home_commit=find_commit(home) if home else None)
            write_manifest(draft, manifest)
            _flush(draft)
            draft.rename(folder)
    except OSError as error:
        if os.path.lexists(folder):
            raise WouldOverwrite(
                f"{folder} was written meanwhile, by another backup: that one stays, and this one is gone."
            ) from error
        raise StackError(f"The backup {folder} could not be written: {error}; nothing of it was kept.") from error
    return manifest


@contextmanager
def _make_draft(folder: Path) -> Iterator[Path]:
    """A folder beside it, which nothing is left of unless it was given its name; locked for as long as its maker lives."""
    draft = Path(mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    held = os.open(draft, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield draft
    finally:
        os.close(held)
        shutil.rmtree(draft, ignore_errors=True)


def _sweep(folder: Path) -> None:
    """Take away what backups of this name have left that were killed."""
    for left in folder.parent.glob(f".{escape(folder.name)}.*"):
        if not left.is_dir() or not {path.name for path in left.iterdir()} <= {*PARTS, NAME}:
            continue  # no backup's
        held = os.open(left, os.O_RDONLY)
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue  # somebody is at it
        else:
            shutil.rmtree(left, ignore_errors=True)
        finally:
            os.close(held)


def _fill(places: Places, draft: Path, made_at: datetime, *, with_source: bool) -> Manifest:
    database = Database(places.warehouse_url, "perennial backup")
    left_out = () if with_source else ("--exclude-table-data=source.*",)
    try:
        with database.hold() as holder:
            with database.name_failures():
                hold_lock(holder, *FILES_FENCE)
            migration, rows = _dump_warehouse(places, database, draft, left_out)
            _dump(places, places.mlflow_url, draft / MLFLOW)
            _pack(places.files, draft / FILES)
    finally:
        database.dispose()
    kept = rows if with_source else {name: 0 if name.startswith("source.") else count for name, count in rows.items()}
    parts = {name: describe_part(draft / name) for name in PARTS}
    release = importlib.metadata.version("perennial")
    return Manifest(FORMAT, made_at, release, migration, with_source=with_source, rows=kept, parts=parts)


def _dump_warehouse(places: Places, database: Database, draft: Path, left_out: tuple[str, ...]) -> tuple[str, dict[str, int]]:
    """The newest migration and the rows of every table; begun anew where a table goes before it is held."""
    for _ in range(BEGINNINGS):
        with database.transaction() as session:
            session.exec_driver_sql("set transaction isolation level repeatable read, read only")
            session.exec_driver_sql("set local idle_in_transaction_session_timeout = 0")  # while pg_dump writes
            shown = session.exec_driver_sql("select pg_export_snapshot()").scalar_one()
            if session.exec_driver_sql("select to_regclass('ledger.migrations')").scalar_one() is None:
                raise ConfigError(f"{database.describe()} is no warehouse: it has no ledger. Correct PERENNIAL_SUPERUSER_URL.")
            migration = session.exec_driver_sql(NEWEST).scalar_one()
            rows = count_rows(session)  # and so holds every table: none is dropped before it is written
            if rows is None:
                continue
            _dump(places, places.warehouse_url, draft / WAREHOUSE, f"--snapshot={shown}", SHARDS, *left_out)
            return migration, rows
    raise WarehouseBusy(
        f"{database.describe()}: {BEGINNINGS} times in a row a table was dropped while the backup began; nothing of it was kept. "
        "Take it again once whoever drops tables has ended."
    )


def _dump(places: Places, url: str, file: Path, *arguments: str) -> None:
    file.touch(mode=0o600)
    places.run("pg_dump", url, *DUMP, f"--file={file}", *arguments)


def _pack(files: Path, archive: Path) -> None:
    """All files of the folder; what is taken away meanwhile no version needs, for purges wait."""
    archive.touch(mode=0o600)
    with tarfile.open(archive, "w:gz", compresslevel=6) as packed:
        for path in sorted(files.rglob("*")):
            try:
                entry = packed.gettarinfo(path, str(path.relative_to(files)))
                if entry.isdir():
                    packed.addfile(entry)
                elif path.is_file() and not path.is_symlink():
                    entry.type, entry.linkname = tarfile.REGTYPE, ""  # a second name of a file is a file of its own
                    with path.open("rb") as content:
                        entry.size = os.fstat(content.fileno()).st_size
                        packed.addfile(entry, content)
            except FileNotFoundError:
                continue


def _flush(folder: Path) -> None:
    """Have everything on disk before the folder gets its name."""
    for path in (*folder.iterdir(), folder):
        path.chmod(0o700 if path.is_dir() else 0o600)
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
