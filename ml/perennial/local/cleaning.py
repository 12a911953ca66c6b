"""Airflow's own database stays small: once a week its command `airflow db clean` takes away what is old."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from perennial.local.addresses import Addresses
from perennial.local.libgomp import library_environment
from perennial.local.processes import spawn
from perennial.local.servers import python_command

KEPT = timedelta(days=400)
"""As long as a model keeps mails and pages by default; Airflow itself keeps the newest run of each DAG whatever its age."""
EVERY = timedelta(days=7)
NOTE = Path("airflow", "cleaned")


class Cleaner:
    """Begins the command when its time has come, and never beside itself. What fails, its log says, and is tried next week.

    Args:
        begin: starts the command.
    """

    def __init__(self, var: Path, begin: Callable[[float], subprocess.Popen[bytes]]) -> None:
        self._note = var / NOTE
        self._begin = begin
        self._process: subprocess.Popen[bytes] | None = None

    def tend(self, clock_seconds: float) -> None:
        """Look whether a week is over; in a stack that was never looked at, it begins now."""
        if self._process is not None and self._process.poll() is None:
            return
        is_due = self._note.exists() and clock_seconds - self._note.stat().st_mtime >= EVERY.total_seconds()
        if is_due or not self._note.exists():
            self._note.touch()
            os.utime(self._note, (clock_seconds, clock_seconds))
        if is_due:
            self._process = self._begin(clock_seconds)


def begin_cleaning(addresses: Addresses, clock_seconds: float) -> subprocess.Popen[bytes]:
    """Start the command on the database of a stack."""
    environment = {**addresses.airflow(), **library_environment()}
    return spawn(write_command(clock_seconds), log=addresses.var / "log" / "airflow-clean.log", environment=environment)


def write_command(clock_seconds: float) -> tuple[str, ...]:
    """`airflow db clean` of what is older; by default it would keep all of it in tables of an archive."""
    before = datetime.fromtimestamp(clock_seconds, UTC) - KEPT
    options = ("--clean-before-timestamp", before.isoformat(timespec="seconds"), "--skip-archive", "--yes")
    return python_command("airflow", "db", "clean", *options, "--error-on-cleanup-failure")
