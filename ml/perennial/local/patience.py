"""How long anybody waits for a server: limits are meant for quiet cores, and stretch on a machine that is slower.

How slow it is shows in two ways: how long a small fixed program takes when the waiting begins, and how many programs want
each core while it lasts. `PERENNIAL_PATIENCE` multiplies every limit on top.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from perennial.errors import ConfigError, UnavailableError

VARIABLE = "PERENNIAL_PATIENCE"
HINT = f"{VARIABLE}=3 waits three times as long"
PROBE = "import asyncio, decimal, email.message, http.client, logging.config, ssl, unittest, xml.dom.minidom"
PROBE_SECONDS = 0.09  # start and end of that program on a quiet core: .08 to .11 were measured
MOST_SLOWNESS = 30.0  # a load beyond this says that something is broken, not that the machine is busy
POLL_SECONDS = 0.25

Given = TypeVar("Given")


@dataclass(frozen=True)
class Patience:
    """By how much limits are stretched.

    Attributes:
        pace: how many times longer than on a quiet core the fixed program took; at least 1.
        factor: what somebody set in `PERENNIAL_PATIENCE`.
    """

    pace: float = 1.0
    factor: float = 1.0

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Patience:
        """Without a measurement: the load of the machine alone stretches the limits."""
        return cls(factor=_read_factor(environment))

    @classmethod
    def measure(cls, environment: Mapping[str, str] = os.environ) -> Patience:
        """Look first how slow the machine is, in a tenth of a second where it is quick."""
        return cls(pace=_measure_pace(), factor=_read_factor(environment))

    @property
    def stretch(self) -> float:
        """How many seconds stand for one second of a quiet core, now."""
        return self.factor * min(MOST_SLOWNESS, max(self.pace, _read_crowding()))

    def allow(self, seconds: float) -> float:
        """A limit for something that begins now."""
        return seconds * self.stretch

    def begin(self, seconds: float) -> Deadline:
        """A limit that goes on looking at the load while it runs."""
        return Deadline(seconds, self)

    @property
    def sentence(self) -> str:
        """For people: why limits are what they are."""
        slow = f"the machine is {self.stretch / self.factor:.1f} times slower than quiet cores"
        return slow if self.factor == 1 else f"{slow}, and {VARIABLE} is {self.factor:g}"


class Deadline:
    """Runs out after so many seconds of a quiet core: while the machine is n times slower, a second counts 1/n."""

    def __init__(self, seconds: float, patience: Patience) -> None:
        self._patience = patience
        self._left = seconds
        self._began = self._seen = time.monotonic()

    @property
    def elapsed(self) -> float:
        """Seconds by the clock."""
        return time.monotonic() - self._began

    @property
    def left(self) -> float:
        """Seconds by the clock, if the machine stays as it is now; below zero when the time is over."""
        now = time.monotonic()
        stretch = self._patience.stretch
        self._left -= (now - self._seen) / stretch
        self._seen = now
        return self._left * stretch

    @property
    def is_over(self) -> bool:
        return self.left <= 0

    def await_that(self, holds: Callable[[], bool], *, poll_seconds: float = POLL_SECONDS) -> bool:
        """Look until it holds, and once more when the time is over; whether it does."""
        while not self.is_over:
            if holds():
                return True
            time.sleep(poll_seconds)
        return holds()

    def insist(self, ask: Callable[[], Given], *, poll_seconds: float = POLL_SECONDS) -> Given:
        """Ask again while nobody answers.

        Raises:
            UnavailableError: the last one, when the time is over.
        """
        while True:
            try:
                return ask()
            except UnavailableError:
                if self.is_over:
                    raise
            time.sleep(poll_seconds)


def _read_factor(environment: Mapping[str, str]) -> float:
    text = environment.get(VARIABLE) or "1"
    try:
        factor = float(text)
    except ValueError:
        factor = 0.0
    if not 0 < factor < 1000:  # noqa: PLR2004 - beyond this nobody waits; it also refuses nan and inf
        raise ConfigError(f"{VARIABLE} is '{text}': give a number such as 3, by which every limit is multiplied, or unset it.")
    return factor


def _measure_pace() -> float:
    began = time.monotonic()
    subprocess.run([sys.executable, "-I", "-c", PROBE], check=True)  # noqa: S603 - this Python, fixed text
    return max(1.0, (time.monotonic() - began) / PROBE_SECONDS)


def _read_crowding() -> float:
    """Programs that want each core, by the load of the last minute; 1 where the system does not say."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    return max(1.0, load / cores)
