"""Memory of the embedded stack while a model is trained: the peak of each group of servers, and of Airflow as a whole.

    python bench/memory.py                            # a stack of its own: history, a first training, a scored day
    python bench/memory.py --var var/demo             # the running demo, until it ends or --minutes are over

Memory is PSS (proc(5), smaps_rollup): a page that n processes share counts as 1/n in each, so that sums mean something
where processes are forked from each other. Every process below a server is its own; below the scheduler, a process of a
worker is a task (and so is what the task starts), the workers themselves are services.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

from perennial import operate, pipeline
from perennial.demo.data import load_complete_journey
from perennial.demo.life import Life
from perennial.demo.running import TRIALS
from perennial.demo.story import FIRST, HISTORY, MATURED, MODEL
from perennial.local import Ports, Stack
from perennial.local.processes import read_stat
from perennial.local.record import read_record

GIGABYTE = 1e6  # of the kilobytes in /proc
SAMPLE_SECONDS = 1.0
LIMITS = {"Airflow": 1.5, "MLflow": 0.5}
GROUPS = {"mlflow": "MLflow", "postgres": "PostgreSQL", "mail": "mail sink"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--var", type=Path, help="folder of a running stack")
    parser.add_argument("--minutes", type=float, default=8.0, help="how long to watch a running stack, at most")
    given = parser.parse_args()
    samples: list[Counter[str]] = []
    if given.var:
        watch(given.var, samples, threading.Event(), given.minutes * 60)
    else:
        watch_first_training(samples)
    report(samples)


def watch_first_training(samples: list[Counter[str]]) -> None:
    """What the demo does up to its first scored day."""
    os.environ["PERENNIAL_TRIALS"] = TRIALS
    with tempfile.TemporaryDirectory(prefix="perennial-", ignore_cleanup_errors=True) as folder:
        stack, ended = Stack(Path(folder), simulated_until=MATURED, ports=Ports.free()), threading.Event()
        watcher = threading.Thread(target=watch, args=(stack.var, samples, ended))
        try:
            stack.up(tied=True)
            watcher.start()
            live(stack)
        finally:
            ended.set()
            stack.down()


def live(stack: Stack) -> None:
    load_complete_journey(stack.environment()["PERENNIAL_LOADER_URL"])
    with pipeline.open_stores(stack.settings()) as stores:
        operate.sync(stores, MODEL)
        built = list(operate.backfill(stores, MODEL, *HISTORY))
        life = Life(stack.airflow, MODEL)
        life.wake()
        lived = (*life.start("refresh", FIRST), *life.start("score", FIRST))
    print(f"{len(built)} snapshots; " + ", ".join(f"{one.verb} {one.state} {one.seconds:.0f} s" for one in lived))


def watch(var: Path, samples: list[Counter[str]], ended: threading.Event, limit_seconds: float = 1800.0) -> None:
    """Sample until told to end, until the stack ends, or until the time is over."""
    deadline = time.monotonic() + limit_seconds
    while not ended.wait(SAMPLE_SECONDS) and time.monotonic() < deadline:
        record = read_record(var)
        if record is None or not record.is_alive:
            return
        samples.append(take_sample({name: server.process.pid for name, server in record.servers.items() if server.process}))


def take_sample(servers: dict[str, int]) -> Counter[str]:
    """Gigabytes of each group, and of each server."""
    children, sample = read_children(), Counter[str]()
    for name, pid in servers.items():
        for depth, process in walk(children, pid):
            memory = read_pss(process) / GIGABYTE
            is_airflow = name.startswith("airflow")
            is_task = name == "airflow-scheduler" and depth > 1
            sample[GROUPS.get(name, "tasks" if is_task else "services")] += memory
            sample["Airflow"] += memory * is_airflow
            sample[f"of the services: {name}"] += memory * (is_airflow and not is_task)
    return sample


def read_children() -> dict[int, list[int]]:
    children = defaultdict(list)
    for stat in [read_stat(int(entry.name)) for entry in Path("/proc").iterdir() if entry.name.isdigit()]:
        if stat is not None:
            children[stat.parent].append(stat.pid)
    return children


def walk(children: dict[int, list[int]], pid: int, depth: int = 0) -> Iterator[tuple[int, int]]:
    """A process and all below it, each with its depth."""
    yield depth, pid
    for child in children.get(pid, ()):
        yield from walk(children, child, depth + 1)


def read_pss(pid: int) -> int:
    """Kilobytes; 0 for a process that has just ended."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return int(next((line.split()[1] for line in text.splitlines() if line.startswith("Pss:")), 0))


def report(samples: list[Counter[str]]) -> None:
    if not samples:
        sys.exit("no sample: is there a stack in that folder?")
    print(f"peak PSS in GB over {len(samples)} samples")
    for group in sorted({group for sample in samples for group in sample if sample[group]}):
        peak = max(sample[group] for sample in samples)
        limit = LIMITS.get(group)
        print(f"{group:40} {peak:5.2f}" + (f"  limit {limit}: {'kept' if peak < limit else 'BROKEN'}" if limit else ""))


if __name__ == "__main__":
    main()
