"""The random passwords of one embedded stack: made once, kept in one file that only its owner reads."""

from __future__ import annotations

import base64
import json
import os
import secrets
from pathlib import Path

ROLES = ("owner", "loader", "pipeline", "analyst", "watcher", "recorder", "airflow", "mlflow")
NAMES = ("postgres", *ROLES, "airflow_admin", "mlflow_admin", "airflow_api_secret", "airflow_jwt_secret", "airflow_fernet_key")


def read_passwords(path: Path) -> dict[str, str]:
    """Read the file; make it, or what it lacks, first."""
    known: dict[str, str] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    missing = {name: _make(name) for name in NAMES if name not in known}
    if missing:
        write_private(path, json.dumps({**known, **missing}, indent=1))
    return {**known, **missing}


def write_private(path: Path, text: str) -> None:
    """Replace a file as a whole; nobody but its owner may ever read it."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as output:
        output.write(text)
    draft.replace(path)


def _make(name: str) -> str:
    if name == "airflow_fernet_key":
        return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    if name == "airflow_jwt_secret":
        return base64.b64encode(secrets.token_bytes(64)).decode()
    return secrets.token_urlsafe(24)
