"""The embedded stack from outside: bring it up, take it down, ask how it is."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from perennial.config import Settings, Smtp, find_home
from perennial.config.settings import read_trials
from perennial.errors import PerennialError, StackError
from perennial.local.addresses import ADMIN, Addresses, Ports, find_var
from perennial.local.airflow_api import AirflowClient
from perennial.local.processes import describe_process, end_all, find_members, spawn
from perennial.local.record import Record, forget_record, is_locked, pack_addresses, read_record, try_lock
from perennial.local.servers import fetch, python_command, read_end
from perennial.local.services import answers_smtp, make_client, make_postgres

UP_SECONDS = 300.0
DOWN_SECONDS = 60.0
RECORD_SECONDS = 60.0
POLL_SECONDS = 0.2


def find_settings(environment: Mapping[str, str] = os.environ) -> Settings | None:
    """The settings of the stack that runs on this machine for this installation; None when none does."""
    record = read_record(find_var(environment))
    return record.addresses.settings() if record is not None and record.is_alive else None


def find_loader_url(environment: Mapping[str, str] = os.environ) -> str | None:
    """The warehouse of that stack under role loader; None when none runs."""
    record = read_record(find_var(environment))
    return record.addresses.database_url("loader") if record is not None and record.is_alive else None


def find_airflow(settings: Settings, environment: Mapping[str, str] = os.environ) -> AirflowClient:
    """Airflow where the settings say; logged in only where it is the embedded stack's own."""
    record = read_record(find_var(environment))
    if record is not None and record.is_alive and record.addresses.airflow_url == settings.airflow_url:
        return make_client(record.addresses)
    return AirflowClient(settings.airflow_url)


@dataclass(frozen=True)
class ServerStatus:
    """One server: `state` is healthy, unhealthy or down."""

    name: str
    state: str
    pid: int | None
    address: str


class Stack:
    """One embedded stack, whose state lies in `var`; `simulated_until` keeps its crons from firing for today.

    Its Airflow runs the DAGs of `home`, by default the home of this shell (`find_home`).
    """

    def __init__(
        self,
        var: Path,
        *,
        simulated_until: date | None = None,
        ports: Ports | None = None,
        mail_server: Smtp | None = None,
        home: Path | None = None,
    ) -> None:
        self.var = var.absolute()
        self._process: subprocess.Popen[bytes] | None = None
        self._wanted = Addresses(
            self.var, ports or Ports.from_environment(), home or find_home(), simulated_until, mail_server, read_trials()
        )

    @property
    def record(self) -> Record | None:
        """What the supervisor last wrote; None when the stack does not run."""
        record = read_record(self.var)
        return record if record is not None and record.is_alive else None

    @property
    def addresses(self) -> Addresses:
        """Those of the stack that runs, else those that it would have."""
        record = self.record
        return record.addresses if record else self._wanted

    @property
    def airflow(self) -> AirflowClient:
        return make_client(self.addresses)

    @property
    def login(self) -> tuple[str, str]:
        """User and password of Airflow's pages."""
        return ADMIN, self.addresses.passwords["airflow_admin"]

    def settings(self) -> Settings:
        return self.addresses.settings()

    def environment(self) -> dict[str, str]:
        """`PERENNIAL_*` for a shell command of this stack."""
        return self.addresses.perennial()

    def up(self, progress: Callable[[str], object] = lambda _: None, *, tied: bool = False) -> bool:
        """Start the stack and wait until every server is healthy; False when it was up already.

        `tied`: the stack ends with the thread that called (the demo, tests); else it stays until `down`.

        Raises:
            StackError: a taken port, a server that does not come up, or a running stack that was started otherwise.
        """
        self.var.mkdir(parents=True, exist_ok=True)
        while (lock := try_lock(self.var)) is None:
            record = self._await_record()
            if record is not None:
                self._check_same(record)
                progress(f"already up in {self.var}: {describe_process(record.supervisor.pid)}")
                return False
        self._forget_process()
        self._process = spawn(
            python_command("perennial.local.supervisor", str(lock)),
            log=self.var / "supervisor.log",
            environment={"PERENNIAL_STACK": pack_addresses(self._wanted)},
            death_signal=signal.SIGTERM if tied else 0,
            new_session=True,
            kept=(lock,),
        )
        os.close(lock)
        self._follow(self._process, progress)
        return True

    def down(self) -> bool:
        """Stop every server; False when nothing ran.

        Raises:
            StackError: something of ours is still there.
        """
        record = self._await_record() or read_record(self.var)
        ran = record is not None and bool(find_members(record.supervisor))
        if record is not None:
            self._end(record)
        postgres = make_postgres(self.addresses)
        ran = ran or postgres.process is not None
        postgres.stop()
        forget_record(self.var)
        self._forget_process()
        return ran

    def _await_record(self) -> Record | None:
        """The record of whoever holds the lock, which a young supervisor has yet to write; None when nobody holds it.

        Raises:
            StackError: no record comes.
        """
        deadline = time.monotonic() + RECORD_SECONDS
        while is_locked(self.var):
            record = self.record
            if record is not None:
                return record
            if time.monotonic() > deadline:
                raise StackError(
                    f"{self.var / 'stack.lock'} is held, but no stack says by whom: `fuser` names the process; end it."
                )
            time.sleep(POLL_SECONDS)
        return None

    def status(self) -> tuple[ServerStatus, ...]:
        """Every server, as it answers now."""
        record = self.record
        owned = record.servers if record else {}
        rows = []
        for name, (address, is_healthy) in self._probes().items():
            process = owned.get(name)
            is_alive = process is not None and process.is_alive
            state = ("healthy" if is_healthy() else "unhealthy") if is_alive else "down"
            rows.append(ServerStatus(name, state, process.pid if process and is_alive else None, address))
        return tuple(rows)

    def _probes(self) -> dict[str, tuple[str, Callable[[], bool]]]:
        addresses = self.addresses
        smtp = addresses.smtp
        sink = {"mail": (f"{smtp.host}:{smtp.port}", lambda: answers_smtp(smtp.host, smtp.port, tls=smtp.tls))}
        return {
            "postgres": (f"127.0.0.1:{addresses.ports.postgres}", self._has_warehouse),
            **(sink if addresses.mail_server is None else {}),
            "mlflow": (addresses.mlflow_url, lambda: fetch(f"{addresses.mlflow_url}/health") == "OK"),
            "airflow-api-server": (addresses.airflow_url, lambda: self._beats("metadatabase")),
            "airflow-scheduler": ("", lambda: self._beats("scheduler")),
            "airflow-dag-processor": ("", lambda: self._beats("dag_processor")),
            "airflow-triggerer": ("", lambda: self._beats("triggerer")),
        }

    def _has_warehouse(self) -> bool:
        try:
            return make_postgres(self.addresses).run_sql("warehouse", "select 1;").strip() == "1"
        except StackError:
            return False

    def _beats(self, service: str) -> bool:
        try:
            return service not in self.airflow.unhealthy()
        except PerennialError:
            return False

    def _check_same(self, record: Record) -> None:
        """A stack that runs may stay if it is the one that was asked for."""
        until = record.addresses.simulated_until
        what = f"A simulation until {until}" if until else "A live stack"
        where = f"{self.var} ({describe_process(record.supervisor.pid)})"
        if record.state != "ready":
            raise StackError(f"{what} is {record.state} in {where}: wait for it, or end it with `perennial down`.")
        if until != self._wanted.simulated_until:
            raise StackError(f"{what} runs in {where}: end it with `perennial down` first.")

    def _follow(self, process: subprocess.Popen[bytes], progress: Callable[[str], object]) -> None:
        """Pass on what the supervisor notes until it is ready."""
        told, deadline = 0, time.monotonic() + UP_SECONDS
        while time.monotonic() < deadline:
            has_ended = process.poll() is not None
            record = read_record(self.var)
            if record is not None and record.supervisor.pid == process.pid:
                for event in record.events[told:]:
                    progress(event)
                told = len(record.events)
                if record.state == "ready":
                    return
            if has_ended:
                raise StackError(self._explain_failure(record, process.pid))
            time.sleep(POLL_SECONDS)
        self.down()
        raise StackError(f"The stack is not up after {UP_SECONDS:.0f} s; see the logs in {self.var}.")

    def _explain_failure(self, record: Record | None, pid: int) -> str:
        if record is not None and record.supervisor.pid == pid and record.state == "failed":
            return record.events[-1]
        if self._process is not None and self._process.returncode == 0:
            return f"The stack in {self.var} was ended while it came up (`perennial down`): start it again when you want it."
        log = self.var / "supervisor.log"
        return f"The stack's supervisor ended; the end of {log} says:\n{read_end(log)}"

    def _forget_process(self) -> None:
        """A supervisor of ours that has ended stays a zombie until we ask."""
        if self._process is not None:
            self._process.wait()
            self._process = None

    def _end(self, record: Record) -> None:
        """TERM to the supervisor, which ends the rest in order; if it cannot, we do."""
        if record.is_alive:
            os.kill(record.supervisor.pid, signal.SIGTERM)
        deadline = time.monotonic() + DOWN_SECONDS
        while record.is_alive and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
        postgres = make_postgres(record.addresses)
        end_all(lambda: tuple(member for member in find_members(record.supervisor) if member != postgres.process))
        if record.is_alive:
            raise StackError(f"The supervisor, {describe_process(record.supervisor.pid)}, does not end.")
