"""The embedded stack: PostgreSQL, MLflow, Airflow and a mail sink on this machine, for the demo and for trying things."""

from ml.local.addresses import Ports, find_var
from ml.local.airflow_api import AirflowClient
from ml.local.doctor import Finding, diagnose
from ml.local.libgomp import ensure_openmp
from ml.local.stack import ServerStatus, Stack, find_airflow, find_settings

__all__ = [
    "AirflowClient",
    "Finding",
    "Ports",
    "ServerStatus",
    "Stack",
    "diagnose",
    "ensure_openmp",
    "find_airflow",
    "find_settings",
    "find_var",
]
