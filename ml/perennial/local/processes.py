"""Processes of our own: how to start one that dies with us, to know it again, and to end exactly those."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from perennial.local.patience import Deadline, Patience

DIE_WITH_PARENT = Path(__file__).with_name("die_with_parent.py")
TERM_SECONDS = 15.0
KILL_SECONDS = 5.0
POLL_SECONDS = 0.1
PLAIN = Patience()
FOREIGN = ("AIRFLOW", "MLFLOW_", "PG")
"""How the names of variables begin that steer our programs, but were meant by our caller for servers of his own."""


@dataclass(frozen=True)
class Identity:
    """A process that cannot be mistaken for a later one with the same number: `started` in clock ticks since boot."""

    pid: int
    started: int

    @property
    def is_alive(self) -> bool:
        found = read_stat(self.pid)
        return found is not None and found.started == self.started and found.state != "Z"


@dataclass(frozen=True)
class Stat:
    """What we need of `/proc/<pid>/stat` (proc(5))."""

    pid: int
    state: str
    parent: int
    session: int
    started: int


def read_stat(pid: int) -> Stat | None:
    """Read a process; None when there is no such process."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()  # the command before it may hold blanks and brackets
    return Stat(pid, fields[0], int(fields[1]), int(fields[3]), int(fields[19]))


def identify(pid: int) -> Identity:
    """The identity of a running process; a process that is gone gets one that is never alive."""
    found = read_stat(pid)
    return Identity(pid, found.started if found else -1)


def describe_process(pid: int) -> str:
    """`pid 4711 (python -m http.server)`, for messages."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        words = ""
    return f"pid {pid} ({words[:160]})" if words else f"pid {pid}"


def inherit_environment() -> dict[str, str]:
    """What our programs take over from our caller; modules in the folder where he stands are none of ours."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    return {**kept, "PYTHONSAFEPATH": "1"}


def spawn(
    command: Sequence[str],
    *,
    log: Path,
    environment: Mapping[str, str] | None = None,
    death_signal: int = signal.SIGTERM,
    user: int | None = None,
    new_session: bool = False,
    kept: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """Start a command that gets `death_signal` (0: none) when this thread dies; its output is appended to `log`.

    `environment`: what it is told beside what it inherits; `kept`: descriptors that stay open in it.
    """
    who, session = ("-" if user is None else str(user)), ("new" if new_session else "same")
    wrapper = [sys.executable, "-I", "-S", str(DIE_WITH_PARENT), str(os.getpid()), str(int(death_signal)), who, session]
    with os.fdopen(os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab") as output:
        return subprocess.Popen(  # noqa: S603 - our own commands, no shell
            [*wrapper, *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**inherit_environment(), **(environment or {})},
            pass_fds=kept,
        )


def find_members(leader: Identity) -> tuple[Identity, ...]:
    """Every living process of the session that `leader` led, whether or not the leader still lives."""
    if leader.pid <= 0:
        return ()  # session 0: led from outside this pid namespace, and shared by strangers
    now = read_stat(leader.pid)
    if now is not None and now.started != leader.started:
        return ()  # the number now belongs to somebody else
    found = (read_stat(int(entry.name)) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    return tuple(
        Identity(stat.pid, stat.started)
        for stat in found
        if stat is not None and stat.session == leader.pid and stat.started >= leader.started and stat.state != "Z"
    )


def find_orphans(leader: Identity) -> tuple[Identity, ...]:
    """Those of the leader's session that no longer descend from it: what a server that fell has left behind."""
    return tuple(member for member in find_members(leader) if not _descends(member.pid, leader.pid))


def find_descendants(leader: Identity, root: Identity) -> tuple[Identity, ...]:
    """Those of the leader's session that descend from one of them, itself included."""
    return tuple(member for member in find_members(leader) if _descends(member.pid, root.pid))


def _descends(pid: int, ancestor: int) -> bool:
    while pid > 1 and pid != ancestor:
        found = read_stat(pid)
        pid = found.parent if found else 0
    return pid == ancestor


def end_all(find: Callable[[], tuple[Identity, ...]], *, grace_seconds: float = TERM_SECONDS, patience: Patience = PLAIN) -> None:
    """TERM, wait, then KILL to exactly what `find` names; it is asked again, because a dying server may still start some.

    The eldest hear TERM first, since each server ends its own children best: a triggerer whose child was ended by
    somebody else waits for it in vain. After a third of the time everybody hears it.
    """
    first = find()
    numbers = {member.pid for member in first}
    _signal_all((member for member in first if _read_parent(member) not in numbers), signal.SIGTERM)
    _wait_for_none(find, patience.begin(grace_seconds / 3))
    _signal_all(find(), signal.SIGTERM)
    _wait_for_none(find, patience.begin(grace_seconds * 2 / 3))
    deadline = patience.begin(KILL_SECONDS)
    while not deadline.is_over and (left := find()):
        _signal_all(left, signal.SIGKILL)
        time.sleep(POLL_SECONDS)


def _read_parent(member: Identity) -> int:
    found = read_stat(member.pid)
    return found.parent if found else 0


def _wait_for_none(find: Callable[[], tuple[Identity, ...]], deadline: Deadline) -> None:
    deadline.await_that(lambda: not find(), poll_seconds=POLL_SECONDS)


def _signal_all(targets: Iterable[Identity], number: signal.Signals) -> None:
    for target in targets:
        if target.is_alive and target.pid != os.getpid():
            with suppress(ProcessLookupError):
                os.kill(target.pid, number)
