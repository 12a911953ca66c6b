"""One server or job under its supervisor: it waits for others, starts, is healthy until it falls, or has failed for good."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from perennial.errors import PerennialError
from perennial.local.patience import HINT, Patience
from perennial.local.processes import Identity
from perennial.local.record import ServerRecord, ServerState
from perennial.local.servers import HEALTHY_SECONDS, say_end

MOST_FALLS = 5
HOUR_SECONDS = 3600.0


class Program(Protocol):
    """What can be supervised: a server, a job, and PostgreSQL; the names as in `perennial.local.servers.Server`."""

    name: str
    after: tuple[str, ...]

    @property
    def log(self) -> Path: ...
    @property
    def identity(self) -> Identity | None: ...
    @property
    def has_ended(self) -> bool: ...
    @property
    def is_done(self) -> bool: ...
    def start(self) -> None: ...
    def is_healthy(self) -> bool: ...
    def explain_end(self) -> str: ...


class Supervised:
    """The life of one program.

    Args:
        sweep: ends what is left of the program's processes.
    """

    def __init__(self, program: Program, patience: Patience, sweep: Callable[[Program], None]) -> None:
        self.program = program
        self.state: ServerState = "waiting"
        self.why = ""
        self._patience = patience
        self._sweep = sweep
        self._since = time.monotonic()
        self._deadline = patience.begin(HEALTHY_SECONDS)
        self._falls: tuple[float, ...] = ()

    def describe(self) -> ServerRecord:
        """For the record."""
        program = self.program
        return ServerRecord(self.state, self._since, program.log, program.identity, self.why)

    def find_cause(self, states: Mapping[str, ServerState]) -> str | None:
        """What it waits for and will never see."""
        return next((name for name in self.program.after if states.get(name) == "failed"), None)

    def is_free(self, states: Mapping[str, ServerState]) -> bool:
        """Whether all that comes before it is there."""
        return self.state == "waiting" and all(states.get(name) == "healthy" for name in self.program.after)

    def begin(self) -> None:
        """From now on it is waited for."""
        self._become("starting")
        self._deadline = self._patience.begin(HEALTHY_SECONDS)

    def start(self) -> None:
        """Start it; what stops it from starting fails it alone: also a log that cannot be written, or no room for a process."""
        self.begin()
        try:
            self.program.start()
        except (PerennialError, OSError) as error:
            self.fail(f"{self.program.name} was not started: {error}")

    def look(self) -> None:
        """While it starts: is it healthy, has it ended, is its time over?"""
        try:
            self._look()
        except (PerennialError, OSError) as error:  # of what follows a job
            self.fail(f"{self.program.name}: {error}")

    def _look(self) -> None:
        if self.program.is_done or (not self.program.has_ended and self.program.is_healthy()):
            self._become("healthy")
        elif self.program.has_ended:
            self.fail(f"after {self._deadline.elapsed:.0f} s {self.program.explain_end()}")
        elif self._deadline.is_over:
            self.fail(
                f"{self.program.name} is not healthy after {self._deadline.elapsed:.0f} s, and was ended "
                f"({self._patience.sentence}; {HINT}); {say_end(self.program.log)}"
            )

    @property
    def has_fallen(self) -> bool:
        """It was healthy, and ended by itself."""
        return self.state == "healthy" and not self.program.is_done and self.program.has_ended

    def start_again(self) -> None:
        """After a fall, but not for ever: of more than five within an hour it has failed."""
        now = time.monotonic()
        self._falls = (*(fall for fall in self._falls if fall > now - HOUR_SECONDS), now)
        if len(self._falls) > MOST_FALLS:
            self.fail(f"{self.program.name} fell for the {len(self._falls)}th time within an hour; {say_end(self.program.log)}")
            return
        self._sweep(self.program)  # a child of the fallen may still hold its port
        self.start()

    def fail(self, why: str) -> None:
        """It stays down until somebody asks for it again."""
        self._sweep(self.program)
        self._become("failed")
        self.why = why

    def _become(self, state: ServerState) -> None:
        self.state, self.why, self._since = state, "", time.monotonic()
