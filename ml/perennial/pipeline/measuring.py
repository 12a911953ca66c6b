"""What a version costs to run, measured: the size of its files, and how long it takes to score beside another."""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from perennial.config.folders import make_private
from perennial.pipeline.champion import CACHE, load_version
from perennial.pipeline.opening import Stores
from perennial.predictor import hash_manifest
from perennial.records import TrainingSet, Version
from perennial.stores.registry import find_kept

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

    The file is only a cache: without it the pair is timed again, and the verdict's figures of time are new ones.
    """
    names = (hash_manifest(version.manifest)[:16] for version in (challenger, champion))
    path = stores.settings.artifacts / "timings" / f"{'-'.join(names)}.json"
    if not path.exists():
        some = rows.features.iloc[-TIMED_ROWS:]
        predictors = [load_version(stores, version) for version in (challenger, champion)]
        taken = time_in_turns([partial(predictor.score, some) for predictor in predictors])
        _keep(path, [[seconds * TIMED_ROWS / len(some) for seconds in each] for each in taken])
    ours, theirs = json.loads(path.read_text(encoding="utf-8"))
    return tuple(ours), tuple(theirs)


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


def _keep(path: Path, timings: Sequence[Sequence[float]]) -> None:
    """Whole or not at all; of two that come at once the first is kept, and both read it."""
    with tempfile.NamedTemporaryFile("w", dir=make_private(path.parent), encoding="utf-8") as draft:
        json.dump(timings, draft)
        draft.flush()
        try:
            os.link(draft.name, path)
        except FileExistsError:
            return
