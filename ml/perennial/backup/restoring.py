"""`perennial restore`: MLflow's files, then its database, then the warehouse, in the order in which a training writes them.

Each database is restored in one transaction. Until all three are there, the folder of MLflow's files holds a note of the backup;
while it does, the same backup may be restored again, and takes the place of what is half there.
"""

from __future__ import annotations

import shutil
import tarfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from perennial.backup.manifest import FILES, MLFLOW, WAREHOUSE, Manifest, read_manifest
from perennial.backup.places import Places
from perennial.config import PLATFORM_SQL
from perennial.config.folders import make_private
from perennial.errors import MigrationConflict, StackError, WouldOverwrite
from perennial.stores.sessions import Database
from perennial.stores.warehouse import migrate
from perennial.stores.warehouse.counting import count_rows

NOTE, DRAFT = ".restoring", ".restoring.draft"
# Python 3.11.4 and later refuse members that lead out of the folder; what is unpacked has the hash of what we packed.
SAFELY: dict[str, Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
AS_OWNER = "options=-c%20role%3Downer"  # what a superuser makes under its own name would be closed to pipeline
OURS = ("analytics", "scores", "labels", "features", "history", "tuning", "ledger", "source")
RESTORE = ("--single-transaction", "--exit-on-error")
COUNTED = ("ledger.runs", "ledger.snapshots", "ledger.versions", "ledger.publications")
OTHERS = """
    select format('%I.%I', nspname, relname) from pg_class join pg_namespace on pg_namespace.oid = relnamespace
    where relkind in ('r', 'p', 'f', 'v', 'm')
    and nspname in ('features', 'labels', 'scores', 'source', 'history', 'tuning') order by 1 limit 1"""
PUBLIC = """
    select format('%I', relname) from pg_class
    where relnamespace = to_regnamespace('public') and relkind in ('r', 'p') and not relispartition order by 1"""
AT_FIRST = {"alembic_version": 1, "experiments": 1, "workspaces": 1}
"""Rows that a server of MLflow writes into an empty database when it starts."""
VERSIONS = "select model, version, mlflow_run_id from ledger.versions"
KEPT = """ where not exists (
    select from ledger.purges
    where purges.model = versions.model and purges.version = versions.version and purges.kind = 'runs'
)"""


def restore_backup(places: Places, folder: Path) -> Manifest:
    """Make an empty installation what the backup holds, and bring a ledger of an older layout up to this program's.

    Raises:
        ConfigError: the backup is none, or damaged.
        MigrationConflict: a newer program has made it.
        WouldOverwrite: the installation is not empty.
        StackError: PostgreSQL refused something, or what was restored is not what was kept.
    """
    manifest = read_manifest(folder)
    known = max(path.stem for path in (PLATFORM_SQL / "schema").glob("*.sql"))
    if manifest.migration > known:
        raise MigrationConflict(
            f"{folder} holds a ledger with the migration {manifest.migration}, which this program does not know: it was made by "
            f"release {manifest.release}. Restore with that release or a newer one."
        )
    note, name = places.files / NOTE, manifest.parts[WAREHOUSE].sha256
    if not (note.is_file() and note.read_text(encoding="utf-8") == name):
        _require_empty(places)
    make_private(places.files)
    _clear(places.files)
    (places.files / DRAFT).write_text(name, encoding="utf-8")
    (places.files / DRAFT).replace(note)  # killed before, it has begun nothing
    with tarfile.open(folder / FILES, "r:gz") as packed:
        packed.extractall(places.files, **SAFELY)  # noqa: S202 - under the hash of what we packed
    places.ask(places.mlflow_url, "drop schema public cascade; create schema public authorization pg_database_owner")
    places.run("pg_restore", places.mlflow_url, *RESTORE, str((folder / MLFLOW).absolute()))
    places.ask(places.warehouse_url, "; ".join(f"drop schema if exists {schema} cascade" for schema in OURS))
    places.run("pg_restore", places.warehouse_url, *RESTORE, str((folder / WAREHOUSE).absolute()))
    _compare(places, manifest)
    migrate(f"{places.warehouse_url}{'&' if '?' in places.warehouse_url else '?'}{AS_OWNER}")
    note.unlink()
    return manifest


def _clear(files: Path) -> None:
    """Take away what a restore that was killed has left."""
    for path in files.iterdir():
        if path.name != NOTE:
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def _require_empty(places: Places) -> None:
    """Refuse an installation in which anybody has worked.

    Raises:
        WouldOverwrite: names what was found.
    """
    files = [path for path in places.files.iterdir() if path.name != DRAFT] if places.files.is_dir() else []
    found = [f"files in {places.files}"] if files else []
    if filled := _list_filled(places):
        found.append(f"{', '.join(filled)} in the database {urlsplit(places.mlflow_url).path.lstrip('/')}")
    found += [table for table in COUNTED if _has_rows(places, places.warehouse_url, table)]
    found += [table for table in [places.ask(places.warehouse_url, OTHERS)] if table]
    if found:
        raise WouldOverwrite(
            f"The installation is not empty: it holds {', '.join(found)}. Restore into a new one: for the embedded stack, "
            "another PERENNIAL_VAR and `perennial up --only postgres`; for your own servers, new databases and an empty folder."
        )


def _list_filled(places: Places) -> list[str]:
    """Tables of MLflow's database, or of whichever the variable names, with rows that somebody has written: all are dropped."""
    names = places.ask(places.mlflow_url, PUBLIC).splitlines()
    asked = (
        f"select '{number}' where exists (select from public.{name} offset {AT_FIRST.get(name, 0)})"  # noqa: S608 - quoted
        for number, name in enumerate(names)
    )
    return (
        [names[int(number)] for number in places.ask(places.mlflow_url, " union all ".join(asked)).splitlines()] if names else []
    )


def _has_rows(places: Places, url: str, table: str) -> bool:
    if places.ask(url, f"select to_regclass('{table}') is null") == "t":
        return False
    return places.ask(url, f"select exists (select from {table})") == "t"  # noqa: S608 - our names


def _compare(places: Places, manifest: Manifest) -> None:
    """Count what was restored, and look for every version of the ledger in MLflow.

    Raises:
        StackError: names the first thing that differs.
    """
    database = Database(places.warehouse_url, "perennial restore")
    try:
        with database.transaction() as session:
            rows = count_rows(session)
            if rows is None:
                raise StackError("Somebody drops tables of the warehouse that is being restored: stop them, and restore again.")
            is_older = session.exec_driver_sql("select to_regclass('ledger.purges') is null").scalar_one()
            trained = session.exec_driver_sql(VERSIONS + ("" if is_older else KEPT)).all()
    finally:
        database.dispose()
    wrong = [f"{name} has {rows.get(name)} rows, not {count}" for name, count in manifest.rows.items() if rows.get(name) != count]
    kept = set(places.ask(places.mlflow_url, "select name || ' ' || version || ' ' || run_id from model_versions").splitlines())
    wrong += [f"MLflow lacks {version.model} {version.version}" for version in trained if " ".join(map(str, version)) not in kept]
    if wrong:
        raise StackError(f"What was restored is not what was kept: {wrong[0]}. Restore again; if it stays, take another backup.")
