"""What is known about a running stack: `var/stack.json`, written by its supervisor, read by everybody else.

And the other way: what somebody wants of a supervisor that runs, in `var/stack.request`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter

from perennial.local.addresses import Addresses
from perennial.local.passwords import write_private
from perennial.local.patience import Patience
from perennial.local.processes import Identity

State = Literal["starting", "ready", "incomplete", "stopping", "failed"]
ServerState = Literal["waiting", "starting", "healthy", "failed"]


def read_place() -> str:
    """This boot of the machine and this namespace of process numbers: elsewhere a number belongs to a stranger."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return f"{boot} {Path('/proc/self/ns/pid').readlink()}"


@dataclass(frozen=True)
class ServerRecord:
    """One server, or one job: how it is, since when by the monotonic clock of this boot, and why it failed."""

    state: ServerState
    since: float
    log: Path
    process: Identity | None = None
    why: str = ""


@dataclass(frozen=True)
class Record:
    """One stack: who supervises it, where it listens, what was asked for, how each server is, and what has happened so far.

    Attributes:
        state: `ready` when all that was asked for is healthy, `incomplete` when something of it has failed for good.
        wanted: the services that were asked for; see `perennial.local.services.SERVICES`.
        patience: how slow the machine showed itself when the supervisor started.
    """

    supervisor: Identity
    addresses: Addresses
    state: State = "starting"
    events: tuple[str, ...] = ()
    wanted: tuple[str, ...] = ()
    servers: Mapping[str, ServerRecord] = field(default_factory=dict)
    patience: Patience = field(default_factory=Patience)
    place: str = field(default_factory=read_place)

    @property
    def is_alive(self) -> bool:
        return self.supervisor.is_alive


_RECORDS = TypeAdapter(Record)
_ADDRESSES = TypeAdapter(Addresses)
_NAMES = TypeAdapter(tuple[str, ...])


def read_record(var: Path) -> Record | None:
    """The record of the stack in this folder; None when there is none, when it cannot be read, or when it is from elsewhere."""
    try:
        record = _RECORDS.validate_json((var / "stack.json").read_bytes())
    except (OSError, ValueError):
        return None
    return record if record.place == read_place() else None


def write_record(var: Path, record: Record) -> None:
    """Replace the record as a whole; it may hold the password of a mail server, so only its owner reads it."""
    write_private(var / "stack.json", _RECORDS.dump_json(record, indent=1).decode())


def forget_record(var: Path) -> None:
    """There is no stack any more."""
    (var / "stack.json").unlink(missing_ok=True)


def pack_addresses(addresses: Addresses) -> str:
    """As text, for the environment of the supervisor."""
    return _ADDRESSES.dump_json(addresses).decode()


def unpack_addresses(text: str) -> Addresses:
    """The reverse."""
    return _ADDRESSES.validate_json(text)


# Requests
def write_request(var: Path, services: Sequence[str]) -> None:
    """Ask the supervisor that runs for services, beside what somebody else has just asked for."""
    asked = dict.fromkeys((*_read_names(var / "stack.request"), *services))
    write_private(var / "stack.request", _NAMES.dump_json(tuple(asked)).decode())


def take_request(var: Path) -> tuple[str, ...]:
    """What was asked for since the last time; it is under way until `settle_request`."""
    try:
        (var / "stack.request").rename(var / "stack.request.taken")
    except OSError:
        return ()
    return _read_names(var / "stack.request.taken")


def _read_names(path: Path) -> tuple[str, ...]:
    try:
        return _NAMES.validate_json(path.read_bytes())
    except (OSError, ValueError):
        return ()


def settle_request(var: Path) -> None:
    """The record now says what was asked for."""
    (var / "stack.request.taken").unlink(missing_ok=True)


def has_request(var: Path) -> bool:
    """Whether somebody's request is not in the record yet."""
    return (var / "stack.request").exists() or (var / "stack.request.taken").exists()


def forget_requests(var: Path) -> None:
    """They were for a supervisor that is gone."""
    (var / "stack.request").unlink(missing_ok=True)
    settle_request(var)


# The lock
def try_lock(var: Path) -> int | None:
    """Take the lock of the folder, for as long as the descriptor is open here or in a child; None when another one has it."""
    import fcntl  # noqa: PLC0415 - Windows has none, and this module must load there

    descriptor = os.open(var / "stack.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def is_locked(var: Path) -> bool:
    """Whether a supervisor lives, or is about to: `up` takes the lock before it starts one."""
    if not var.exists():
        return False
    lock = try_lock(var)
    if lock is not None:
        os.close(lock)
    return lock is None
