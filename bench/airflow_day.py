"""Where the seconds of a scheduled day go in Airflow, from the refresh to the mail; and days like it in one process.

The demo's model on an embedded stack of its own. Airflow's task instances say when a task was scheduled, began and ended, the
ledger how long the stages in it took. What people wait for is the chain of tasks from the refresh to the mail of the decision.
Each second of it is of one kind: `between` two tasks (scheduler, free slots, the hop from DAG to DAG), `stages` (ours), or
`around` them (the process of a task, the DAG's file, Airflow's API, links, the mail). The peer: each stage once in this process.

    python bench/airflow_day.py             # five days
    python bench/airflow_day.py --days 9
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

from paths import ROOT
from sqlalchemy import text

from perennial import operate, pipeline
from perennial.demo.data import load_complete_journey
from perennial.demo.life import Life, Lived
from perennial.local import Ports, Stack
from perennial.pipeline import Stores
from perennial.records import Run

MODEL = "lapse"
HISTORY = date(2017, 6, 19), date(2017, 10, 2)  # eight as_ofs to choose on, the embargo, four held out
FIRST = date(2017, 10, 30)
CHAIN = (
    *(("refresh", "refresh"), ("refresh", "validate"), ("score", "score")),
    *(("monitor", "monitor"), ("monitor", "ask_for_retraining"), ("monitor", "mail")),
)
"""What the mail of a quiet day waits for, task after task."""
STAGES = """
select stage, extract(epoch from finished_at - recorded_at)::float8 from ledger.runs
where model = :model and as_of = :as_of and dag_run_id = any(:runs)"""


@dataclass(frozen=True)
class Day:
    """Seconds of one day, from the refresh being queued to the end of the mail."""

    whole: float
    between: float
    stages: float

    @property
    def around(self) -> float:
        return self.whole - self.between - self.stages


def main() -> None:
    options = read_options()
    with ExitStack() as ending:
        folder = Path(ending.enter_context(tempfile.TemporaryDirectory(prefix="perennial-", ignore_cleanup_errors=True)))
        stack = ending.enter_context(start(folder))
        stores = ending.enter_context(pipeline.open_stores(stack.settings()))
        ending.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        life = prepare(stack, stores)
        pairs = [live_pair(stack, stores, life, number) for number in range(options.days)]
    show([day for day, _ in pairs], [alone for _, alone in pairs])


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=5, help="how many days to live in Airflow, and as many in this process")
    return parser.parse_args()


@contextmanager
def start(folder: Path) -> Iterator[Stack]:
    os.environ["PERENNIAL_TRIALS"] = "1"
    stack = Stack(folder / "var", simulated_until=date(2018, 1, 3), ports=Ports.free(), home=ROOT)
    try:
        stack.up(tied=True)
        yield stack
    finally:
        stack.down()


def prepare(stack: Stack, stores: Stores) -> Life:
    """History, a first champion, and one day that nobody measures: every library and every page has been touched once."""
    load_complete_journey(stack.environment()["PERENNIAL_LOADER_URL"])
    operate.sync(stores, MODEL)
    list(operate.backfill(stores, MODEL, *HISTORY))
    life = Life(stack.airflow, MODEL)
    life.wake()
    life.start("retrain", FIRST)
    life.start("refresh", FIRST)
    live_alone(stores, FIRST)
    return life


def live_pair(stack: Stack, stores: Stores, life: Life, number: int) -> tuple[Day, float]:
    """One day in Airflow, and the next one in this process."""
    as_of = FIRST + timedelta(days=1 + 2 * number)
    lived = life.start("refresh", as_of)
    return measure(stack, stores, as_of, lived), live_alone(stores, as_of + timedelta(days=1))


def live_alone(stores: Stores, as_of: date) -> float:
    run = Run(MODEL, as_of, stores.declaration(MODEL).model.known_until(as_of), "simulation")
    began = time.perf_counter()
    for stage in ("refresh", "validate", "score", "monitor", "decide", "report"):
        pipeline.STAGES[stage](stores, run)
    pipeline.mail(stores, run, dag="monitor")
    return time.perf_counter() - began


def measure(stack: Stack, stores: Stores, as_of: date, lived: tuple[Lived, ...]) -> Day:
    tasks = {
        (run.verb, task["task_id"]): task
        for run in lived
        for task in stack.airflow.task_instances(f"{MODEL}.{run.verb}", run.run_id)
    }
    began = read_instant(tasks[CHAIN[0]], "scheduled_when")
    ends = [began, *(read_instant(tasks[step], "end_date") for step in CHAIN)]
    starts = [read_instant(tasks[step], "start_date") for step in CHAIN]
    between = sum((after - before).total_seconds() for before, after in zip(ends, starts, strict=False))
    values = {"model": MODEL, "as_of": as_of, "runs": [run.run_id for run in lived]}
    with stores.warehouse.transaction() as session:
        seconds = dict(session.execute(text(STAGES), values).tuples().all())
    ours = sum(seconds[stage] for stage in ("refresh", "validate", "score", "monitor", "decide"))
    return Day((ends[-1] - began).total_seconds(), between, ours)


def read_instant(task: dict[str, Any], name: str) -> datetime:
    return datetime.fromisoformat(task[name])


def show(days: list[Day], alone: list[float]) -> None:
    print(f"{len(days)} days of {MODEL}, medians; load {os.getloadavg()[0]:.1f} on {len(os.sched_getaffinity(0))} cores")
    for name in ("whole", "between", "around", "stages"):
        seconds = [getattr(day, name) for day in days]
        print(f"{name:15} {median(seconds):6.2f} s   single days {', '.join(f'{each:.2f}' for each in seconds)}")
    print(f"{'in one process':15} {median(alone):6.2f} s   single days {', '.join(f'{each:.2f}' for each in alone)}")
    print(f"Airflow takes   {median(day.whole / one for day, one in zip(days, alone, strict=True)):6.1f} times as long")


if __name__ == "__main__":
    main()
