"""Which tests bear a mark: a plugin for pytest that writes down what was collected, and whoever starts it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
INTO = "COUNTED_INTO"
MARKS = ("attack", "mltest")
NEVER_RUN = ("skip", "xfail")


@dataclass(frozen=True)
class Marked:
    """One collected case of a test: its name without parameters, what its marks say, and whether it may be left out."""

    test: str
    attacks: tuple[str, ...]
    items: tuple[str, ...]
    is_left_out: bool


def pytest_collection_finish(session: Any) -> None:
    """Write down every case that bears one of the marks."""
    found = [
        {
            "test": item.nodeid.partition("[")[0],
            "attacks": [mark.args[0] for mark in item.iter_markers("attack")],
            "items": [mark.args[0] for mark in item.iter_markers("mltest")],
            "is_left_out": any(item.get_closest_marker(name) for name in NEVER_RUN),
        }
        for item in session.items
        if any(item.get_closest_marker(name) for name in MARKS)
    ]
    Path(os.environ[INTO]).write_text(json.dumps(found), encoding="utf-8")


@cache
def count_marked() -> tuple[Marked, ...]:
    """Every case of a test that bears a mark, as pytest collects them now."""
    pattern = re.compile(rf"pytest\.mark\.({'|'.join(MARKS)})\(")
    files = sorted(path for path in (ROOT / "tests").rglob("test_*.py") if pattern.search(path.read_text(encoding="utf-8")))
    with tempfile.TemporaryDirectory() as folder:
        into = Path(folder) / "counted.json"
        _collect(files, into)
        found = json.loads(into.read_text(encoding="utf-8"))
    return tuple(Marked(each["test"], tuple(each["attacks"]), tuple(each["items"]), each["is_left_out"]) for each in found)


def _collect(files: Sequence[Path], into: Path) -> None:
    call = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "docs.tools.counted", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*call, *map(str, files)], cwd=ROOT, env={**os.environ, INTO: str(into)}, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"pytest could not collect the marked tests:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
