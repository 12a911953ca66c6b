"""The embedded stack from outside: bring it up, take it down, ask how it is."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Collection, Mapping
from dataclasses import asdict, replace
from datetime import date
from pathlib import Path

from perennial.config import Settings, Smtp, find_home
from perennial.config.folders import close_to_others, make_private
from perennial.config.settings import read_trials
from perennial.errors import ConfigError, StackError
from perennial.local import services
from perennial.local.addresses import ADMIN, Addresses, Ports, find_var, name_variable
from perennial.local.airflow_api import AirflowClient
from perennial.local.following import Follower, Say
from perennial.local.patience import Patience
from perennial.local.platforms import require_linux
from perennial.local.processes import Identity, describe_process, end_all, find_members, identify, spawn
from perennial.local.record import (
    Record,
    forget_record,
    is_locked,
    pack_addresses,
    read_record,
    try_lock,
    write_request,
)
from perennial.local.servers import python_command
from perennial.local.status import ServerStatus, read_status

DOWN_SECONDS = 60.0
RECORD_SECONDS = 60.0
ANSWER_SECONDS = 600.0  # for Airflow, asked again and again
POLL_SECONDS = 0.2
SUPERVISOR = python_command("perennial.local.supervisor")


def find_settings(environment: Mapping[str, str] = os.environ) -> Settings | None:
    """The settings of the stack that runs on this machine for this installation; None when none does."""
    record = read_record(find_var(environment))
    return record.addresses.settings() if record is not None and record.is_alive else None


def find_warehouse_url(role: str, environment: Mapping[str, str] = os.environ) -> str | None:
    """The warehouse of that stack under a role; None when none runs."""
    record = read_record(find_var(environment))
    return record.addresses.database_url(role) if record is not None and record.is_alive else None


def find_parts(environment: Mapping[str, str] = os.environ) -> tuple[str, str, Path] | None:
    """Of that stack, the warehouse and MLflow's database as superuser, and the folder of MLflow's files; None when none runs."""
    record = read_record(find_var(environment))
    if record is None or not record.is_alive:
        return None
    urls = (record.addresses.database_url("postgres", name) for name in ("warehouse", "mlflow"))
    warehouse_url, mlflow_url = urls
    return (
        warehouse_url,
        mlflow_url,
        make_private(record.addresses.var / "mlflow" / "artifacts"),
    )  # MLflow makes it when it needs it


def find_airflow(settings: Settings, environment: Mapping[str, str] = os.environ) -> AirflowClient:
    """Airflow where the settings say; logged in only where it is the embedded stack's own."""
    record = _find_record(settings, environment)
    return services.make_client(record.addresses) if record is not None else AirflowClient(settings.airflow_url)


def find_unwanted(settings: Settings, environment: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """The services that nobody asked of the embedded stack that these settings mean; none of any other installation."""
    record = _find_record(settings, environment)
    if record is None:
        return ()
    return tuple(name for name in services.drop_mail(services.SERVICES, record.addresses) if name not in record.wanted)


def _find_record(settings: Settings, environment: Mapping[str, str]) -> Record | None:
    record = read_record(find_var(environment))
    is_meant = record is not None and record.is_alive and record.addresses.airflow_url == settings.airflow_url
    return record if is_meant else None


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
    def patience(self) -> Patience:
        """As measured when the stack was started, with what this shell says."""
        record = self.record
        return replace(Patience.from_environment(), pace=record.patience.pace if record else 1.0)

    @property
    def airflow(self) -> AirflowClient:
        """Asks a silent Airflow again for a good while from now on."""
        return services.make_client(self.addresses).until(self.patience.begin(ANSWER_SECONDS))

    @property
    def login(self) -> tuple[str, str]:
        """User and password of Airflow's pages."""
        return ADMIN, self.addresses.passwords["airflow_admin"]

    def settings(self) -> Settings:
        return self.addresses.settings()

    def environment(self) -> dict[str, str]:
        """`PERENNIAL_*` for a shell command of this stack."""
        return self.addresses.perennial()

    def up(
        self,
        say: Say = lambda _: None,
        show: Say = lambda _: None,
        *,
        only: Collection[str] = tuple(services.SERVICES),
        tied: bool = False,
    ) -> bool:
        """Start what is missing of these services and wait until all are healthy; False when they were already.

        Args:
            say: is given each thing that has happened.
            show: is given, again and again, what is waited for.
            only: names of `perennial.local.services.SERVICES`; what they need is started, too.
            tied: the stack ends with the thread that called (the demo, tests); else it stays until `down`.

        Raises:
            ConfigError: there is no such service.
            StackError: a taken port, a server that does not come up, or a running stack that was started otherwise. What is
                healthy stays up.
        """
        require_linux("`perennial up`")
        wanted = services.complete(only)
        if not services.drop_mail(wanted, self._wanted):
            raise ConfigError(
                f"--only mail: mail goes to {self._wanted.smtp.host} (PERENNIAL_SMTP_HOST), and no sink is started."
            )
        if set(wanted) != set(only):
            say(f"{', '.join(only)} would not work alone: {', '.join(name for name in wanted if name not in only)} comes along")
        close_to_others(make_private(self.var))
        while (lock := try_lock(self.var)) is None:
            record = self._await_record()
            if record is not None:
                return self._join(record, wanted, say, show)
        self._forget_process()
        self._process = spawn(
            [*SUPERVISOR, str(lock), *wanted],
            log=self.var / "supervisor.log",
            environment={"PERENNIAL_STACK": pack_addresses(self._wanted)},
            death_signal=signal.SIGTERM if tied else 0,
            new_session=True,
            kept=(lock,),
        )
        os.close(lock)
        self._follow(identify(self._process.pid), wanted, say, show)
        return True

    def _join(self, record: Record, wanted: tuple[str, ...], say: Say, show: Say) -> bool:
        """Ask the supervisor that runs for what is missing, and wait for it; False when nothing is."""
        self._check_same(record, wanted)
        wanted = services.drop_mail(wanted, record.addresses)
        where = f"{self.var}: {describe_process(record.supervisor.pid)}"
        states = [record.servers.get(name) for name in services.name_programs(wanted)]
        if all(server is not None and server.state == "healthy" for server in states):
            say(f"already up in {where}")
            return False
        say(f"joining the stack in {where}")
        write_request(self.var, wanted)
        self._follow(record.supervisor, wanted, say, show, told=len(record.events))
        return True

    def _follow(self, supervisor: Identity, wanted: Collection[str], say: Say, show: Say, told: int = 0) -> None:
        names = services.name_programs(services.drop_mail(wanted, self._wanted))
        try:
            Follower(self.var, supervisor, names, say, show).follow(told)
        finally:
            if self._process is not None:
                self._process.poll()  # a supervisor of ours that has ended stays a zombie until we ask

    def down(self) -> bool:
        """Stop every server; False when nothing ran.

        Raises:
            StackError: something of ours is still there.
        """
        record = self._await_record() or read_record(self.var)
        ran = record is not None and bool(find_members(record.supervisor))
        if record is not None:
            self._end(record)
        postgres = services.make_postgres(self.addresses)
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
        deadline = self.patience.begin(RECORD_SECONDS)
        while is_locked(self.var):
            record = self.record
            if record is not None:
                return record
            if deadline.is_over:
                raise StackError(
                    f"{self.var / 'stack.lock'} is held, but in {deadline.elapsed:.0f} s no stack has said by whom: "
                    "`fuser` names the process; end it."
                )
            time.sleep(POLL_SECONDS)
        return None

    def status(self) -> tuple[ServerStatus, ...]:
        """Every server, as it answers now."""
        return read_status(self.addresses, self.record, self.patience)

    def _check_same(self, record: Record, wanted: Collection[str]) -> None:
        """A stack that runs may stay if it is the one that was asked for.

        Raises:
            StackError: it is on its way down, lives in another time, or listens elsewhere than it was asked to.
        """
        until = record.addresses.simulated_until
        what = f"A simulation until {until}" if until else "A live stack"
        where = f"{self.var} ({describe_process(record.supervisor.pid)})"
        if record.state in ("stopping", "failed"):
            raise StackError(f"{what} is {record.state} in {where}: wait until it is gone, or end it with `perennial down`.")
        if until != self._wanted.simulated_until:
            raise StackError(f"{what} runs in {where}: end it with `perennial down` first.")
        asked, given = asdict(self._wanted.ports), asdict(record.addresses.ports)
        for name in wanted:
            is_missing = all(record.servers[each].state == "failed" for each in services.SERVICES[name] if each in record.servers)
            if is_missing and asked[name] != given[name]:
                raise StackError(
                    f"{what} runs in {where} with {name} at port {given[name]}, and {name_variable(name)} says {asked[name]}: "
                    "the others know the former; end it with `perennial down` first."
                )

    def _forget_process(self) -> None:
        """A supervisor of ours that has ended stays a zombie until we ask."""
        if self._process is not None:
            self._process.wait()
            self._process = None

    def _end(self, record: Record) -> None:
        """TERM to the supervisor, which ends the rest in order; if it cannot, we do."""
        if record.is_alive:
            os.kill(record.supervisor.pid, signal.SIGTERM)
        self.patience.begin(DOWN_SECONDS).await_that(lambda: not record.is_alive, poll_seconds=POLL_SECONDS)
        postgres = services.make_postgres(record.addresses)
        end_all(lambda: tuple(member for member in find_members(record.supervisor) if member != postgres.process))
        if record.is_alive:
            raise StackError(f"The supervisor, {describe_process(record.supervisor.pid)}, does not end.")
