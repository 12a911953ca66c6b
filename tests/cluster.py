"""A Dask scheduler with its workers, as people start them: real processes on free ports of 127.0.0.1."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from perennial.errors import WorkersUnavailable
from perennial.local.ports import find_free_port
from perennial.stores.cluster import open_cluster
from tests.paths import ROOT

DASK = [sys.executable, "-m", "dask"]
LOCAL = ["--host", "127.0.0.1", "--no-dashboard", "--dashboard-address", "127.0.0.1:0"]  # without its address on all interfaces
WAIT_SECONDS = 120


@dataclass
class TestCluster:
    """The processes; `workers` by name, each without a nanny, so that one that was killed stays dead."""

    __test__ = False

    folder: Path
    address: str
    environment: Mapping[str, str]
    scheduler: subprocess.Popen
    workers: dict[str, subprocess.Popen] = field(default_factory=dict)

    @property
    def scheme(self) -> str:
        return self.address.partition("://")[0]

    def start_worker(self, name: str, *options: str, **environment: str) -> None:
        """One process with one thread."""
        options = ("--nworkers", "1", "--nthreads", "1", "--no-nanny", "--name", name, "--death-timeout", "60", *options)
        folder = self.folder / name
        command = [*DASK, "worker", self.address, *LOCAL, "--protocol", self.scheme, "--local-directory", str(folder), *options]
        self.workers[name] = _start(command, self.folder / f"{name}.log", {**self.environment, **environment})

    def wait(self, count: int | None = None) -> None:
        """Until so many workers are there, all that were started without a number."""
        wanted, deadline = len(self.workers) if count is None else count, time.monotonic() + WAIT_SECONDS
        while self.count() != wanted:
            assert time.monotonic() < deadline, "".join(log.read_text()[-2000:] for log in self.folder.glob("*.log"))
            time.sleep(0.1)

    def count(self) -> int:
        with suppress(WorkersUnavailable), open_cluster(self.address) as cluster:
            return len(cluster.workers)
        return -1

    def kill(self, name: str) -> None:
        """As a machine that fails."""
        worker = self.workers.pop(name)
        worker.send_signal(signal.SIGKILL)
        worker.wait()

    def stop(self) -> None:
        for process in (*self.workers.values(), self.scheduler):
            process.kill()
            process.wait()
        self.workers.clear()


@contextmanager
def run_cluster(folder: Path, workers: int = 2, scheme: str = "tcp", **environment: str) -> Iterator[TestCluster]:
    """A scheduler with so many workers, w1, w2 ...; the variables are those of all of them."""
    folder.mkdir(parents=True, exist_ok=True)
    port = find_free_port()
    scheduler = _start(
        [*DASK, "scheduler", *LOCAL, "--protocol", scheme, "--port", str(port)], folder / "scheduler.log", environment
    )
    cluster = TestCluster(folder, f"{scheme}://127.0.0.1:{port}", environment, scheduler)
    try:
        for number in range(1, workers + 1):
            cluster.start_worker(f"w{number}")
        cluster.wait()
        yield cluster
    finally:
        cluster.stop()


def _start(command: list[str], log: Path, environment: Mapping[str, str]) -> subprocess.Popen:
    with log.open("wb") as file:
        return subprocess.Popen(
            command, stdout=file, stderr=subprocess.STDOUT, cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1", **environment}
        )
