"""Loads the heavy libraries before the scheduler, or a Celery worker, forks, so that a task starts in seconds.

Import only: a parent that has trained (OpenMP) before the fork would make its children hang.
"""

from __future__ import annotations

import os
from importlib import import_module

LIBRARIES = (
    "perennial.pipeline",  # imports nearly everything that a task needs
    # What it leaves for the stage that needs it, since it takes seconds.
    "evidently.presets",
    "great_expectations.execution_engine.sqlalchemy_execution_engine",
    "great_expectations.validator.validator",
    "matplotlib.backends.backend_agg",
)


def preload() -> None:
    """Import what tasks need; nothing of it connects anywhere or starts a thread."""
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")  # read when the library is imported
    for library in LIBRARIES:
        import_module(library)
    from perennial.stores.registry import prepare_mlflow  # noqa: PLC0415 - imports MLflow; DAG parsing must not

    prepare_mlflow()
