"""What people see of something long: lines that stay, and one line about what goes on."""

from __future__ import annotations

import os
import shutil
import sys
import time
from typing import IO

QUIET_SECONDS = 30.0  # so long nothing is said before a log hears how far things are; twice as long each further time
ERASE = "\r\x1b[K"


class Progress:
    """On a terminal the passing line is rewritten; elsewhere it is said now and then, ever more rarely."""

    def __init__(self, output: IO[str] | None = None, *, quiet_seconds: float = QUIET_SECONDS) -> None:
        self._output = output or sys.stdout
        self._quiet_seconds = quiet_seconds
        self._interval = quiet_seconds
        self._spoke_at = time.monotonic()
        self._shown = ""

    @property
    def is_terminal(self) -> bool:
        return self._output.isatty() and os.environ.get("TERM", "") != "dumb"

    def say(self, line: str) -> None:
        """A line that stays."""
        self.clear()
        print(line, file=self._output, flush=True)

    def show(self, line: str) -> None:
        """What goes on now; replaces what was shown before."""
        if self.is_terminal:
            line = line[: shutil.get_terminal_size().columns - 1]
            if line != self._shown:
                print(f"{ERASE}{line}", end="", file=self._output, flush=True)
                self._shown = line
        elif time.monotonic() - self._spoke_at >= self._interval:
            print(line, file=self._output, flush=True)
            self._spoke_at, self._interval = time.monotonic(), 2 * self._interval

    def clear(self) -> None:
        """Take the passing line away, for whoever writes next; a log then waits anew before it hears of what goes on."""
        if self._shown:
            print(ERASE, end="", file=self._output, flush=True)
            self._shown = ""
        self._spoke_at, self._interval = time.monotonic(), self._quiet_seconds
