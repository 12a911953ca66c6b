"""Settings from Airflow's connections `warehouse` and `smtp_default`, the rest from `PERENNIAL_*`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote, urlencode

from airflow.sdk import Connection

from ml.config import ROOT, Settings, Smtp
from ml.config.settings import read_trials

IMPLICIT_SMTP_PORT = 25
TLS_PORT = 465
"""Encrypted from the first byte (RFC 8314)."""

AIRFLOWS_OWN = (
    *("iam", "redshift", "redshift-serverless", "cluster-identifier", "workgroup-name", "aws_conn_id", "azure_conn_id"),
    *("cursor", "sqlalchemy_scheme", "sqlalchemy_query"),
)
"""Extras of a connection to PostgreSQL that Airflow's hook keeps for itself; it hands all others to libpq, and so do we."""

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
    """The address of a connection to PostgreSQL; its extras are parameters of libpq, such as sslmode."""
    login = f"{quote(connection.login or '', safe='')}:{quote(connection.password or '', safe='')}"
    place = f"{connection.host}:{connection.port or 5432}/{connection.schema or 'warehouse'}"
    extras = {name: str(value) for name, value in connection.extra_dejson.items() if name not in AIRFLOWS_OWN}
    return f"postgresql+psycopg2://{login}@{place}" + (f"?{urlencode(extras)}" if extras else "")


def _smtp(connection: Connection) -> Smtp:
    extra = connection.extra_dejson
    tls = _is_tls(connection, extra)
    return Smtp(
        host=connection.host or "127.0.0.1",
        port=connection.port or IMPLICIT_SMTP_PORT,
        user=connection.login or None,
        password=connection.password or None,
        sender=str(extra.get("from_email") or DEFAULT_SENDER),
        starttls=not tls and not _is_true(extra.get("disable_tls", False)),
        tls=tls,
    )


def _is_tls(connection: Connection, extra: Mapping[str, object]) -> bool:
    """Is it encrypted from the first byte?

    In Airflow `disable_ssl` forbids just this, and `disable_tls` forbids STARTTLS. A connection that forbids neither would
    ask for both, one inside the other, which no server offers: its port says which of them is meant.
    """
    if _is_true(extra.get("disable_ssl", False)):
        return False
    return _is_true(extra.get("disable_tls", False)) or connection.port == TLS_PORT


def _is_true(value: object) -> bool:
    return str(value).lower() in ("1", "true", "yes")
