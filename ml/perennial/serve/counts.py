"""What requests to a canary came to, counted in memory until it is written down: sums for each arm, and nobody's row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from threading import Lock

from perennial.records.canaries import Arm, RequestBatch, ServedArm


@dataclass(frozen=True)
class ArmKey:
    """Whose rows are added up: those of one version under one canary and share."""

    model: str
    arm: Arm
    version: int
    canary_id: int
    share: float


@dataclass(frozen=True)
class Sums:
    """As in `RequestBatch`."""

    requests: int = 0
    rows: int = 0
    errors: int = 0
    inputs: int = 0
    missing: int = 0
    score_sum: float = 0.0
    score_squares: float = 0.0
    seconds: float = 0.0
    second_squares: float = 0.0

    def __add__(self, other: Sums) -> Sums:
        mine, theirs = asdict(self), asdict(other)
        return replace(self, **{name: mine[name] + theirs[name] for name in mine})


class Counts:
    """Safe in several threads. Its size does not grow with requests: what cannot be written yet is added up further."""

    def __init__(self) -> None:
        self._sums: dict[ArmKey, Sums] = {}
        self._lock = Lock()

    def add(self, key: ArmKey, sums: Sums) -> None:
        """Add what one request came to, or give back what could not be written."""
        with self._lock:
            self._sums[key] = self._sums.get(key, Sums()) + sums

    def take(self) -> dict[ArmKey, Sums]:
        """Everything so far; it is counted from nothing again."""
        with self._lock:
            taken, self._sums = self._sums, {}
        return taken


class Totals:
    """What this process counted of each canary since it began, whether or not it is written down; for one thread."""

    def __init__(self) -> None:
        self._sums: dict[tuple[str, int, Arm], Sums] = {}

    def add(self, sums: Mapping[ArmKey, Sums]) -> None:
        """Add what was counted since."""
        for key, one in sums.items():
            of = key.model, key.canary_id, key.arm
            self._sums[of] = self._sums.get(of, Sums()) + one

    def list_arms(self, model: str, canary_id: int) -> tuple[ServedArm, ...]:
        """Of one canary."""
        return tuple(
            ServedArm(arm, **asdict(sums))
            for (name, number, arm), sums in self._sums.items()
            if (name, number) == (model, canary_id)
        )


def make_batches(sums: Iterable[tuple[ArmKey, Sums]], at: datetime) -> list[RequestBatch]:
    """As they are written down."""
    return [RequestBatch(**asdict(key), **asdict(one), effective_at=at) for key, one in sums]
