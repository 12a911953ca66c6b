"""Two Celery workers on disks of their own, at a real broker, as `perennial doctor` sees them."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from perennial.local import Ports
from perennial.local.addresses import Addresses
from perennial.local.servers import Server
from perennial.local.workers import check_workers
from tests.paths import ROOT
from tests.scaled import NAMES, broker_address, cut_power, make_broker, make_worker, share, start

NOBODY = 1  # no MLflow is asked
LIBRARIES = ("lightgbm", "xgboost")


@dataclass(frozen=True)
class Machines:
    """The workers by name, and what doctor says of them now."""

    workers: dict[str, Server]
    disks: dict[str, Path]
    broker_url: str

    def diagnose(self):
        """Component -> finding, as seen from the home of the first."""
        home = str(self.disks["one"] / "home")
        found = check_workers({"PERENNIAL_BROKER_URL": self.broker_url, "PERENNIAL_HOME": home})
        return {finding.component: finding for finding in found}


@pytest.fixture(scope="module")
def machines(server_folder):
    folder = server_folder / "workers"
    folder.mkdir()
    broker = make_broker(folder)
    shared = share(Addresses(folder, Ports.free(), ROOT), broker.port, NOBODY)
    disks = {name: folder / name for name in NAMES}
    workers = {name: make_worker(name, disk, shared, broker.port) for name, disk in disks.items()}
    with ExitStack() as stopping:
        for server in (broker, *workers.values()):
            stopping.callback(server.stop)
        start((broker,))
        start(tuple(workers.values()))
        yield Machines(workers, disks, broker_address(broker.port))


def test_doctor_sees_each_worker_with_its_queue_program_and_home(machines):
    found = machines.diagnose()
    assert [f"worker celery@{name}" for name in NAMES] == list(found)
    assert [True, True] == [finding.is_well for finding in found.values()]
    assert all("queue default, program 0.1.0+" in finding.found for finding in found.values())


def test_a_worker_has_the_libraries_before_its_first_task(machines):
    for worker in machines.workers.values():
        mapped = Path(f"/proc/{worker.process.pid}/maps").read_text(encoding="utf-8")
        assert [name for name in LIBRARIES if f"/lib{name}.so" not in mapped and f"/lib_{name}.so" not in mapped] == []


def test_a_worker_with_another_home_is_a_fault(machines):
    labels = machines.disks["two"] / "home" / "sql" / "lapse" / "labels.sql"
    before = labels.read_text(encoding="utf-8")
    labels.write_text(f"{before}-- a line more\n", encoding="utf-8")
    found = machines.diagnose()
    labels.write_text(before, encoding="utf-8")
    assert {"worker celery@one": True, "worker celery@two": False} == {name: each.is_well for name, each in found.items()}
    assert "Bring models/, sql/ and expectations/ there" in found["worker celery@two"].fix


def test_a_worker_without_power_is_gone_from_the_table(machines):
    cut_power(machines.workers["two"])
    assert ["worker celery@one"] == list(machines.diagnose())
