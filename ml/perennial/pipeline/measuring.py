"""What a version costs to run, measured: the size of its files, and how long it takes to score beside another."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial

from perennial.pipeline.champion import load_version
from perennial.pipeline.opening import Stores
from perennial.predictor import hash_manifest
from perennial.records import TrainingSet, Version
from perennial.stores import ledger
from perennial.stores.registry import find_kept
from perennial.stores.registry.loading import CACHE

Seconds = tuple[float, ...]
REPETITIONS = 15  # so that one guard among fifty can be told at level .10, with three pauses of the machine among them
TIMED_ROWS = 1000


def weigh(stores: Stores, version: Version) -> int:
    """Bytes of all files of a version."""
    load_version(stores, version)
    folder = find_kept(version, stores.settings.artifacts / CACHE)
    return sum((folder / name).stat().st_size for name in version.manifest)


def time_pair(stores: Stores, challenger: Version, champion: Version, rows: TrainingSet) -> tuple[Seconds, Seconds]:
    """Seconds per 1,000 rows of both, taken in turns; measured once for a pair, so that a rerun assesses the same timings.

    They stand in the ledger: a rerun may come on another machine.
    """
    pair = ledger.TimedPair(challenger.model, hash_manifest(challenger.manifest), hash_manifest(champion.manifest))
    with stores.warehouse.transaction() as session:
        known = ledger.find_timings(session, pair)
    if known is None:
        some = rows.features.iloc[-TIMED_ROWS:]
        predictors = [load_version(stores, version) for version in (challenger, champion)]
        taken = time_in_turns([partial(predictor.score, some) for predictor in predictors])
        ours, theirs = (tuple(seconds * TIMED_ROWS / len(some) for seconds in each) for each in taken)
        with stores.warehouse.transaction() as session:
            known = ledger.record_timings(session, pair, ledger.Timings(ours, theirs))
    return known.challenger_seconds, known.champion_seconds


def time_in_turns(tasks: Sequence[Callable[[], object]], repetitions: int = REPETITIONS) -> tuple[Seconds, ...]:
    """Seconds of every task, repetition by repetition, so that a slow moment of the machine meets them all.

    Each runs once before, unmeasured; the order turns round every time, for whoever comes second finds warm caches.
    """
    for task in tasks:
        task()
    taken: list[list[float]] = [[] for _ in tasks]
    for repetition in range(repetitions):
        turns = list(enumerate(tasks))
        for position, task in turns if repetition % 2 else reversed(turns):
            started = time.perf_counter()
            task()
            taken[position].append(time.perf_counter() - started)
    return tuple(tuple(each) for each in taken)
