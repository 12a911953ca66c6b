"""What a stack is made of: services that people ask for by name, and the servers and jobs of each, in the order of their start.

A job runs to its end before what comes after it: migrations, which the database remembers.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

from perennial.config import PLATFORM_SQL
from perennial.errors import ConfigError
from perennial.local.addresses import ADMIN, Addresses, name_variable
from perennial.local.airflow_api import ANSWER_SECONDS, AirflowClient
from perennial.local.health import Heart, Heartbeats, answers_login, answers_smtp
from perennial.local.libgomp import library_environment
from perennial.local.passwords import write_private
from perennial.local.patience import Patience
from perennial.local.ports import HOST
from perennial.local.postgres import DURABLE, Postgres
from perennial.local.processes import Identity
from perennial.local.servers import PROBE_SECONDS, Job, Server, make_mlflow, python_command, say_end

MAIL_SINK = Path(__file__).with_name("mail_sink.py")
WAREHOUSE_GUESTS = ("loader", "pipeline", "analyst", "watcher", "recorder")
SERVICES: Mapping[str, tuple[str, ...]] = {
    "postgres": ("postgres", "warehouse-migrations"),
    "mail": ("mail",),
    "mlflow": ("mlflow",),
    "airflow": ("airflow-migrations", "airflow-api-server", "airflow-scheduler", "airflow-dag-processor", "airflow-triggerer"),
}
"""What `perennial up --only` may name, and the servers and jobs of each."""
NEEDS: Mapping[str, tuple[str, ...]] = {"mlflow": ("postgres",), "airflow": ("postgres", "mlflow")}
JOBS = ("warehouse-migrations", "airflow-migrations")
END_SCHEDULERS = "update job set state = 'failed' where job_type = 'SchedulerJob' and state = 'running';"
"""What Airflow does itself minutes after the last heartbeat of a scheduler: its tasks run again."""

AMPLE = 4.0
AIRFLOW_SECONDS: Mapping[str, float] = {
    # Limits of Airflow's own after which it takes somebody for dead, at their defaults. A fallen server is started again by
    # us, at once; these only have to be longer than a busy machine can take, and it may become busy later: AMPLE times.
    "AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT": 30,
    "AIRFLOW__DAG_PROCESSOR__DAG_FILE_PROCESSOR_TIMEOUT": 50,
    "AIRFLOW__DAG_PROCESSOR__HEALTH_CHECK_THRESHOLD": 30,
    "AIRFLOW__DAG_PROCESSOR__STALE_DAG_THRESHOLD": 50,
    "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": 30,
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": 300,
    "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT": 600,
    "AIRFLOW__TRIGGERER__RUNNER_HEALTH_CHECK_THRESHOLD": 30,
    "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": 30,
    "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": 5,
    "MLFLOW_HTTP_REQUEST_TIMEOUT": 15,
}


def complete(wanted: Collection[str]) -> tuple[str, ...]:
    """The services that were asked for and those that they need, in the order of their start.

    Raises:
        ConfigError: there is no such service.
    """
    unknown = sorted(set(wanted) - set(SERVICES))
    if unknown or not wanted:
        needs = "; ".join(f"{name} needs {' and '.join(needed)}" for name, needed in NEEDS.items())
        found = f"no service is called {', '.join(repr(name) for name in unknown)}" if unknown else "no service is named"
        raise ConfigError(f"--only: {found}. There are {', '.join(SERVICES)} ({needs}): name some, with commas between them.")
    needed = {other for name in wanted for other in NEEDS.get(name, ())}
    return tuple(name for name in SERVICES if name in needed or name in wanted)


def drop_mail(services: Collection[str], addresses: Addresses) -> tuple[str, ...]:
    """No sink is wanted where mail goes to a server that somebody named."""
    return tuple(name for name in services if name != "mail" or addresses.mail_server is None)


def name_programs(services: Collection[str]) -> tuple[str, ...]:
    """The servers and jobs of these services."""
    return tuple(program for service, programs in SERVICES.items() if service in services for program in programs)


def make_postgres(addresses: Addresses, options: Mapping[str, str] = DURABLE, patience: Patience | None = None) -> Postgres:
    """The server that keeps warehouse, airflow and mlflow."""
    place, passwords = addresses.var / "postgres", addresses.var / "passwords.json"
    return Postgres(place, addresses.ports.postgres, passwords=passwords, options=options, patience=patience)


def make_client(addresses: Addresses, answer_seconds: float = ANSWER_SECONDS) -> AirflowClient:
    """Airflow's REST API under the login of this stack."""
    return AirflowClient(addresses.airflow_url, ADMIN, addresses.passwords["airflow_admin"], answer_seconds=answer_seconds)


class Warehouse:
    """PostgreSQL as the first server of a stack, with the roles and databases of all others."""

    name = "postgres"
    after: tuple[str, ...] = ()
    is_done = False

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres
        self.log = postgres.log
        self._is_started = False

    @property
    def identity(self) -> Identity | None:
        return self._postgres.process

    @property
    def has_ended(self) -> bool:
        return self._is_started and self._postgres.process is None

    def start(self) -> None:
        """Start it and wait until it takes connections; what exists of roles and databases stays."""
        self._postgres.start()
        self._is_started = True
        self._postgres.ensure_roles()
        self._postgres.ensure_database("warehouse", "owner", guests=WAREHOUSE_GUESTS)
        self._postgres.limit_rights("warehouse")
        self._postgres.ensure_database("airflow", "airflow")
        self._postgres.ensure_database("mlflow", "mlflow")

    def is_healthy(self) -> bool:
        """It has been waited for."""
        return self._is_started

    def explain_end(self) -> str:
        return f"postgres ended by itself; {say_end(self.log)}"


def make_mail_sink(addresses: Addresses, patience: Patience) -> Server:
    """Keeps every mail as a file in var/mail."""
    port = addresses.ports.mail
    return Server(
        "mail",
        (sys.executable, "-I", str(MAIL_SINK), HOST, str(port), str(addresses.mail_folder)),
        addresses.var / "log",
        lambda: answers_smtp(HOST, port, patience=patience),
        port=port,
        port_variable=name_variable("mail"),
    )


def make_registry(addresses: Addresses, patience: Patience) -> Server:
    """MLflow on the stack's PostgreSQL."""
    backend_url = addresses.database_url("mlflow", "mlflow")
    place, login = addresses.var / "mlflow", addresses.mlflow_login
    server = make_mlflow(place, addresses.ports.mlflow, backend_url=backend_url, patience=patience, login=login)
    server.environment = {**server.environment, **library_environment()}
    server.after = ("postgres",)
    return server


def make_airflow(
    addresses: Addresses,
    patience: Patience,
    read_clock: Callable[[], datetime],
    end_schedulers: Callable[[], object] = lambda: None,
) -> tuple[Server, ...]:
    """The four services.

    Args:
        read_clock: tells the time by which their heartbeats are stored.
        end_schedulers: is called before a scheduler starts, where every other one is known to have ended.
    """
    limits = {name: str(round(AMPLE * patience.allow(seconds))) for name, seconds in AIRFLOW_SECONDS.items()}
    environment = {**addresses.airflow(), **limits, **library_environment()}
    client, port = make_client(addresses, patience.allow(PROBE_SECONDS)), addresses.ports.airflow
    heartbeats = Heartbeats(client)

    def service(name: str, *arguments: str) -> Server:
        heart = Heart(heartbeats, name.removeprefix("airflow-").replace("-", "_"), read_clock)
        command, log = airflow_command(*arguments), addresses.var / "log"
        after = ("warehouse-migrations", "airflow-migrations")
        return Server(name, command, log, heart.beats, environment=environment, after=after, prepare=heart.forget)

    server = service("airflow-api-server", "api-server", "--host", HOST, "--port", str(port), "--workers", "1")
    server.is_healthy, server.prepare = (lambda: answers_login(client)), (lambda: write_login(addresses))
    server.port, server.port_variable = port, name_variable("airflow")
    scheduler = service("airflow-scheduler", "scheduler", "--skip-serve-logs")
    forget = scheduler.prepare
    scheduler.prepare = lambda: (forget(), end_schedulers())
    return (
        server,
        scheduler,
        service("airflow-dag-processor", "dag-processor"),
        service("airflow-triggerer", "triggerer", "--skip-serve-logs"),
    )


def make_migrations(addresses: Addresses, postgres: Postgres) -> tuple[Job, Job]:
    """The jobs that bring our own tables and Airflow's up to this version, in processes whose memory is then free again."""
    migrations = sorted((PLATFORM_SQL / "schema").glob("*.sql"))
    ours = hashlib.sha256(b"\0".join(path.read_bytes() for path in migrations)).hexdigest()[:12]
    return (
        _make_job(
            "warehouse-migrations",
            python_command("perennial.local.migrate_warehouse"),
            {"PERENNIAL_OWNER_URL": addresses.database_url("owner"), **library_environment()},
            addresses,
            _Memory(postgres, "warehouse", f"migrated by Perennial to {ours}"),
        ),
        _make_job(
            "airflow-migrations",
            airflow_command("db", "migrate"),
            addresses.airflow(),
            addresses,
            _Memory(postgres, "airflow", f"migrated by Airflow {version('apache-airflow')}"),
        ),
    )


class _Memory:
    """What was done to a database, in its comment: that saves the start of a large program at every later `up`."""

    def __init__(self, postgres: Postgres, database: str, done: str) -> None:
        self._postgres, self._database, self._done = postgres, database, done

    def is_lacking(self) -> bool:
        known = f"select shobj_description(oid, 'pg_database') from pg_database where datname = '{self._database}';"  # noqa: S608 - our name
        return self._postgres.run_sql("postgres", known).strip() != self._done

    def keep(self) -> None:
        self._postgres.run_sql("postgres", f"comment on database {self._database} is '{self._done}';")


def _make_job(name: str, command: tuple[str, ...], environment: Mapping[str, str], addresses: Addresses, memory: _Memory) -> Job:
    return Job(
        name,
        command,
        addresses.var / "log",
        is_healthy=lambda: False,
        environment=environment,
        after=("postgres",),
        is_needed=memory.is_lacking,
        finish=memory.keep,
    )


def write_login(addresses: Addresses) -> None:
    """The one user of the embedded Airflow, in a file that only its owner reads."""
    (addresses.var / "airflow").mkdir(parents=True, exist_ok=True)
    write_private(addresses.var / "airflow" / "login.json", json.dumps({ADMIN: addresses.passwords["airflow_admin"]}))


def airflow_command(*arguments: str) -> tuple[str, ...]:
    """The command `airflow` of this environment, in the words that `perennial.airflow.executor` looks for in `sys.argv`."""
    return python_command("airflow", *arguments)
