"""Does Airflow read a home's dags/ and plugins/? Asked of Airflow itself, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from perennial.errors import StackError
from perennial.local.servers import QUIET

READ_SECONDS = 300.0
SHOWN_LINES = 8


def find_import_errors(home: Path, models: Iterable[str]) -> Mapping[str, tuple[str, ...]]:
    """For each of the two folders that the home has, a sentence for every file that fails, and for every model without a DAG.

    Raises:
        StackError: Airflow itself does not start.
    """
    folders = [folder for folder in ("dags", "plugins") if (home / folder).is_dir()]
    if not folders:
        return {}
    read = _read(home)
    found = {"dags": _explain(read["dag_errors"]), "plugins": _explain(read["plugin_errors"])}
    named = {dag.partition(".")[0] for dag in read["dags"]}
    without = [f"no DAG is named {model}.<kind>: is a file missing in dags/?" for model in models if model not in named]
    return {
        **{folder: found[folder] for folder in folders},
        **({"dags": (*found["dags"], *without)} if "dags" in folders else {}),
    }


def _read(home: Path) -> Mapping[str, Any]:
    with tempfile.TemporaryDirectory(prefix="perennial-airflow-") as airflow_home:
        environment = {
            **os.environ,
            **QUIET,
            "AIRFLOW_HOME": airflow_home,
            "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(home / "plugins"),
            "PERENNIAL_HOME": str(home),
        }
        command = [sys.executable, "-W", "ignore", "-m", "perennial.airflow.reading", str(home / "dags")]
        done = subprocess.run(  # noqa: S603 - our own module
            command, env=environment, cwd=airflow_home, capture_output=True, text=True, check=False, timeout=READ_SECONDS
        )
    if done.returncode != 0:
        raise StackError(f"Airflow does not start here; its last lines say:\n{_end(done.stderr)}")
    read: Mapping[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return read


def _explain(errors: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(f"{file}: {_end(error)}" for file, error in sorted(errors.items()))


def _end(text: str) -> str:
    return "\n".join(text.strip().splitlines()[-SHOWN_LINES:])
