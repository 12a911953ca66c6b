"""Which part of a piece of work takes the time and the memory: the main thread's stack is looked at twenty times a second."""

from __future__ import annotations

import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

EVERY_SECONDS = 0.05
PHASES = {
    "read_training_set": "reading",
    "check_training_set": "guards",
    "gather_rows": "encoding",
    "rank_alone": "features alone",
    "find_suspicions": "first and last as_of",
    "find_alarms": "alarms",
    "cut_folds": "folds",
    "drop_useless_folds": "folds",
    "choose_single_feature": "single-feature rule",
    "assess_single_feature": "single-feature rule",
    "search_recipe": "search",
    "assess_booster": "calibration",
    "assess_linear": "linear recipe",
    "compare_to_default": "measures",
    "measure_fold": "measures",
    "measure_out_of_fold": "measures",
    "write_all": "final fits",
    "draw_learning_curve": "learning curve",
    "draw_pictures": "pictures",
}
"""Function of the train stage -> what it does; the innermost one that runs counts."""


def read_memory(line: str) -> float:
    """A line of this process's status, in MB. Not getrusage: its maximum is inherited from the parent."""
    found = next(each for each in Path("/proc/self/status").read_text().splitlines() if each.startswith(line))
    return int(found.split()[1]) / 1024


def find_peak() -> float:
    """The most memory that this process ever had, in MB."""
    return read_memory("VmHWM")


@dataclass
class Phases:
    """While it is open, seconds and peaks of what the main thread does gather by phase."""

    seconds: dict[str, float] = field(default_factory=dict)
    peaks: dict[str, float] = field(default_factory=dict)

    def __enter__(self) -> Self:
        self._is_over, self._before = threading.Event(), read_memory("VmRSS")
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._watcher.join()

    def __str__(self) -> str:
        shown = (f"  {name:22} {self.seconds[name]:7.1f} s  up to +{self.peaks[name]:6,.0f} MB" for name in self.seconds)
        return "\n".join(shown)

    def _watch(self) -> None:
        main, last = threading.main_thread().ident, time.perf_counter()
        while not self._is_over.wait(EVERY_SECONDS):
            name, now = _name_phase(main), time.perf_counter()
            self.seconds[name] = self.seconds.get(name, 0.0) + now - last
            self.peaks[name] = max(self.peaks.get(name, 0.0), read_memory("VmRSS") - self._before)
            last = now


def _name_phase(thread: int | None) -> str:
    frame = sys._current_frames().get(thread or 0)  # noqa: SLF001 - the documented way to another thread's stack
    while frame is not None:
        if frame.f_code.co_name in PHASES:
            return PHASES[frame.f_code.co_name]
        frame = frame.f_back
    return "between"
