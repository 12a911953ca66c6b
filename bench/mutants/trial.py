"""One mutant against the tests that run its line, in a process that knows the libraries already."""

from __future__ import annotations

import ast
import importlib
import os
import pickle
import signal
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest
from areas import SOURCE, Area
from baseline import IMPORT, Baseline, record
from edits import Mutant, find_mutants

OPTIONS = ("-q", "-x", "-n0", "-p", "no:cacheprovider", "-p", "no:warnings", "--hypothesis-seed=0")
PASSED = b"0"  # pytest's exit code
PATIENCE_SECONDS, PATIENCE_FACTOR = 20.0, 10.0  # a mutant that takes so much longer than its tests hangs: it was noticed


class Found(StrEnum):
    KILLED = "killed"
    SURVIVED = "survived"
    UNSEEN = "unseen"


@dataclass(frozen=True)
class Result:
    """What became of one mutant."""

    file: Path
    mutant: Mutant
    found: Found


class MutantImporter(MetaPathFinder, Loader):
    """Gives one module with another content; every other is found where it lies."""

    def __init__(self, file: Path, tree: ast.Module) -> None:
        self._file, self._tree = file, tree
        parts = file.relative_to(SOURCE).with_suffix("").parts
        self._name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    def find_spec(self, fullname: str, _path: Sequence[str] | None, _target: ModuleType | None = None) -> ModuleSpec | None:
        if fullname != self._name:
            return None
        places = [str(self._file.parent)] if self._file.name == "__init__.py" else None
        return spec_from_file_location(fullname, self._file, loader=self, submodule_search_locations=places)

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self._tree, str(self._file), "exec"), module.__dict__)


def run_baseline(area: Area) -> Baseline:
    """The tests without a mutant; what they import of others is then imported here as well."""
    found = _fork(lambda: pickle.dumps(record(area.files, area.test_files, OPTIONS)), limit_seconds=600)
    if found is None:
        raise SystemExit("The tests fail without any mutant: run them with pytest and mend them first.")
    baseline: Baseline = pickle.loads(found)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in baseline.modules:
            importlib.import_module(name)
    return baseline


def check_without_mutant(baseline: Baseline, area: Area) -> None:
    """A module that is replaced by itself must pass, or every mutant would count as noticed."""
    for file in area.files:
        tests = sorted(set().union(*baseline.lines.get(str(file), {}).values()) - {IMPORT})
        limit = PATIENCE_SECONDS + PATIENCE_FACTOR * sum(baseline.seconds[test] for test in tests)
        if tests and _fork(lambda file=file, tests=tests: _run_with(file, None, tests), limit_seconds=limit) != PASSED:
            raise SystemExit(f"The tests of {file.name} fail though nothing was changed: the figures would mean nothing.")


def try_mutant(baseline: Baseline, file: Path, place: int, mutant: Mutant) -> Result:
    """Run the tests of its line until one fails."""
    tests = baseline.tests_of(str(file), mutant.lines)
    if not tests:
        return Result(file, mutant, Found.UNSEEN)
    limit = PATIENCE_SECONDS + PATIENCE_FACTOR * sum(baseline.seconds[test] for test in tests)
    passed = _fork(lambda: _run_with(file, place, tests), limit_seconds=limit)
    return Result(file, mutant, Found.SURVIVED if passed == PASSED else Found.KILLED)


def _run_with(file: Path, place: int | None, tests: Sequence[str]) -> bytes:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    if place is not None:
        list(find_mutants(tree))[place].edit()
    sys.meta_path.insert(0, MutantImporter(file, ast.fix_missing_locations(tree)))
    code = pytest.main([*OPTIONS, *tests])
    return str(int(code)).encode()


def _fork(work: Callable[[], bytes], *, limit_seconds: float) -> bytes | None:
    """What the work gives, done in a copy of this process that says nothing; None when it fails or takes too long."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        _work_and_end(work, writing)
    os.close(writing)
    ended = time.monotonic() + limit_seconds
    with os.fdopen(reading, "rb") as pipe:
        os.set_blocking(reading, False)
        found = b""
        while (piece := pipe.read()) != b"":
            found += piece or b""
            if time.monotonic() > ended:
                os.killpg(child, signal.SIGKILL)
                break
            time.sleep(0.02)
    os.waitpid(child, 0)
    return found or None


def _work_and_end(work: Callable[[], bytes], writing: int) -> None:
    os.setsid()
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 1)
    os.dup2(silent, 2)
    try:
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(work())
    finally:
        os._exit(0)
