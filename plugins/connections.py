"""Settings from Airflow's connections `warehouse` and `smtp_default`, the rest from `PERENNIAL_*`."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote

from airflow.sdk import Connection

from ml.config import ROOT, Settings, Smtp
from ml.config.settings import read_trials

IMPLICIT_SMTP_PORT = 25
DEFAULT_SENDER = "perennial@example.com"


def read_settings() -> Settings:
    """One frozen `Settings` for this task."""
    return Settings(
        warehouse_url=write_warehouse_url(Connection.get("warehouse")),
        owner_url="",
        mlflow_uri=read_mlflow_uri(),
        smtp=_smtp(Connection.get("smtp_default")),
        home=Path(os.environ.get("PERENNIAL_HOME", str(ROOT))),
        artifacts=Path(os.environ.get("PERENNIAL_ARTIFACTS", str(ROOT / "var" / "artifacts"))),
        mlflow_public_url=os.environ.get("PERENNIAL_MLFLOW_PUBLIC_URL") or None,
        trials=read_trials(),
        airflow_url=os.environ.get("PERENNIAL_AIRFLOW_URL", "http://127.0.0.1:8080"),
    )


def read_mlflow_uri() -> str:
    """The tracking server, from PERENNIAL_MLFLOW_URI."""
    return os.environ.get("PERENNIAL_MLFLOW_URI", "http://127.0.0.1:5000")


def write_warehouse_url(connection: Connection) -> str:
    """The address of a connection to PostgreSQL."""
    login = f"{quote(connection.login or '', safe='')}:{quote(connection.password or '', safe='')}"
    return f"postgresql+psycopg2://{login}@{connection.host}:{connection.port or 5432}/{connection.schema or 'warehouse'}"


def _smtp(connection: Connection) -> Smtp:
    extra = connection.extra_dejson
    return Smtp(
        host=connection.host or "127.0.0.1",
        port=connection.port or IMPLICIT_SMTP_PORT,
        user=connection.login or None,
        password=connection.password or None,
        sender=str(extra.get("from_email") or DEFAULT_SENDER),
        starttls=not _is_true(extra.get("disable_tls", False)),
    )


def _is_true(value: object) -> bool:
    return str(value).lower() in ("1", "true", "yes")
