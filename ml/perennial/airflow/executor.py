"""Airflow's LocalExecutor, with libraries that all tasks share: loaded before the fork, left alone by the collector after it.

And it is what a scheduler with nothing to do waits for, instead of a fixed time.
"""

from __future__ import annotations

import gc
import sys
import time
from typing import Any

from airflow.executors.local_executor import LocalExecutor

from perennial.airflow.preload import preload

SHORTEST_SECONDS, GROWTH = 0.05, 1.4
"""Of the first quiet round of the scheduler, and by how much each exceeds the last; quiet: no task began or ended."""
LONGEST_SECONDS, LONGEST_IDLE_SECONDS = 0.2, 1.0
"""While a task runs, whose success Airflow knows some time before its process ends; and while none does."""
POLL_SECONDS = 0.02


class SharingExecutor(LocalExecutor):
    """Loads the libraries of all stages, and keeps them in memory once, for the scheduler and all its tasks.

    LocalExecutor freezes every object before it forks its workers and thaws them afterwards, in the scheduler alone.
    The scheduler's next full collection then writes into the header of each, and the kernel copies the page under it:
    240 of 420 MB, measured.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)  # type: ignore[no-untyped-call] # Airflow's
        self._seen: frozenset[object] = frozenset()
        self._idle_seconds = 0.0
        # Before the scheduler's first heartbeat: whoever waits for its health then waits for the libraries too. The
        # api-server makes an executor as well, when it is asked for the log of a task that runs; it needs none of them.
        if "scheduler" in sys.argv:
            preload()

    def start(self) -> None:
        """Fork the workers; what was loaded before stays out of collections for as long as the scheduler lives."""
        super().start()
        gc.freeze()

    def sync(self) -> None:
        """Read which tasks have ended; where none did, and none began, wait a while for one first.

        Each round of the scheduler costs it and PostgreSQL tens of milliseconds, which the task that it waits for is in want of.
        So the waiting grows from round to round, and ends when a task does.
        """
        running = frozenset[object](self.running)
        quiet = min(self._idle_seconds * GROWTH or SHORTEST_SECONDS, LONGEST_SECONDS if running else LONGEST_IDLE_SECONDS)
        self._idle_seconds = quiet if running == self._seen else 0.0
        self._seen = running
        until = time.monotonic() + self._idle_seconds
        while self.result_queue.empty() and (left := until - time.monotonic()) > 0:
            time.sleep(min(left, POLL_SECONDS))
        super().sync()
