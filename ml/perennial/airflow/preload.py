"""Loads the heavy libraries before the scheduler, or a Celery worker, forks, so that a task starts in seconds.

Import only: a parent that has trained (OpenMP) before the fork would make its children hang.
"""

from __future__ import annotations

import gc
import os
from importlib import import_module

LIBRARIES = (
    "perennial.pipeline",  # imports nearly everything that a task needs
    # What it leaves for the stage that needs it, since it takes seconds.
    "evidently.presets",
    "great_expectations.execution_engine.sqlalchemy_execution_engine",
    "great_expectations.validator.validator",
    "matplotlib.backends.backend_agg",
    # What Airflow imports for each task, in that task's process: its own machinery, and ours that DAG files and the plugin name.
    "airflow.dag_processing.dagbag",
    "airflow.sdk.execution_time.supervisor",
    "perennial.airflow.approval",
    "perennial.airflow.nightly",
    "perennial.airflow.pages",
    "perennial.airflow.stage",
)


def preload() -> None:
    """Import what tasks need; nothing of it connects anywhere or starts a thread."""
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")  # read when the library is imported
    gc.disable()  # what is imported stays: to look through it again and again takes a quarter of the time
    for library in LIBRARIES:
        import_module(library)
    gc.enable()
    from perennial.stores.registry import prepare_mlflow  # noqa: PLC0415 - imports MLflow; DAG parsing must not

    prepare_mlflow()
