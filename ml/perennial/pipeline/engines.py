"""Where the boosters of a model are fitted, as its `training.engine` says: here, or by the workers of a Dask scheduler.

A fit that runs whole on one worker is the local one to the last bit: the same code on the same rows, one thread a fit. So it is
no part of what a version was made by, and a fit that was begun here may be done again there.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from perennial.config import Declaration, Model, require_extra
from perennial.errors import ConfigError, WorkersUnavailable
from perennial.pipeline.opening import Stores
from perennial.pipeline.working import FoldFit, Order, WorkerState, describe_program, describe_worker, name_differences, try_fold
from perennial.predictor import Predictor
from perennial.records import Recipe
from perennial.stores.cluster import Cluster, Worker, open_cluster
from perennial.train import Engine, FoldRows, Part, Threads, TrainingRows, describe_folds, fit_recipe

Floats = NDArray[np.float64]
THREADS = 2
ADDRESS = "PERENNIAL_DASK_ADDRESS"
# A worker holds the rows as numbers of 8 bytes, for a moment twice, then their bins, a byte for each fold that has the row and
# each library; beside them stands the program. Dask ends a worker at 95 % of its limit.
BYTES_PER_CELL = 24
PROGRAM_BYTES = 600_000_000
USABLE_SHARE = 0.8
MB = 1e6
log = logging.getLogger(__name__)


@contextmanager
def open_engine(stores: Stores, declaration: Declaration) -> Iterator[Engine]:
    """The engine of the model; no worker is asked before the first fit of a booster.

    Raises:
        ConfigError: nobody said where the scheduler is.
        ExtraMissing: this program has no Dask.
    """
    model = declaration.model
    if model.training.engine == "local":
        yield Threads(THREADS)
        return
    with ExitStack() as opened:
        yield WholeFits(find_address(stores.settings.dask_address, model), declaration, opened)


def find_address(address: str | None, model: Model) -> str:
    """The scheduler's address; raises as `open_engine`."""
    asked = f'training.engine = "dask" in models/{model.name}.toml'
    require_extra("dask", asked)
    if not address:
        raise ConfigError(
            f"{asked}, and {ADDRESS} is not set: give the scheduler's address, such as tcp://127.0.0.1:8786, or write "
            'engine = "local".'
        )
    return address


class WholeFits:
    """Every fold of every trial is a task for some worker; the fits on all rows are made here, as by a local engine."""

    def __init__(self, address: str, declaration: Declaration, opened: ExitStack) -> None:
        self._address, self._declaration, self._opened = address, declaration, opened
        self._described: tuple[Sequence[FoldRows], Order] | None = None

    def validate(self, recipe: Recipe, seed: int, folds: Sequence[FoldRows]) -> Iterator[tuple[Floats, int]]:
        """As `Engine` has it."""
        order = self._find_order(folds)
        yield from self._cluster.map(try_fold, [FoldFit(order, fold.fold, recipe, seed) for fold in folds])

    def fit(self, recipe: Recipe, rounds: int, seed: int, rows: TrainingRows) -> Predictor:
        """As `Engine` has it."""
        return fit_recipe(recipe, rounds, seed, rows)

    @cached_property
    def _cluster(self) -> Cluster:
        cluster = self._opened.enter_context(open_cluster(self._address))
        check_workers(cluster, self._address)
        return cluster

    def _find_order(self, folds: Sequence[FoldRows]) -> Order:
        """That of these folds, made once: a search runs over the same ones again and again."""
        if self._described is None or self._described[0] is not folds:
            part = describe_folds(folds)
            check_memory(self._declaration.model, part, self._cluster.workers)
            self._described = folds, Order(self._declaration, part, part.token, describe_program())
        return self._described[1]


def check_workers(cluster: Cluster, address: str) -> None:
    """Does every worker run our program, and reach the warehouse?

    Raises:
        WorkersUnavailable: there is none, or one does not reach it.
        ConfigError: one runs another program.
    """
    found = assess_workers(cluster)
    if not found:
        raise WorkersUnavailable(say_without_workers(address))
    wrong = {worker: fault for worker, (fault, _) in found.items() if fault}
    if not wrong:
        return
    sentence = " ".join(f"Worker {worker.name} at {worker.address}: {fault}" for worker, fault in wrong.items())
    permanent = any(is_permanent for _, is_permanent in found.values())
    raise (ConfigError if permanent else WorkersUnavailable)(f"Not every worker of {address} can fit. {sentence}")


def say_without_workers(address: str) -> str:
    """The sentence about a scheduler without workers."""
    return f"The Dask scheduler at {address} has no workers: start some with `dask worker {address}`."


def assess_workers(cluster: Cluster) -> dict[Worker, tuple[str, bool]]:
    """What is wrong with each worker, empty where nothing is, and whether only another program helps."""
    ours, answers = describe_program(), cluster.ask(describe_worker)
    return {worker: _assess(ours, answers[worker.address]) for worker in cluster.workers if worker.address in answers}


def _assess(ours: dict[str, str], answer: WorkerState | BaseException) -> tuple[str, bool]:
    if isinstance(answer, BaseException):
        return f"it cannot say what it runs ({answer}): install there what runs here, and start it anew.", True
    if differences := name_differences(ours, answer.program):
        return f"it has {differences}: install there what runs here, and start it anew.", True
    return answer.failure, False


def check_memory(model: Model, part: Part, workers: Sequence[Worker]) -> None:
    """Do these rows fit each worker? The log says by how much.

    Raises:
        ConfigError: they do not.
    """
    needed = PROGRAM_BYTES + BYTES_PER_CELL * part.cells
    limits = [worker.memory_bytes for worker in workers if worker.memory_bytes is not None]
    least = min(limits, default=None)
    said = (
        f"{sum(part.rows.values()):,} rows of {len(part.encoding.features)} features need about {needed / MB:,.0f} MB on a worker"
    )
    if least is not None and needed > USABLE_SHARE * least:
        raise ConfigError(
            f"{model.name}: {said}, of which {USABLE_SHARE:.0%} of {least / MB:,.0f} MB may be used: give workers more "
            "(`dask worker --memory-limit`), or let several share a fit: training.workers_per_fit in "
            f"models/{model.name}.toml."
        )
    log.info("train %s: fits run whole on one of %d workers. %s.", model.name, len(workers), said)
