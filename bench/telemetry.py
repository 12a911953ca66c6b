"""What the span of a stage costs while nobody listens, beside what the same attempt writes to the ledger anyway.

On a PostgreSQL of its own.

    python bench/telemetry.py       # some seconds
"""

from __future__ import annotations

import logging
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

from perennial.local import Ports, Stack
from perennial.records import Run
from perennial.stores import ledger, telemetry
from perennial.stores.sessions import Database

RUN = Run("lapse", date(2017, 6, 12), datetime(2017, 6, 12, 10, tzinfo=UTC), "simulation", dag_run_id="manual__1")
ROUNDS, SPANS, ATTEMPTS = 7, 2000, 20


def main() -> None:
    logging.getLogger().setLevel(logging.WARNING)
    with tempfile.TemporaryDirectory(prefix="perennial-", ignore_cleanup_errors=True) as folder:
        stack = Stack(Path(folder), ports=Ports.free())
        try:
            stack.up(only=("postgres", "mlflow"), tied=True)
            database = Database(stack.settings().warehouse_url)
            ratios = [measure(open_span, SPANS) / measure(lambda: record(database), ATTEMPTS) for _ in range(ROUNDS)]
        finally:
            stack.down()
    print(f"span of an attempt / rows of the same attempt in the ledger: median {statistics.median(ratios):.5f}")
    print(f"                                                             most   {max(ratios):.5f}")
    print(f"a span: {1e6 * measure(open_span, SPANS):.1f} us")


def measure(work: Callable[[], None], times: int) -> float:
    """Seconds of one."""
    begun = time.perf_counter()
    for _ in range(times):
        work()
    return (time.perf_counter() - begun) / times


def open_span() -> None:
    with telemetry.open_span(RUN, "validate") as write_attempt:
        write_attempt(1)


def record(database: Database) -> None:
    """An attempt begins and ends, as `pipeline.opening` writes it."""
    with database.transaction() as session:
        attempt = ledger.start_run(session, RUN, "validate")
    with database.transaction() as session:
        ledger.finish_run(session, attempt, "ok")


if __name__ == "__main__":
    main()
