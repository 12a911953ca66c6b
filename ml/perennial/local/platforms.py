"""Where the embedded stack runs: on Linux, whose ways of watching and ending processes it is made of."""

from __future__ import annotations

import sys

from perennial.errors import StackError

LINUX = "linux"
NAMES = {"darwin": "macOS", "win32": "Windows"}
ELSEWHERE = (
    "On Windows use WSL2; there and on macOS the containers of docker-compose.yml run it all, and servers of your own do "
    "(PERENNIAL_WAREHOUSE_URL, PERENNIAL_MLFLOW_URI)."
)


def name_platform() -> str:
    """As people call it."""
    return NAMES.get(sys.platform, sys.platform)


def is_linux() -> bool:
    """Whether the embedded stack runs here."""
    return sys.platform == LINUX


def require_linux(wanted_by: str) -> None:
    """Refuse what only Linux can do.

    Raises:
        StackError: we are elsewhere; says what there is instead.
    """
    if not is_linux():
        raise StackError(f"{wanted_by}: the embedded stack is for Linux, and this is {name_platform()}. {ELSEWHERE}")
