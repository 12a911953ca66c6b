"""The servers of one stack, in the order in which they start."""

from __future__ import annotations

import json
import smtplib
import ssl
import sys
from collections.abc import Mapping
from datetime import datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path

from perennial.errors import PerennialError, StackError
from perennial.local.addresses import ADMIN, Addresses, name_variable
from perennial.local.airflow_api import AirflowClient
from perennial.local.libgomp import library_environment
from perennial.local.passwords import write_private
from perennial.local.ports import HOST
from perennial.local.postgres import Postgres
from perennial.local.processes import spawn
from perennial.local.servers import QUIET, Server, make_mlflow, python_command, read_end

MAIL_SINK = Path(__file__).with_name("mail_sink.py")
WAREHOUSE_GUESTS = ("loader", "pipeline", "analyst")


def make_postgres(addresses: Addresses, options: Mapping[str, str] | None = None) -> Postgres:
    """The server that keeps warehouse, airflow and mlflow."""
    place, passwords = addresses.var / "postgres", addresses.var / "passwords.json"
    if options is None:
        return Postgres(place, addresses.ports.postgres, passwords=passwords)
    return Postgres(place, addresses.ports.postgres, passwords=passwords, options=options)


def make_databases(postgres: Postgres) -> None:
    """Roles and databases; what exists stays."""
    postgres.ensure_roles()
    postgres.ensure_database("warehouse", "owner", guests=WAREHOUSE_GUESTS)
    postgres.ensure_database("airflow", "airflow")
    postgres.ensure_database("mlflow", "mlflow")


def migrate_warehouse(addresses: Addresses) -> None:
    """Bring the platform's own tables up to this version."""
    from perennial.stores.warehouse import migrate  # noqa: PLC0415 - imports every heavy library

    migrate(addresses.database_url("owner"))


def make_client(addresses: Addresses) -> AirflowClient:
    """Airflow's REST API under the login of this stack."""
    return AirflowClient(addresses.airflow_url, ADMIN, addresses.passwords["airflow_admin"])


def make_mail_sink(addresses: Addresses) -> Server:
    """Keeps every mail as a file in var/mail."""
    port = addresses.ports.mail
    return Server(
        "mail",
        (sys.executable, "-I", str(MAIL_SINK), HOST, str(port), str(addresses.mail_folder)),
        addresses.var / "log",
        lambda: answers_smtp(HOST, port),
        port=port,
        port_variable=name_variable("mail"),
    )


def make_registry(addresses: Addresses) -> Server:
    """MLflow on the stack's PostgreSQL."""
    server = make_mlflow(addresses.var / "mlflow", addresses.ports.mlflow, backend_url=addresses.database_url("mlflow", "mlflow"))
    server.environment = {**server.environment, **library_environment()}
    return server


def make_airflow(addresses: Addresses, since: datetime) -> tuple[Server, ...]:
    """The four services. Healthy means a heartbeat after `since`: an older one belongs to those before them."""
    environment = {**addresses.airflow(), **library_environment()}
    client, port = make_client(addresses), addresses.ports.airflow

    def service(name: str, *arguments: str, listens: bool = False) -> Server:
        heart = name.removeprefix("airflow-").replace("-", "_")
        return Server(
            name,
            airflow_command(*arguments),
            addresses.var / "log",
            (lambda: answers_login(client)) if listens else (lambda: beats(client, heart, since)),
            environment=environment,
            port=port if listens else None,
            port_variable=name_variable("airflow"),
        )

    return (
        service("airflow-api-server", "api-server", "--host", HOST, "--port", str(port), "--workers", "1", listens=True),
        service("airflow-scheduler", "scheduler", "--skip-serve-logs"),
        service("airflow-dag-processor", "dag-processor"),
        service("airflow-triggerer", "triggerer", "--skip-serve-logs"),
    )


def migrate_airflow(addresses: Addresses, postgres: Postgres) -> None:
    """Bring Airflow's own tables up to this version; the database remembers it, which saves 15 s at every later start.

    Raises:
        StackError: with the end of the log.
    """
    wanted = f"migrated by Airflow {version('apache-airflow')}"
    known = "select shobj_description(oid, 'pg_database') from pg_database where datname = 'airflow';"
    if postgres.run_sql("postgres", known).strip() == wanted:
        return
    log = addresses.var / "log" / "airflow-db-migrate.log"
    done = spawn(airflow_command("db", "migrate"), log=log, environment={**QUIET, **addresses.airflow()})
    if done.wait() != 0:
        raise StackError(f"`airflow db migrate` failed; the end of {log} says:\n{read_end(log)}")
    postgres.run_sql("postgres", f"comment on database airflow is '{wanted}';")


def write_login(addresses: Addresses) -> None:
    """The one user of the embedded Airflow, in a file that only its owner reads."""
    (addresses.var / "airflow").mkdir(parents=True, exist_ok=True)
    write_private(addresses.var / "airflow" / "login.json", json.dumps({ADMIN: addresses.passwords["airflow_admin"]}))


def airflow_command(*arguments: str) -> tuple[str, ...]:
    """The command `airflow` of this environment, in the words that `perennial.airflow.executor` looks for in `sys.argv`."""
    return python_command("airflow", *arguments)


def answers_smtp(host: str, port: int, *, tls: bool = False) -> bool:
    """Whether a mail server says yes to NOOP; `tls` as in `Smtp`."""
    connect = partial(smtplib.SMTP_SSL, context=ssl.create_default_context()) if tls else smtplib.SMTP
    try:
        with connect(host, port, timeout=5) as client:
            return client.noop()[0] == 250  # noqa: PLR2004 - SMTP's OK
    except (OSError, smtplib.SMTPException):
        return False


def answers_login(client: AirflowClient) -> bool:
    """Whether the api-server takes our password: a stale one of another stack would not."""
    try:
        client.dags()
    except PerennialError:
        return False
    return True


def beats(client: AirflowClient, heart: str, since: datetime) -> bool:
    """Whether a service of Airflow has sent a heartbeat after `since`."""
    try:
        return heart not in client.unhealthy(since)
    except PerennialError:
        return False
