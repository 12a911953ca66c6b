"""Owns the servers of a stack: starts them, starts a fallen one again, and takes all of them along when it ends.

`python -m perennial.local.supervisor LOCK SERVICE...`, with the descriptor of the folder's lock, held by `up` until now, the
services that are wanted, and the addresses in PERENNIAL_STACK. It leads the session of all its servers.

A server that does not come up, or falls again and again, fails alone: the others stay, and a later `up` asks for it anew. The
supervisor ends when it is told to, or when nothing is left.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import datetime
from functools import partial

from perennial.errors import PerennialError, StackError
from perennial.local import services
from perennial.local.addresses import Addresses, name_variable
from perennial.local.cleaning import Cleaner, begin_cleaning
from perennial.local.logs import tend_logs
from perennial.local.patience import Patience
from perennial.local.ports import require_free
from perennial.local.processes import Identity, end_all, find_descendants, find_members, find_orphans, identify
from perennial.local.record import (
    Record,
    ServerState,
    State,
    forget_record,
    forget_requests,
    read_record,
    settle_request,
    take_request,
    unpack_addresses,
    write_record,
)
from perennial.local.supervised import Program, Supervised

VARIABLE = "PERENNIAL_STACK"
WATCH_SECONDS = 1.0
POLL_SECONDS = 0.5
TEND_SECONDS = 60.0  # between two looks at what grows


class Supervisor:
    """One life of a stack; its record tells everybody else how far it is."""

    def __init__(self, addresses: Addresses, wanted: Sequence[str], patience: Patience) -> None:
        self._addresses = addresses
        self._patience = patience
        self._postgres = services.make_postgres(addresses, patience=patience)
        self._supervised: dict[str, Supervised] = {}
        self._tended = -TEND_SECONDS
        self._cleaner = Cleaner(addresses.var, partial(begin_cleaning, addresses))
        self._record = Record(identify(os.getpid()), addresses, wanted=services.drop_mail(wanted, addresses), patience=patience)

    def run(self) -> int:
        """Start, watch until TERM, stop; returns the exit code."""
        try:
            self._clear_away(read_record(self._addresses.var))
            self._check_ports()
            self._want(self._record.wanted)
            while True:
                time.sleep(self._step())
        except PerennialError as error:
            self._stop()
            self._note(str(error), state="failed")
            return 1
        except SystemExit:
            self._stop()
            forget_record(self._addresses.var)
        return 0

    def _want(self, wanted: Collection[str]) -> None:
        """Supervise the servers of these services, those that have failed anew; what runs goes on."""
        every = (*self._record.wanted, *wanted)
        names = services.name_programs(wanted)
        for program in self._make_programs():
            former = self._supervised.get(program.name)
            if program.name in names and (former is None or former.state == "failed"):
                self._supervised[program.name] = Supervised(program, self._patience, self._sweep)
        self._record = replace(self._record, wanted=tuple(name for name in services.SERVICES if name in every))
        self._note()

    def _make_programs(self) -> tuple[Program, ...]:
        """All that a stack can have, in the order of its start; nothing runs yet."""
        addresses, patience = self._addresses, self._patience
        ours, airflows = services.make_migrations(addresses, self._postgres)
        return (
            services.Warehouse(self._postgres),
            ours,
            services.make_mail_sink(addresses, patience),
            services.make_registry(addresses, patience),
            airflows,
            *services.make_airflow(addresses, patience, self._read_clock, self._end_schedulers),
        )

    def _step(self) -> float:
        """One round: what is free to start starts, what starts is looked at, what fell starts again; seconds until the next.

        Raises:
            StackError: nothing is left.
        """
        self._take_request()
        self._tend()
        before = self._states
        self._start_what_is_free()
        for each in self._supervised.values():
            if each.state == "starting":
                each.look()
            elif each.has_fallen:
                self._note(f"{each.program.name} fell and is started again")
                each.start_again()
        self._tell(before)
        if {state for name, state in self._states.items() if name not in services.JOBS} == {"failed"}:
            raise StackError("\n".join(each.why for each in self._supervised.values()))
        if self._states != before:
            return 0.0  # something may be free now
        return POLL_SECONDS if self._record.state == "starting" else WATCH_SECONDS

    def _tend(self) -> None:
        """Keep logs and Airflow's database small; what stands in the way of that is no reason to fall."""
        if time.monotonic() < self._tended + TEND_SECONDS:
            return
        self._tended, clock_seconds = time.monotonic(), time.time()
        with suppress(OSError):
            tend_logs(self._addresses.var, clock_seconds)
        with suppress(OSError):
            if self._states.get("airflow-scheduler") == "healthy":
                self._cleaner.tend(clock_seconds)

    def _take_request(self) -> None:
        wanted = services.drop_mail(take_request(self._addresses.var), self._addresses)
        if wanted:
            self._want(wanted)
        settle_request(self._addresses.var)

    def _start_what_is_free(self) -> None:
        """One after the other: PostgreSQL, which is waited for, frees others."""
        begun: list[str] = []
        for name, each in self._supervised.items():
            states = self._states
            cause = each.find_cause(states) if each.state == "waiting" else None
            if cause is not None:
                each.fail(f"{name} was not started: it needs {cause}, which has failed")
            elif each.is_free(states):
                begun.append(name)
                each.begin()
        if begun:
            self._note(f"starting {', '.join(begun)}")
        for name in begun:
            self._supervised[name].start()
            self._note()

    def _tell(self, before: dict[str, ServerState]) -> None:
        """Note what has become of each since the step began."""
        for name, each in self._supervised.items():
            if each.state == before.get(name):
                continue
            if each.state == "healthy":
                self._note(f"{name} is {'done' if name in services.JOBS else 'healthy'}")
            elif each.state == "failed":
                self._note(f"FAILED: {each.why.splitlines()[0]}")

    @property
    def _states(self) -> dict[str, ServerState]:
        return {name: each.state for name, each in self._supervised.items()}

    def _check_ports(self) -> None:
        """All at once, before anything starts; each server looks again at its own."""
        for name, port in asdict(self._addresses.ports).items():
            if name in self._record.wanted:
                require_free(port, name, name_variable(name))

    def _sweep(self, program: Program) -> None:
        """End what is left of one program: what descends from it, and what nobody owns any more."""
        if program.name == "postgres":
            self._postgres.stop()
            return
        leader, root = self._record.supervisor, program.identity
        end_all(lambda: (*(find_descendants(leader, root) if root else ()), *find_orphans(leader)), patience=self._patience)

    def _stop(self) -> None:
        """TERM, 15 s, KILL to our own session; PostgreSQL by pg_ctl, last, because the others write to it."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        self._note("stopping", state="stopping")
        end_all(self._find_servers, patience=self._patience)
        self._postgres.stop()

    def _find_servers(self) -> tuple[Identity, ...]:
        spared = (self._record.supervisor, self._postgres.process)
        return tuple(member for member in find_members(self._record.supervisor) if member not in spared)

    def _clear_away(self, former: Record | None) -> None:
        """End what a supervisor that was killed has left behind."""
        if former is not None and not former.is_alive:
            end_all(lambda: find_members(former.supervisor), patience=self._patience)
        self._postgres.stop()

    def _read_clock(self) -> datetime:
        """The instant by PostgreSQL's clock, by which Airflow's heartbeats are stored."""
        return datetime.fromisoformat(self._postgres.run_sql("postgres", "select clock_timestamp();").strip())

    def _end_schedulers(self) -> None:
        """In Airflow's books: a stack has one scheduler, and what is left of it was ended before the next one starts."""
        self._postgres.run_sql("airflow", services.END_SCHEDULERS)

    def _note(self, event: str | None = None, *, state: State | None = None) -> None:
        """Write the record anew."""
        events = self._record.events if event is None else (*self._record.events, event)
        servers = {name: each.describe() for name, each in self._supervised.items()}
        self._record = replace(self._record, state=state or self._sum_up(), events=events, servers=servers)
        write_record(self._addresses.var, self._record)

    def _sum_up(self) -> State:
        states = set(self._states.values())
        if not states or states & {"waiting", "starting"}:
            return "starting"
        return "incomplete" if "failed" in states else "ready"


def leave_guard(addresses: Addresses, lock: int) -> None:
    """Fork a process that outlives us by a moment: a scheduler with a running task would wait a minute on TERM.

    It sleeps on a pipe that the kernel closes when we end, however we end, and then ends what is left of our session.
    """
    leader, postgres = identify(os.getpid()), services.make_postgres(addresses)
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
    os.umask(0o077)  # inherited by every server: what they write is for this account alone
    (addresses.var / "log").mkdir(exist_ok=True)
    forget_requests(addresses.var)
    leave_guard(addresses, int(sys.argv[1]))
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(0))
    return Supervisor(addresses, sys.argv[2:], Patience.measure()).run()


if __name__ == "__main__":
    sys.exit(main())
