"""Ports on 127.0.0.1: a free one, and who owns a taken one."""

from __future__ import annotations

import socket
from contextlib import suppress
from pathlib import Path

from perennial.errors import StackError
from perennial.local.processes import describe_process

HOST = "127.0.0.1"
LISTEN = "0A"


def find_free_port() -> int:
    """A port that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def is_taken(port: int) -> bool:
    """Whether something answers on 127.0.0.1, or holds the port on another address so that we could not bind it."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return True
    return False


def require_free(port: int, purpose: str, setting: str) -> None:
    """Refuse a taken port in words that help.

    Raises:
        StackError: names the process that holds the port and the variable that picks another.
    """
    if is_taken(port):
        raise StackError(
            f"Port {port}, wanted for {purpose}, is taken by {describe_owner(port)}. "
            f"End that process, or choose another port with {setting}."
        )


def describe_owner(port: int) -> str:
    """The process that listens on the port, as far as /proc shows it to us."""
    inodes = _listening_inodes(port)
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and inodes & _socket_inodes(entry):
            return describe_process(int(entry.name))
    return "a process of another user"


def _listening_inodes(port: int) -> frozenset[str]:
    rows: list[str] = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            rows += Path(table).read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
    cells = (row.split() for row in rows)
    return frozenset(cell[9] for cell in cells if cell[3] == LISTEN and int(cell[1].rpartition(":")[2], 16) == port)


def _socket_inodes(process: Path) -> frozenset[str]:
    links: list[str] = []
    with suppress(OSError):  # another user's process, or one that is gone
        for entry in (process / "fd").iterdir():
            with suppress(OSError):  # closed since it was listed
                links.append(str(entry.readlink()))
    return frozenset(link[len("socket:[") : -1] for link in links if link.startswith("socket:["))
