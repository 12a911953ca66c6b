"""The tests as they are: how long each takes, and which lines of the files it runs."""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

IMPORT = ""  # the lines that run before any test does


@dataclass
class Baseline:
    """What a run of the tests without any mutant showed.

    Attributes:
        lines: per file and line: the tests that run it, IMPORT among them.
        seconds: of each test.
        modules: what was imported on the way and is not ours.
    """

    lines: dict[str, dict[int, set[str]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(set)))
    seconds: dict[str, float] = field(default_factory=dict)
    modules: list[str] = field(default_factory=list)

    def tests_of(self, file: str, lines: range) -> list[str]:
        """Tests that run one of these lines, the quickest first; a line of the import concerns whoever runs the file."""
        known = self.lines.get(file, {})
        found = set().union(*(known.get(line, ()) for line in lines))
        if IMPORT in found:
            found = set().union(*known.values())
        return sorted(found - {IMPORT}, key=lambda test: (self.seconds[test], test))


class Recorder:
    """A plugin of pytest that fills a Baseline."""

    def __init__(self, files: Sequence[Path]) -> None:
        self.baseline = Baseline()
        self._files = {str(file) for file in files}
        self._test = IMPORT

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Everything until the next test is this one's, its fixtures too."""
        self._test, began = item.nodeid, time.perf_counter()
        result = yield
        self.baseline.seconds[item.nodeid] = time.perf_counter() - began
        self._test = IMPORT
        return result

    def trace(self, frame: FrameType, _event: str, _argument: object) -> Any:
        """Called for every function that begins; only in our files also for every line."""
        return self._trace_line if frame.f_code.co_filename in self._files else None

    def _trace_line(self, frame: FrameType, event: str, _argument: object) -> Any:
        if event == "line":
            self.baseline.lines[frame.f_code.co_filename][frame.f_lineno].add(self._test)
        return self._trace_line


def record(files: Sequence[Path], tests: Sequence[str], options: Sequence[str]) -> Baseline:
    """Run the tests once; to be called in a process of its own.

    Raises:
        SystemExit: a test fails without any mutant.
    """
    before, recorder = set(sys.modules), Recorder(files)
    sys.settrace(recorder.trace)
    code = pytest.main([*options, *tests], plugins=[recorder])
    sys.settrace(None)
    if code:
        raise SystemExit(f"The tests fail without any mutant (pytest ended with {code}): mend them first.")
    baseline = recorder.baseline
    baseline.lines = {file: dict(lines) for file, lines in baseline.lines.items()}
    baseline.modules = [name for name in sys.modules if name not in before and _is_foreign(name)]
    return baseline


def _is_foreign(name: str) -> bool:
    file = getattr(sys.modules[name], "__file__", None) or ""
    return "site-packages" in file and not name.startswith(("_pytest", "_hypothesis"))
