"""Where the boosters of a model are fitted, as its `training.engine` says: here, or by the workers of a Dask scheduler.

A fit that runs whole on one worker is the local one to the last bit: the same code on the same rows, one thread a fit. So it is
no part of what a version was made by, and a fit that was begun here may be done again there. A fit that several workers share is
another one, so that `training.workers_per_fit` stands among the rulings of recipe, version and data hash.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from perennial.config import Declaration, Model, require_extra
from perennial.errors import ConfigError, WorkersUnavailable
from perennial.pipeline.opening import Stores
from perennial.pipeline.working import (
    FoldFit,
    Order,
    ShareFit,
    WorkerState,
    describe_program,
    describe_worker,
    fit_part,
    name_differences,
    read_share,
    try_fold,
)
from perennial.predictor import Predictor
from perennial.records import Recipe
from perennial.stores.cluster import Cluster, Worker, open_cluster
from perennial.train import (
    Engine,
    FoldRows,
    Part,
    Place,
    Threads,
    TrainingRows,
    Wanted,
    deal_days,
    describe_folds,
    describe_rows,
    find_port,
    fit_recipe,
    open_shared,
    open_tracker,
    score_shared,
    want_fit,
)

Floats = NDArray[np.float64]
THREADS = 2
ADDRESS = "PERENNIAL_DASK_ADDRESS"
# A worker holds the rows as numbers of 8 bytes, for a moment twice, then their bins, a byte for each fold that has the row and
# each library; beside them stands the program. Dask ends a worker at 95 % of its limit.
BYTES_PER_CELL = 24
PROGRAM_BYTES = 600_000_000
USABLE_SHARE = 0.8
FEWEST_ROWS = 2  # of the smallest share of rows that is tried, a half, one is left
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
        address = find_address(stores.settings.dask_address, model)
        yield (SharedFits if model.training.workers_per_fit > 1 else WholeFits)(address, declaration, opened)


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


class _OnWorkers:
    """What both ways have in common: the workers, looked at before the first fit."""

    def __init__(self, address: str, declaration: Declaration, opened: ExitStack) -> None:
        self._address, self._declaration, self._opened = address, declaration, opened
        self._described: tuple[Sequence[FoldRows], Order] | None = None
        self._is_said = False

    @cached_property
    def _cluster(self) -> Cluster:
        cluster = self._opened.enter_context(open_cluster(self._address))
        check_workers(cluster, self._address)
        return cluster

    @cached_property
    def _program(self) -> dict[str, str]:
        return describe_program()

    @property
    def _model(self) -> Model:
        return self._declaration.model

    def _look(self, cells: int, workers: Sequence[Worker]) -> None:
        """Refuse what a worker has no room for; the log says once how the fits go out."""
        check_memory(self._model, cells, workers)
        if not self._is_said:
            self._is_said = True
            several = self._model.training.workers_per_fit
            how = "whole on one of" if several == 1 else f"shared by {several} of"
            needed = measure_memory(cells) / MB
            log.info("train %s: fits %s %d workers; rows take %.0f MB of each", self._model.name, how, len(workers), needed)


class WholeFits(_OnWorkers):
    """Every fold of every trial is a task for some worker; the fits on all rows are made here, as by a local engine."""

    def validate(self, recipe: Recipe, seed: int, folds: Sequence[FoldRows]) -> Iterator[tuple[Floats, int]]:
        """As `Engine` has it."""
        order = self._find_order(folds)
        yield from self._cluster.map(try_fold, [FoldFit(order, fold.fold, recipe, seed) for fold in folds])

    def fit(self, recipe: Recipe, rounds: int, seed: int, rows: TrainingRows) -> Predictor:
        """As `Engine` has it."""
        return fit_recipe(recipe, rounds, seed, rows)

    def _find_order(self, folds: Sequence[FoldRows]) -> Order:
        """That of these folds, made once: a search runs over the same ones again and again."""
        if self._described is None or self._described[0] is not folds:
            part = describe_folds(folds)
            self._look(part.cells, self._cluster.workers)
            self._described = folds, Order(self._declaration, part, part.token, self._program)
        return self._described[1]


class SharedFits(_OnWorkers):
    """Every fit is shared by `training.workers_per_fit` workers, of which each holds a part of the as_ofs."""

    def validate(self, recipe: Recipe, seed: int, folds: Sequence[FoldRows]) -> Iterator[tuple[Floats, int]]:
        """As `Engine` has it."""
        for fold in folds:
            wanted, held = want_fit(recipe, seed, fold.training), describe_rows(fold.validation)
            booster, rounds = self._share(wanted, describe_rows(fold.training), held)
            yield score_shared(recipe, booster, fold), rounds

    def fit(self, recipe: Recipe, rounds: int, seed: int, rows: TrainingRows) -> Predictor:
        """As `Engine` has it."""
        booster, _ = self._share(want_fit(recipe, seed, rows, rounds), describe_rows(rows), None)
        return open_shared(recipe, booster, rounds, rows)

    def _share(self, wanted: Wanted, part: Part, validation: Part | None) -> tuple[bytes, int]:
        shares = [part.on([part.as_ofs[place] for place in dealt]) for dealt in deal_days(part.as_ofs, self._wanted_workers)]
        check_shares(self._model, shares)
        workers = self._choose(shares, validation)
        orders = [Order(self._declaration, share, part.encoding.token, self._program) for share in shares]
        readings = [ShareFit(order, validation, wanted) for order in orders]
        self._cluster.together(read_share, readings, workers)
        tasks = [replace(task, place=place) for task, place in zip(readings, self._meet(workers), strict=True)]
        return self._cluster.together(fit_part, tasks, workers)[0]

    @property
    def _wanted_workers(self) -> int:
        return self._model.training.workers_per_fit

    def _choose(self, shares: Sequence[Part], validation: Part | None) -> tuple[Worker, ...]:
        """The first workers by name, where there are as many as the model wants, and each has room for its part."""
        workers = self._cluster.workers
        if len(workers) < self._wanted_workers:
            raise WorkersUnavailable(
                f"{self._model.name}: training.workers_per_fit = {self._wanted_workers}, and {self._address} has {len(workers)}: "
                f"start more with `dask worker {self._address}`. Another number would fit another model."
            )
        chosen = workers[: len(shares)]
        held = 0 if validation is None else validation.cells
        self._look(max(share.cells for share in shares) + held, chosen)
        return chosen

    def _meet(self, workers: Sequence[Worker]) -> list[Place]:
        """Where the libraries' own connections begin, which pass by Dask."""
        tell = self._cluster.tell
        machines = tuple(f"{worker.host}:{tell(worker, find_port, worker.host)}" for worker in workers)
        tracker = tell(workers[0], open_tracker, len(workers), workers[0].host)
        return [Place(rank, machines, tracker) for rank in range(len(workers))]


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


def check_shares(model: Model, shares: Sequence[Part]) -> None:
    """Has each worker rows to draw from? Of one row LightGBM's bagging leaves none, and it ends as if the workers were lost.

    Raises:
        ConfigError: one has not.
    """
    fewest = min(shares, key=lambda share: sum(share.rows.values()))
    if sum(fewest.rows.values()) < FEWEST_ROWS:
        raise ConfigError(
            f"{model.name}: of {len(shares)} workers that share a fit one would hold {sum(fewest.rows.values())} row, of "
            f"{', '.join(map(str, fewest.as_ofs))}: lower training.workers_per_fit in models/{model.name}.toml, or write "
            'engine = "local".'
        )


def measure_memory(cells: int) -> float:
    """Bytes that a worker needs, its program included, to fit on rows with so many numbers in all."""
    return PROGRAM_BYTES + BYTES_PER_CELL * cells


def check_memory(model: Model, cells: int, workers: Sequence[Worker]) -> None:
    """Do rows with so many numbers fit each of these workers?

    Raises:
        ConfigError: they do not.
    """
    needed, rules = measure_memory(cells), model.training
    least = min((worker.memory_bytes for worker in workers if worker.memory_bytes is not None), default=None)
    if least is not None and needed > USABLE_SHARE * least:
        raise ConfigError(
            f"{model.name}: a worker would need about {needed / MB:,.0f} MB for its rows, {cells:,} numbers, and of the "
            f"{least / MB:,.0f} MB that it may take {USABLE_SHARE:.0%} may be used: give workers more "
            "(`dask worker --memory-limit`), or let more of them share a fit (training.workers_per_fit in "
            f"models/{model.name}.toml, {rules.workers_per_fit} now)."
        )
