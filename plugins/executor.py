"""Airflow's LocalExecutor, with a scheduler whose garbage collector leaves alone what its tasks share with it."""

from __future__ import annotations

import gc

from airflow.executors.local_executor import LocalExecutor


class SharingExecutor(LocalExecutor):
    """Keeps the preloaded libraries in memory once, for the scheduler and all its tasks.

    LocalExecutor freezes every object before it forks its workers and thaws them afterwards, in the scheduler alone.
    The scheduler's next full collection then writes into the header of each, and the kernel copies the page under it:
    240 of 420 MB, measured.
    """

    def start(self) -> None:
        """Fork the workers; what was loaded before stays out of collections for as long as the scheduler lives."""
        super().start()
        gc.freeze()
