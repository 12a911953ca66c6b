"""Where things are: built once at the edge, from `PERENNIAL_*` by the CLI, from Airflow connections by the plugins."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from pathlib import Path

from perennial.config.smtp import Smtp, read_smtp
from perennial.errors import ConfigError, NoHome

PLATFORM_SQL = Path(__file__).resolve().parents[1] / "sql"
"""The platform's own SQL: schema, queries, views and install. A model's SQL lies in its home."""
HOME_FOLDERS = ("models", "sql", "expectations")


@dataclass(frozen=True)
class Settings:
    """Addresses and folders of one installation.

    Attributes:
        warehouse_url: PostgreSQL as role pipeline, `postgresql+psycopg2://...`.
        owner_url: the same database as role owner; only migrations use it.
        mlflow_uri: the MLflow tracking server, with a login if it wants one: `http://user:password@host`.
        mlflow_database_url: MLflow's own database, by which a purge deletes runs for good; without it they are hidden.
        home: the folder that holds models/, sql/ and expectations/; see `find_home`.
        artifacts: a local cache of model files and reports; nothing in it is the only copy of something needed.
        airflow_url: Airflow's api-server.
        airflow_public_url, mlflow_public_url: where people reach these, if elsewhere than we do: what links in mail point to.
        trials: instead of every model's own number of Optuna trials, for demonstrations and tests.
        dask_address: the scheduler whose workers fit models with `training.engine = "dask"`: `tcp://host:8786`, `tls://` ...
    """

    warehouse_url: str = field(repr=False)
    owner_url: str = field(repr=False)
    mlflow_uri: str = field(repr=False)
    home: Path
    artifacts: Path
    smtp: Smtp = field(default_factory=Smtp)
    airflow_url: str = "http://127.0.0.1:8080"
    airflow_public_url: str | None = None
    mlflow_public_url: str | None = None
    trials: int | None = None
    dask_address: str | None = None
    mlflow_database_url: str = field(default="", repr=False)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """Read `PERENNIAL_*`; raises ConfigError that names the missing variable."""
        return cls(
            warehouse_url=read_warehouse_url(environment),
            owner_url=environment.get("PERENNIAL_OWNER_URL", ""),
            mlflow_uri=_require(environment, "PERENNIAL_MLFLOW_URI"),
            smtp=read_smtp(environment),
            home=find_home(environment),
            artifacts=find_artifacts(environment),
            airflow_url=environment.get("PERENNIAL_AIRFLOW_URL", "http://127.0.0.1:8080"),
            airflow_public_url=environment.get("PERENNIAL_AIRFLOW_PUBLIC_URL") or None,
            mlflow_public_url=environment.get("PERENNIAL_MLFLOW_PUBLIC_URL") or None,
            trials=read_trials(environment),
            dask_address=environment.get("PERENNIAL_DASK_ADDRESS") or None,
            mlflow_database_url=environment.get("PERENNIAL_MLFLOW_DATABASE_URL", ""),
        )

    @property
    def airflow_pages(self) -> str:
        """Where people open Airflow."""
        return (self.airflow_public_url or self.airflow_url).rstrip("/")


def find_home(environment: Mapping[str, str] = os.environ) -> Path:
    """PERENNIAL_HOME, else the nearest folder, from the current one upwards, that holds models/, sql/ and expectations/.

    Raises:
        NoHome: the variable names no such folder, or none lies on the way up.
    """
    named = environment.get("PERENNIAL_HOME")
    if named:
        return _check_home(Path(named).absolute())
    here = Path.cwd()
    found = next((folder for folder in (here, *here.parents) if _is_home(folder)), None)
    if found is None:
        raise NoHome(
            f"{here} lies in no home (a folder with models/, sql/ and expectations/): change into one, name one in "
            "PERENNIAL_HOME, or make one with `perennial init DIR`."
        )
    return found


def find_artifacts(environment: Mapping[str, str] = os.environ) -> Path:
    """PERENNIAL_ARTIFACTS, else var/artifacts of the home."""
    named = environment.get("PERENNIAL_ARTIFACTS")
    return Path(named) if named else find_home(environment) / "var" / "artifacts"


def _check_home(named: Path) -> Path:
    if not _is_home(named):
        lacking = ", ".join(f"{folder}/" for folder in HOME_FOLDERS if not (named / folder).is_dir())
        raise NoHome(
            f"PERENNIAL_HOME is '{named}', which lacks {lacking}: name the folder that holds your models, "
            "or make one with `perennial init DIR`."
        )
    return named


def _is_home(folder: Path) -> bool:
    return all((folder / name).is_dir() for name in HOME_FOLDERS)


def read_warehouse_url(environment: Mapping[str, str] = os.environ) -> str:
    """PERENNIAL_WAREHOUSE_URL; raises ConfigError where it is missing."""
    return _require(environment, "PERENNIAL_WAREHOUSE_URL")


def read_watcher_url(environment: Mapping[str, str] = os.environ) -> str:
    """PERENNIAL_WATCHER_URL, the warehouse as role watcher; raises ConfigError where it is missing."""
    return _require(environment, "PERENNIAL_WATCHER_URL")


def read_trials(environment: Mapping[str, str] = os.environ) -> int | None:
    """PERENNIAL_TRIALS; None leaves it to the model files."""
    value = environment.get("PERENNIAL_TRIALS", "")
    if not value:
        return None
    if not value.isdigit() or int(value) < 1:
        raise ConfigError(f"PERENNIAL_TRIALS is '{value}': give a number of trials such as 12, or unset it.")
    return int(value)


def _require(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name, "")
    if not value:
        raise ConfigError(
            f"{name} is not set: start the embedded stack with `perennial up`, or point {name} at your own server "
            "(documentation, 'Your own servers')."
        )
    if name.endswith("_URL") and not value.startswith("postgresql+psycopg2://"):
        raise ConfigError(f"{name} must begin with postgresql+psycopg2:// (the bare form would pick another driver).")
    return value


@cache
def read_code_version() -> str:
    """The release and a hash of every Python file of the package: what a ledger row was written by, with or without git."""
    sources = sorted(PLATFORM_SQL.parent.rglob("*.py"))
    digest = hashlib.sha256(b"\0".join(path.read_bytes() for path in sources)).hexdigest()
    return f"{version('perennial')}+{digest[:12]}"
