"""Airflow's Celery workers: the libraries of all stages before they fork, and what `perennial doctor` asks them.

Read through `AIRFLOW__CELERY__CELERY_CONFIG_OPTIONS=perennial.airflow.workers.CONFIGURATION`, by the scheduler too. The signals
below come in a worker alone. Needs the extra `workers`.
"""

from __future__ import annotations

import gc
from typing import Any

from airflow.providers.celery.executors.default_celery import DEFAULT_CELERY_CONFIG
from celery.signals import import_modules, worker_ready

from perennial.airflow.preload import preload
from perennial.local.workers import COMMAND, describe_here

CONFIGURATION: dict[str, Any] = {**DEFAULT_CELERY_CONFIG}
"""Airflow's own; what is special about our workers hangs on the signals."""


@import_modules.connect  # type: ignore[untyped-decorator] # Celery's
def load_libraries(**_: object) -> None:
    """Before a worker forks its processes: import what tasks need, and learn to answer `perennial doctor`."""
    from celery.worker.control import inspect_command  # noqa: PLC0415 - the machinery of a worker, which the scheduler is not

    preload()
    inspect_command(name=COMMAND)(describe)
    # Connected now, so that it comes after Airflow's own receiver, which thaws what was frozen before the fork.
    worker_ready.connect(keep_shared)


def keep_shared(**_: object) -> None:
    """No collection of the worker touches what its processes share; see `perennial.airflow.executor`."""
    gc.freeze()


def describe(state: Any) -> dict[str, object]:
    """Machine, queues, program and home of this worker."""
    return describe_here(queue.name for queue in state.consumer.task_consumer.queues)
