"""How MLflow is imported: its import acts, so the environment comes first, and not before somebody needs the library."""

from __future__ import annotations

import os

ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",  # read when the library is imported
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",  # by default a server that is down blocks for four minutes
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "15",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # stdout is for data: `perennial train --json`
}


def prepare_mlflow() -> None:
    """Settle what the library reads from the environment (what is set already stands), then import it: about 3 s."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    import mlflow  # noqa: F401, PLC0415 - its import acts: it must find the environment prepared


def lend_login(login: tuple[str, str] | None) -> None:
    """Tell the library a login as it asks for one, at every request: in addresses it would stand in what the library logs."""
    if login is not None:
        os.environ["MLFLOW_TRACKING_USERNAME"], os.environ["MLFLOW_TRACKING_PASSWORD"] = login
