"""Where the embedded stack listens and what its servers are told: ports, `PERENNIAL_*`, and Airflow's environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import date
from pathlib import Path
from urllib.parse import quote

from perennial.config import Settings, Smtp, find_home
from perennial.errors import ConfigError
from perennial.local.passwords import read_passwords
from perennial.local.ports import HOST, find_free_port

ADMIN = "admin"
SENDER = "perennial@example.com"


@dataclass(frozen=True)
class Ports:
    """Ports on 127.0.0.1; `PERENNIAL_POSTGRES_PORT`, `_MLFLOW_PORT`, `_AIRFLOW_PORT` and `_MAIL_PORT` pick others."""

    # Below 32768: from there on Linux takes the ports of outgoing connections (net.ipv4.ip_local_port_range).
    postgres: int = 15432
    mlflow: int = 15000
    airflow: int = 18080
    mail: int = 12525

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Ports:
        """The defaults, or what the variables say."""
        given = (field.name for field in fields(cls) if environment.get(name_variable(field.name)))
        return replace(cls(), **{name: _read_port(environment, name) for name in given})

    @classmethod
    def free(cls) -> Ports:
        """Four ports that nobody uses now: for tests and for a second stack on one machine."""
        chosen: list[int] = []
        while len(chosen) < len(fields(cls)):
            port = find_free_port()
            if port not in chosen:
                chosen.append(port)
        return cls(*chosen)


def find_var(environment: Mapping[str, str] = os.environ) -> Path:
    """Where the embedded stack keeps its state: PERENNIAL_VAR, else var/ of the home."""
    return Path(environment.get("PERENNIAL_VAR") or find_home(environment) / "var").absolute()


def name_variable(server: str) -> str:
    """The variable that picks a server's port."""
    return f"PERENNIAL_{server.upper()}_PORT"


def _read_port(environment: Mapping[str, str], server: str) -> int:
    text = environment[name_variable(server)]
    if not (text.isdigit() and 0 < int(text) < 65536):  # noqa: PLR2004 - ports are 16 bits
        raise ConfigError(f"{name_variable(server)} is '{text}': give a port between 1 and 65535.")
    return int(text)


@dataclass(frozen=True)
class Addresses:
    """Every address of one stack, from its folder, ports, home, and the passwords in the folder; `trials` as in `Settings`."""

    var: Path
    ports: Ports
    home: Path
    simulated_until: date | None = None
    mail_server: Smtp | None = None
    trials: int | None = None

    @property
    def smtp(self) -> Smtp:
        """The mail server that was named, else the sink of the stack."""
        return self.mail_server or Smtp(host=HOST, port=self.ports.mail, sender=SENDER)

    @property
    def passwords(self) -> Mapping[str, str]:
        return read_passwords(self.var / "passwords.json")

    @property
    def airflow_url(self) -> str:
        return f"http://{HOST}:{self.ports.airflow}"

    @property
    def mlflow_url(self) -> str:
        return f"http://{HOST}:{self.ports.mlflow}"

    @property
    def mlflow_login(self) -> tuple[str, str]:
        """User and password of MLflow's pages and of its clients."""
        return ADMIN, self.passwords["mlflow_admin"]

    @property
    def mail_folder(self) -> Path:
        return self.var / "mail"

    def database_url(self, role: str, database: str = "warehouse") -> str:
        """PostgreSQL under a role, password included."""
        return f"postgresql+psycopg2://{role}:{self.passwords[role]}@{HOST}:{self.ports.postgres}/{database}"

    def client_url(self, role: str) -> str:
        """The warehouse under a role, for psql and any other client."""
        return self.database_url(role).replace("postgresql+psycopg2", "postgresql")

    def perennial(self) -> dict[str, str]:
        """`PERENNIAL_*` for a shell: what `Settings.from_environment` reads, and the addresses under roles loader and analyst."""
        return {
            **self._shared(),
            "PERENNIAL_OWNER_URL": self.database_url("owner"),
            "PERENNIAL_LOADER_URL": self.database_url("loader"),
            "PERENNIAL_SERVE_URL": self.database_url("analyst"),
            "PERENNIAL_RECORDER_URL": self.database_url("recorder"),
        }

    def settings(self) -> Settings:
        return Settings.from_environment(self.perennial())

    def airflow(self) -> dict[str, str]:
        """The environment of Airflow's four services: its own keys, two connections, and no right of the owner."""
        passwords, folder = self.passwords, self.var / "airflow"
        return {
            **self._shared(),
            "AIRFLOW_HOME": str(folder),
            "AIRFLOW_CONN_WAREHOUSE": self.database_url("pipeline").replace("postgresql+psycopg2", "postgres"),
            "AIRFLOW_CONN_SMTP_DEFAULT": _describe_smtp(self.smtp),
            "AIRFLOW__API__BASE_URL": self.airflow_url,
            "AIRFLOW__API__SECRET_KEY": passwords["airflow_api_secret"],
            "AIRFLOW__API_AUTH__JWT_SECRET": passwords["airflow_jwt_secret"],
            "AIRFLOW__CORE__DAGS_FOLDER": str(self.home / "dags"),
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.airflow_url}/execution/",
            "AIRFLOW__CORE__EXECUTOR": "perennial.airflow.executor.SharingExecutor",
            "AIRFLOW__CORE__FERNET_KEY": passwords["airflow_fernet_key"],
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__PARALLELISM": "2",  # two tasks at once; each may hold a training in memory
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(self.home / "plugins"),
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(folder / "login.json"),
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{ADMIN}:admin",
            "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1",  # a handful of small files; each process costs 50 MB
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": self.database_url("airflow", "airflow"),
            "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(folder / "logs"),
            "AIRFLOW__SCHEDULER__MP_START_METHOD": "fork",  # what SharingExecutor shares; from Python 3.14 on not the default
            "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0",  # SharingExecutor waits, until a task ends
            # A task that ended may be noticed only at its next heartbeat; a busy api-server must not end a training.
            "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
            "AIRFLOW__WORKERS__MAX_FAILED_HEARTBEATS": "120",
        }

    def _shared(self) -> dict[str, str]:
        smtp = self.smtp
        until = {"PERENNIAL_SIMULATED_UNTIL": self.simulated_until.isoformat()} if self.simulated_until else {}
        trials = {"PERENNIAL_TRIALS": str(self.trials)} if self.trials else {}
        login = {"PERENNIAL_SMTP_USER": smtp.user or "", "PERENNIAL_SMTP_PASSWORD": smtp.password or ""} if smtp.user else {}
        return {
            "PERENNIAL_WAREHOUSE_URL": self.database_url("pipeline"),
            "PERENNIAL_MLFLOW_URI": self.mlflow_url.replace("://", f"://{ADMIN}:{self.mlflow_login[1]}@"),
            "PERENNIAL_MLFLOW_DATABASE_URL": self.database_url("mlflow", "mlflow"),
            "PERENNIAL_SMTP_HOST": smtp.host,
            "PERENNIAL_SMTP_PORT": str(smtp.port),
            "PERENNIAL_SMTP_SENDER": smtp.sender,
            "PERENNIAL_SMTP_STARTTLS": "1" if smtp.starttls else "",
            "PERENNIAL_SMTP_TLS": "1" if smtp.tls else "",
            "PERENNIAL_HOME": str(self.home),
            "PERENNIAL_ARTIFACTS": str(self.var / "artifacts"),
            "PERENNIAL_AIRFLOW_URL": self.airflow_url,
            # Nobody reaches these elsewhere, whatever the caller's environment says of another installation.
            "PERENNIAL_AIRFLOW_PUBLIC_URL": "",
            "PERENNIAL_MLFLOW_PUBLIC_URL": "",
            **login,
            **until,
            **trials,
        }


def _describe_smtp(smtp: Smtp) -> str:
    """The address of the connection `smtp_default`."""
    login = f"{quote(smtp.user, safe='')}:{quote(smtp.password or '', safe='')}@" if smtp.user else ""
    off = ("" if smtp.starttls else "&disable_tls=true") + ("" if smtp.tls else "&disable_ssl=true")
    return f"smtp://{login}{smtp.host}:{smtp.port}/?from_email={quote(smtp.sender, safe='')}{off}"
