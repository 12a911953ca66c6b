"""Settings from Airflow's connections `warehouse` and `smtp_default`, the rest from `PERENNIAL_*`."""

from __future__ import annotations

import os
from urllib.parse import quote, urlencode

from airflow.sdk import Connection

from perennial.config import Settings, Smtp, find_artifacts, find_home
from perennial.config.settings import read_trials

AIRFLOWS_OWN = (
    *("iam", "redshift", "redshift-serverless", "cluster-identifier", "workgroup-name", "aws_conn_id", "azure_conn_id"),
    *("cursor", "sqlalchemy_scheme", "sqlalchemy_query"),
)
"""Extras of a connection to PostgreSQL that Airflow's hook keeps for itself; it hands all others to libpq, and so do we."""


def read_settings() -> Settings:
    """One frozen `Settings` for this task."""
    return Settings(
        warehouse_url=write_warehouse_url(Connection.get("warehouse")),
        owner_url="",
        mlflow_uri=read_mlflow_uri(),
        smtp=_read_smtp(Connection.get("smtp_default")),
        home=find_home(),
        artifacts=find_artifacts(),
        airflow_public_url=os.environ.get("PERENNIAL_AIRFLOW_PUBLIC_URL") or None,
        mlflow_public_url=os.environ.get("PERENNIAL_MLFLOW_PUBLIC_URL") or None,
        trials=read_trials(),
        dask_address=os.environ.get("PERENNIAL_DASK_ADDRESS") or None,
        mlflow_database_url=os.environ.get("PERENNIAL_MLFLOW_DATABASE_URL", ""),
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


def _read_smtp(connection: Connection) -> Smtp:
    return Smtp.of_connection(
        connection.host,
        connection.port,
        user=connection.login,
        password=connection.password,
        extras=connection.extra_dejson,
    )
