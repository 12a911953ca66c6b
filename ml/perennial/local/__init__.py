"""The embedded stack: PostgreSQL, MLflow, Airflow and a mail sink on this machine, for the demo and for trying things."""

from perennial.local.addresses import Ports, find_var
from perennial.local.airflow_api import AirflowClient
from perennial.local.doctor import Finding, diagnose
from perennial.local.libgomp import ensure_openmp
from perennial.local.logs import find_log_folders, find_secrets
from perennial.local.patience import Deadline, Patience
from perennial.local.platforms import require_linux
from perennial.local.progress import Progress
from perennial.local.services import SERVICES
from perennial.local.stack import Stack, find_airflow, find_parts, find_settings, find_unwanted, find_warehouse_url
from perennial.local.status import ServerStatus

__all__ = [
    "SERVICES",
    "AirflowClient",
    "Deadline",
    "Finding",
    "Patience",
    "Ports",
    "Progress",
    "ServerStatus",
    "Stack",
    "diagnose",
    "ensure_openmp",
    "find_airflow",
    "find_log_folders",
    "find_parts",
    "find_secrets",
    "find_settings",
    "find_unwanted",
    "find_var",
    "find_warehouse_url",
    "require_linux",
]
