"""Owns the servers of a stack: starts them, starts a fallen one again, and takes all of them along when it ends.

`python -m perennial.local.supervisor LOCK`, with the descriptor of the folder's lock, held by `up` until now, and the addresses
in PERENNIAL_STACK. It leads the session of all its servers.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import datetime

from perennial.errors import PerennialError, StackError
from perennial.local.addresses import Addresses, name_variable
from perennial.local.ports import require_free
from perennial.local.processes import Identity, end_all, find_members, find_orphans, identify
from perennial.local.record import Record, State, forget_record, read_record, unpack_addresses, write_record
from perennial.local.servers import Server
from perennial.local.services import (
    make_airflow,
    make_databases,
    make_mail_sink,
    make_postgres,
    make_registry,
    migrate_airflow,
    migrate_warehouse,
    write_login,
)

VARIABLE = "PERENNIAL_STACK"
WATCH_SECONDS = 1.0
POLL_SECONDS = 0.5
HEALTHY_SECONDS = 240.0
MOST_FALLS = 5
HOUR_SECONDS = 3600.0


class Supervisor:
    """One life of a stack; its record tells everybody else how far it is."""

    def __init__(self, addresses: Addresses) -> None:
        self._addresses = addresses
        self._postgres = make_postgres(addresses)
        self._servers: list[Server] = []
        self._falls: tuple[float, ...] = ()
        self._record = Record(identify(os.getpid()), addresses)

    def run(self) -> int:
        """Start, watch until TERM, stop; returns the exit code."""
        try:
            self._clear_away(read_record(self._addresses.var))
            self._start()
            self._watch()
        except PerennialError as error:
            self._stop()
            self._note("failed", str(error))
            return 1
        except SystemExit:
            self._stop()
            forget_record(self._addresses.var)
        return 0

    def _start(self) -> None:
        self._check_ports()
        self._say("starting PostgreSQL")
        self._postgres.start()
        make_databases(self._postgres)
        migrate_warehouse(self._addresses)
        self._say("starting MLflow and the mail sink")
        if self._addresses.mail_server is None:
            self._launch(make_mail_sink(self._addresses))
        self._launch(make_registry(self._addresses))
        self._say("migrating Airflow's tables")
        write_login(self._addresses)
        migrate_airflow(self._addresses, self._postgres)
        self._say("starting Airflow")
        for server in make_airflow(self._addresses, self._read_clock()):
            self._launch(server)
        self._wait_for_all()
        self._note("ready", "all servers are healthy")

    def _check_ports(self) -> None:
        """All at once, before anything starts; each server looks again at its own."""
        for name, port in asdict(self._addresses.ports).items():
            if name != "mail" or self._addresses.mail_server is None:
                require_free(port, name, name_variable(name))

    def _launch(self, server: Server) -> None:
        server.start()
        self._servers.append(server)
        self._say(None)

    def _wait_for_all(self) -> None:
        """Note each server that becomes healthy; one that ends meanwhile ends the waiting.

        Raises:
            StackError: names the server and shows the end of its log.
        """
        waiting, deadline = list(self._servers), time.monotonic() + HEALTHY_SECONDS
        while waiting:
            for server in self._servers:
                server.check_alive()
            for server in [server for server in waiting if server.is_healthy()]:
                waiting.remove(server)
                self._say(f"{server.name} is healthy")
            if waiting and time.monotonic() > deadline:
                raise StackError(f"{waiting[0].name} is not healthy after {HEALTHY_SECONDS:.0f} s; see {waiting[0].log}.")
            time.sleep(POLL_SECONDS)

    def _watch(self) -> None:
        """Until a signal comes: start again what fell.

        Raises:
            StackError: servers fall more than five times within an hour.
        """
        while True:
            time.sleep(WATCH_SECONDS)
            if self._postgres.process is None:
                self._start_again("PostgreSQL", self._postgres.start)
            for server in self._servers:
                if server.process is not None and server.process.poll() is not None:
                    self._start_again(server.name, server.start)

    def _start_again(self, name: str, start: Callable[[], None]) -> None:
        now = time.monotonic()
        self._falls = (*(fall for fall in self._falls if fall > now - HOUR_SECONDS), now)
        if len(self._falls) > MOST_FALLS:
            raise StackError(
                f"{name} fell, the {len(self._falls)}th fall of a server within an hour: see the logs in {self._addresses.var}."
            )
        self._say(f"{name} fell and is started again")
        end_all(lambda: find_orphans(self._record.supervisor))  # a child of the fallen may still hold its port
        start()
        self._say(None)

    def _stop(self) -> None:
        """TERM, 15 s, KILL to our own session; PostgreSQL by pg_ctl, last, because the others write to it."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        self._note("stopping", "stopping")
        end_all(self._find_servers)
        self._postgres.stop()

    def _find_servers(self) -> tuple[Identity, ...]:
        spared = (self._record.supervisor, self._postgres.process)
        return tuple(member for member in find_members(self._record.supervisor) if member not in spared)

    def _clear_away(self, former: Record | None) -> None:
        """End what a supervisor that was killed has left behind."""
        if former is not None and not former.is_alive:
            end_all(lambda: find_members(former.supervisor))
        self._postgres.stop()

    def _read_clock(self) -> datetime:
        """The instant by PostgreSQL's clock, by which Airflow's heartbeats are stored."""
        return datetime.fromisoformat(self._postgres.run_sql("postgres", "select clock_timestamp();").strip())

    def _say(self, event: str | None) -> None:
        self._note(self._record.state, event)

    def _note(self, state: State, event: str | None) -> None:
        events = self._record.events if event is None else (*self._record.events, event)
        owned = {server.name: server.identity for server in self._servers}
        servers = {name: identity for name, identity in {**owned, "postgres": self._postgres.process}.items() if identity}
        self._record = replace(self._record, state=state, events=events, servers=servers)
        write_record(self._addresses.var, self._record)


def leave_guard(addresses: Addresses, lock: int) -> None:
    """Fork a process that outlives us by a moment: a scheduler with a running task would wait a minute on TERM.

    It sleeps on a pipe that the kernel closes when we end, however we end, and then ends what is left of our session.
    """
    leader, postgres = identify(os.getpid()), make_postgres(addresses)
    reader, writer = os.pipe()
    if os.fork() != 0:
        os.close(reader)
        return
    os.setsid()
    os.close(writer)
    os.close(lock)
    os.read(reader, 1)
    end_all(lambda: tuple(member for member in find_members(leader) if member != postgres.process))
    os._exit(0)


def main() -> int:
    """Supervise until TERM."""
    addresses = unpack_addresses(os.environ.pop(VARIABLE))
    (addresses.var / "log").mkdir(exist_ok=True)
    leave_guard(addresses, int(sys.argv[1]))
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(0))
    return Supervisor(addresses).run()


if __name__ == "__main__":
    sys.exit(main())
