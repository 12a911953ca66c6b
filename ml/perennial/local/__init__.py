"""The embedded stack: PostgreSQL, MLflow, Airflow and a mail sink on this machine, for the demo and for trying things."""

from perennial.local.addresses import Ports, find_var
from perennial.local.airflow_api import AirflowClient
from perennial.local.doctor import Finding, diagnose
from perennial.local.libgomp import ensure_openmp
from perennial.local.stack import ServerStatus, Stack, find_airflow, find_loader_url, find_settings

__all__ = [
    "AirflowClient",
    "Finding",
    "Ports",
    "ServerStatus",
    "Stack",
    "diagnose",
    "ensure_openmp",
    "find_airflow",
    "find_loader_url",
    "find_settings",
    "find_var",
]
