"""Preloads heavy libraries in the scheduler, so that each forked task starts in seconds.

Import only: a parent that has trained (OpenMP) before the fork would make its children hang.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module

__all__ = ()

LATE = (
    # What importing `ml.pipeline` leaves for the stage that needs it, since it takes seconds.
    "evidently.presets",
    "great_expectations.execution_engine.sqlalchemy_execution_engine",
    "great_expectations.validator.validator",
    "matplotlib.backends.backend_agg",
)

if "scheduler" in sys.argv:
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")  # read when the library is imported
    import ml.pipeline  # noqa: F401 - importing it imports nearly everything that a task needs
    from ml.stores.registry import prepare_mlflow

    prepare_mlflow()
    for late in LATE:
        import_module(late)
