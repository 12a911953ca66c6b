"""What a server counts, for Prometheus: names and units by its conventions, and labels that no caller can invent."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from perennial.serve.arm_gauges import ArmGauges
from perennial.serve.canaries import Canaries
from perennial.serve.champions import Champions

SECONDS = (0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1.0, 2.0, 5.0, 10.0)
SHARED_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""The library's own variable: where several workers keep their counts, so that each can show those of all."""


class Gauges:
    """The figures of one process; with several workers `render` adds theirs up."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        of, name = self._registry, "perennial_serve_"
        self.requests = Counter(f"{name}requests", "Requests answered", ["route", "model", "status"], registry=of)
        self.seconds = Histogram(
            f"{name}request_seconds", "From the head of a request to its answer", ["route"], buckets=SECONDS, registry=of
        )
        self.rows = Counter(f"{name}rows", "Rows scored on request", ["model"], registry=of)
        self.arms = ArmGauges(of, name)
        self._version = Gauge(
            f"{name}champion_version", "Version that answers; 0: none yet", ["model"], registry=of, multiprocess_mode="livemin"
        )
        self._behind = Gauge(
            f"{name}champion_behind",
            "1 while the ledger names another version than the one that answers",
            ["model"],
            registry=of,
            multiprocess_mode="livemax",
        )
        self._failures = Gauge(
            f"{name}champion_load_failures",
            "Attempts in vain to load the version that the ledger names",
            ["model"],
            registry=of,
            multiprocess_mode="livemax",
        )
        self._ledger = Gauge(f"{name}ledger_up", "1 while the ledger answers", registry=of, multiprocess_mode="livemin")

    def describe(self) -> Iterator[Metric]:
        """Every family; one with labels has no sample before it is counted."""
        yield from self._registry.collect()

    def note(self, champions: Champions, canaries: Canaries) -> None:
        """Take over the state of this process."""
        for model, serving in champions.items():
            self._version.labels(model).set(serving.champion.version.version if serving.champion else 0)
            self._behind.labels(model).set(float(serving.is_behind))
            self._failures.labels(model).set(serving.failures)
        self._ledger.set(float(not champions.silence))
        self.arms.show(canaries)

    def render(self) -> bytes:
        """The text that Prometheus reads."""
        folder = os.environ.get(SHARED_FOLDER)
        if not folder:
            return bytes(generate_latest(self._registry))
        _forget_the_dead(Path(folder))
        shared = CollectorRegistry()
        MultiProcessCollector(shared, folder)  # type: ignore[no-untyped-call]  # the library has none here
        return bytes(generate_latest(shared))


def _forget_the_dead(folder: Path) -> None:
    """Gauges of workers that were replaced; what they counted stays."""
    for pid in {file.stem.rpartition("_")[2] for file in folder.glob("gauge_live*.db")}:
        if pid.isdecimal() and not Path("/proc", pid).exists():
            mark_process_dead(int(pid), str(folder))  # type: ignore[no-untyped-call]  # likewise
