"""What a worker does for a stage that runs elsewhere: it reads rows from PostgreSQL by itself, keeps them, and fits on them."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from importlib.metadata import version
from threading import RLock

import numpy as np
from numpy.typing import NDArray

from perennial.config import Declaration, read_code_version
from perennial.config.settings import read_warehouse_url
from perennial.errors import ConfigError, PerennialError
from perennial.records import Recipe, TrainingSet
from perennial.stores import warehouse
from perennial.stores.sessions import Database
from perennial.train import Fold, FoldRows, Part, Place, TrainingRows, Wanted, cut_fold, fit_share, join_rows, validate_recipe

LIBRARIES = ("numpy", "pandas", "xgboost", "lightgbm", "distributed")


def describe_program() -> dict[str, str]:
    """What fits are made by: with all of it equal, two machines make the same."""
    python = ".".join(platform.python_version_tuple()[:2])
    return {"perennial": read_code_version(), "python": python, **{name: version(name) for name in LIBRARIES}}


@dataclass(frozen=True)
class WorkerState:
    """What a worker says of itself; `failure` is why it does not reach the warehouse, empty where it does."""

    program: Mapping[str, str]
    failure: str


def describe_worker() -> WorkerState:
    """On a worker: its program, and whether it reaches the warehouse under the address in its environment."""
    try:
        database = Database(read_warehouse_url(), "perennial worker")
        with database.transaction():
            pass
    except PerennialError as error:
        return WorkerState(describe_program(), str(error))
    return WorkerState(describe_program(), "")


def name_differences(ours: Mapping[str, str], theirs: Mapping[str, str]) -> str:
    """What another program has in other versions, in words; empty where it is ours."""
    different = [name for name in ours if theirs.get(name) != ours[name]]
    return ", ".join(f"{name} {theirs.get(name, 'missing')} instead of {ours[name]}" for name in different)


@dataclass(frozen=True)
class Order:
    """What every task of a training tells a worker.

    Attributes:
        part: the rows that a worker keeps between tasks, under `token`.
        program: of the stage.
    """

    declaration: Declaration
    part: Part
    token: str
    program: Mapping[str, str]


@dataclass(frozen=True)
class FoldFit:
    """A recipe to be tried on one fold."""

    order: Order
    fold: Fold
    recipe: Recipe
    seed: int


@dataclass(frozen=True)
class ShareFit:
    """A worker's part of a fit that several share.

    Attributes:
        order: of its own rows, whose token is that of their encoding.
        validation: the rows on which rounds are found; None where they are known.
        place: None while rows are read, so that nobody waits for a worker who reads, or was lost in it.
    """

    order: Order
    validation: Part | None
    wanted: Wanted
    place: Place | None = None


@dataclass
class Kept:
    """What a worker process keeps: the rows of one order, the newest, and its folds with what was binned of them.

    Of fits that are shared it keeps the days that were its part, each with its digest, and what was validated last.
    """

    token: str = ""
    rows: TrainingRows | None = None
    folds: dict[Fold, FoldRows] = field(default_factory=dict)
    days: dict[date, tuple[str, TrainingRows]] = field(default_factory=dict)
    held: tuple[str, TrainingRows] | None = None
    lock: RLock = field(default_factory=RLock)

    def find_rows(self, order: Order) -> TrainingRows:
        """Those of the order, read once."""
        with self.lock:
            if self.rows is None or self.token != order.token:
                self._forget(order.token)
                self.rows = read_part(order, order.part)
            return self.rows

    def find_share(self, order: Order) -> TrainingRows:
        """Those of the order, day by day, of which only new ones are read."""
        with self.lock:
            if self.token != order.token:
                self._forget(order.token)
            for day, digest in order.part.digests.items():
                if self.days.get(day, ("", None))[0] != digest:
                    self.days[day] = digest, read_part(order, order.part.on((day,)))
            return join_rows([self.days[day][1] for day in order.part.as_ofs])

    def find_held(self, order: Order, validation: Part) -> TrainingRows:
        """The rows that are validated: those of one fold, for all of them would be most of what there is."""
        with self.lock:
            if self.held is None or self.held[0] != validation.token:
                self.held = None
                self.held = validation.token, read_part(order, validation)
            return self.held[1]

    def _forget(self, token: str) -> None:
        """Before others are read: both need not fit."""
        self.token, self.rows, self.held = token, None, None
        self.folds.clear()
        self.days.clear()

    def find_fold(self, order: Order, fold: Fold) -> FoldRows:
        """A fold of them, with its bins."""
        with self.lock:  # of both, for another order may come between
            rows = self.find_rows(order)
            if fold not in self.folds:
                self.folds[fold] = cut_fold(rows, fold)
            return self.folds[fold]


KEPT = Kept()


def read_part(order: Order, part: Part) -> TrainingRows:
    """Rows from the warehouse that this process's environment names.

    Raises:
        ConfigError: this program is not the stage's, or PERENNIAL_WAREHOUSE_URL is missing.
        WarehouseBusy: they are not the rows that the stage has.
    """
    differences = name_differences(order.program, describe_program())
    if differences:
        raise ConfigError(f"A worker has {differences}: install there what the stage runs, and start it anew.")
    database = Database(read_warehouse_url(), "perennial worker")

    def read(as_ofs: Sequence[date]) -> TrainingSet:
        with database.transaction() as session:
            return warehouse.read_training_set(session, order.declaration, as_ofs)

    return part.read(order.declaration.model, read)


def try_fold(task: FoldFit) -> tuple[NDArray[np.float64], int]:
    """On a worker: what `validate_recipe` gives of the fold."""
    return validate_recipe(task.recipe, task.seed, KEPT.find_fold(task.order, task.fold))


def read_share(task: ShareFit) -> int:
    """On a worker: have the rows for its part of a fit at hand; how many they are."""
    held = 0 if task.validation is None else len(KEPT.find_held(task.order, task.validation).labels)
    return len(KEPT.find_share(task.order).labels) + held


def fit_part(task: ShareFit) -> tuple[bytes, int]:
    """On a worker: its part of a fit; the booster comes back from the first alone, for all have the same."""
    assert task.place is not None
    rows = KEPT.find_share(task.order)
    validation = None if task.validation is None else KEPT.find_held(task.order, task.validation)
    booster, rounds = fit_share(task.wanted, task.place, rows, validation)
    return (booster if task.place.rank == 0 else b""), rounds
