"""What is mutated, and which of the fast tests look at it."""

from __future__ import annotations

import ast
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edits import Mutant, find_mutants

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "ml"


@dataclass(frozen=True)
class Area:
    """Patterns of files, from `ml/perennial` and from `tests`."""

    modules: tuple[str, ...]
    tests: tuple[str, ...]

    @property
    def files(self) -> tuple[Path, ...]:
        return tuple(file for pattern in self.modules for file in sorted((SOURCE / "perennial").glob(pattern)))

    @property
    def test_files(self) -> tuple[str, ...]:
        found = (file for pattern in self.tests for file in sorted((ROOT / "tests").glob(pattern)))
        return tuple(str(file.relative_to(ROOT)) for file in found)


AREAS = {
    "compare": Area(("compare/*.py",), ("unit/test_compare*.py", "unit/test_bench_gate.py")),
    "harm": Area(("compare/harm/*.py",), ("unit/test_compare_harm*.py",)),
    "promote": Area(("promote/*.py",), ("unit/test_promote*.py",)),
    "decide": Area(("decide.py",), ("unit/test_decide*.py",)),
    "point_in_time": Area(
        ("stores/warehouse/point_in_time.py", "stores/warehouse/user_query.py"),
        ("unit/test_warehouse*.py", "unit/test_refresh.py"),
    ),
}


def draw(area: Area, share: float, seed: int) -> Iterator[tuple[Path, int, Mutant]]:
    """A sample of the mutants of each file, the same for the same seed, each with its place among them."""
    for file in area.files:
        mutants = list(find_mutants(ast.parse(file.read_text(encoding="utf-8"))))
        drawn = random.Random(f"{seed} {file.name}").sample(range(len(mutants)), math.ceil(share * len(mutants)))
        yield from ((file, place, mutants[place]) for place in sorted(drawn))
