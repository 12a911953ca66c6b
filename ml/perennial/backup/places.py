"""Where the parts of an installation are, and PostgreSQL's programs that read and write them."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from perennial.config.logins import hide_login
from perennial.errors import ConfigError, ExtraMissing, StackError
from perennial.local.binaries import find_binaries
from perennial.local.processes import inherit_environment

VARIABLES = ("PERENNIAL_SUPERUSER_URL", "PERENNIAL_MLFLOW_DATABASE_URL", "PERENNIAL_MLFLOW_FILES")


@dataclass(frozen=True)
class Places:
    """One installation.

    Attributes:
        warehouse_url: the warehouse as a superuser, who alone may read and give away the tables of every role.
        mlflow_url: MLflow's database as its owner or a superuser.
        files: the folder in which MLflow keeps artifacts.
        programs: the folder of pg_dump, pg_restore and psql.
    """

    warehouse_url: str = field(repr=False)
    mlflow_url: str = field(repr=False)
    files: Path
    programs: Path

    def run(self, program: str, url: str, *arguments: str) -> str:
        """Run one of the programs on a database to its end, and give what it printed; no password on the command line.

        Raises:
            StackError: with what it said.
        """
        address = urlsplit(url)
        done = subprocess.run(  # noqa: S603 - PostgreSQL's own program, no shell
            [
                str(self.programs / program),
                *("--host", address.hostname or "", "--port", str(address.port or 5432), "--no-password"),
                *("--username", unquote(address.username or ""), "--dbname", address.path.lstrip("/"), *arguments),
            ],
            env={**inherit_environment(), "PGPASSWORD": unquote(address.password or ""), "PGCONNECT_TIMEOUT": "30"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            said = done.stderr.strip() or f"it ended with {done.returncode}"
            raise StackError(f"{program} on the database {address.path.lstrip('/')} failed: {said}")
        return done.stdout

    def ask(self, url: str, statements: str) -> str:
        """What psql prints of it, without frills; it stops at the first error and then has changed nothing.

        Raises:
            StackError: with what psql said.
        """
        options = ("--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--single-transaction", "--set=ON_ERROR_STOP=1")
        return self.run("psql", url, *options, "--command", statements).strip()


def find_places(embedded: tuple[str, str, Path] | None, environment: Mapping[str, str] = os.environ) -> Places:
    """The installation that the environment names, else the embedded stack's.

    Args:
        embedded: of a stack that runs here, the warehouse and MLflow's database as superuser, and the folder of MLflow's files.

    Raises:
        ConfigError: neither is there, only some of the variables are set, MLflow's files are in an object store, or PostgreSQL's
            programs are not here.
    """
    missing = [name for name in VARIABLES if not environment.get(name)]
    if not missing:
        warehouse_url, mlflow_url, files = (environment[name] for name in VARIABLES)
        if "://" in files:
            raise ConfigError(
                f"PERENNIAL_MLFLOW_FILES is {hide_login(files)}: artifacts in an object store are not covered, for what is "
                "backed up is a folder. Use the copies that the store keeps, or name the folder at which it is mounted here."
            )
        return Places(warehouse_url, mlflow_url, Path(files), _find_programs(Path(files)))
    if len(missing) < len(VARIABLES) or environment.get("PERENNIAL_WAREHOUSE_URL"):
        raise ConfigError(
            f"{', '.join(missing)} not set: PostgreSQL of your own is backed up and restored as {', '.join(VARIABLES)} say; "
            "set all three."
        )
    if embedded is None:
        raise ConfigError(
            f"No installation: start the embedded one with `perennial up --only postgres`, or set {', '.join(VARIABLES)}."
        )
    return Places(*embedded, find_binaries(embedded[2].parent).folder)  # those on PATH may be older than its server


def _find_programs(base: Path) -> Path:
    """Those on PATH, else those of the embedded PostgreSQL."""
    found = shutil.which("pg_dump")
    if found is not None:
        return Path(found).parent
    try:
        return find_binaries(base.parent).folder
    except ExtraMissing as error:
        raise ConfigError("pg_dump is not on PATH: install PostgreSQL's client programs of your server's release.") from error
