"""One fit that several processes share: each holds a part of the rows, and the trees come from the sums of all.

It is what `xgboost.dask` and `lightgbm.dask` do underneath, with three differences. Each process has a fixed place, so that the
same places with the same rows give the same trees. Each holds all rows of the validation, so that all stop early in the same
round; `lightgbm.dask` knows no early stopping. And LightGBM is told of all rows what makes its bins.
"""

from __future__ import annotations

import socket
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Thread

import lightgbm
import numpy as np
import pandas as pd
import xgboost
from xgboost.collective import CommunicatorContext
from xgboost.tracker import RabitTracker

from perennial.errors import WorkersUnavailable
from perennial.predictor import Predictor, open_native, predict_raw
from perennial.records import Recipe
from perennial.train.baselines import begin_contract
from perennial.train.bins import THREADS_PER_FIT, bin_for_lightgbm, bin_for_xgboost, bin_held_for_lightgbm, outline_columns
from perennial.train.boosters import MOST_ROUNDS, PATIENCE, full_parameters
from perennial.train.inputs import Floats, Inputs
from perennial.train.rows import FoldRows, TrainingRows

MEETING_SECONDS = 600  # so long may a neighbour wait for a free thread of its worker
SILENT_SECONDS = 3600  # so long may it think; one that died is noticed at once, by its connection
MEETING = ("machines", "local_listen_port", "num_machines", "time_out")
"""What LightGBM's file says of where its processes met: other every time, and nobody's business."""


@dataclass(frozen=True)
class Place:
    """One process among those that share a fit.

    Attributes:
        rank: from 0.
        machines: `host:port` of each, by rank, where LightGBM listens.
        tracker: where XGBoost's processes meet; its processes find free ports themselves.
    """

    rank: int
    machines: tuple[str, ...]
    tracker: Mapping[str, str | int]

    @property
    def port(self) -> int:
        return int(self.machines[self.rank].rpartition(":")[2])


@dataclass(frozen=True, eq=False)
class Wanted:
    """The fit that is shared.

    Attributes:
        rounds: known ones; None: until the loss on the validation rows stops falling.
        outline: of all rows that are shared; LightGBM wants it, XGBoost merges what its processes know of their rows.
    """

    recipe: Recipe
    seed: int
    rounds: int | None = None
    outline: Floats | None = None

    @property
    def most_rounds(self) -> int:
        return self.rounds or MOST_ROUNDS


def find_port(host: str) -> int:
    """A free port of this machine, for a while."""
    with socket.socket() as found:
        found.bind((host, 0))
        port: int = found.getsockname()[1]
        return port


def open_tracker(ranks: int, host: str) -> dict[str, str | int]:
    """Start what XGBoost's processes meet at, on an address of this machine; it ends with them."""
    tracker = RabitTracker(n_workers=ranks, host_ip=host, sortby="task", timeout=MEETING_SECONDS)
    tracker.start()
    Thread(target=tracker.wait_for, daemon=True).start()
    return dict(tracker.worker_args())


def deal_days(days: Sequence[object], processes: int) -> list[tuple[int, ...]]:
    """The places of the days that each process takes: every so-manieth, so that each has old and new ones.

    A process without a day would have nothing to add: of fewer days than processes each is one process's.
    """
    ranks = min(processes, len(days))
    return [tuple(range(rank, len(days), ranks)) for rank in range(ranks)]


def join_rows(parts: Sequence[TrainingRows]) -> TrainingRows:
    """The rows of several days, one below the other."""
    first = parts[0]
    if len(parts) == 1:
        return first
    weights = None if first.weights is None else np.concatenate([part.weights for part in parts if part.weights is not None])
    index = first.index.append([part.index for part in parts[1:]])
    assert isinstance(index, pd.MultiIndex)
    columns = tuple(np.concatenate(column) for column in zip(*(part.inputs.columns for part in parts), strict=True))
    labels = np.concatenate([part.labels for part in parts])
    return TrainingRows(
        first.task, first.features, Inputs(columns, len(index)), labels, index, first.classes, weights, first.mean_weight
    )


def want_fit(recipe: Recipe, seed: int, rows: TrainingRows, rounds: int | None = None) -> Wanted:
    """A fit on these rows, whoever will hold which of them."""
    return Wanted(recipe, seed, rounds, outline_columns(rows) if recipe.algorithm == "lightgbm" else None)


def fit_share(wanted: Wanted, place: Place, rows: TrainingRows, validation: TrainingRows | None) -> tuple[bytes, int]:
    """Fit together with the other places; each of them gets the whole booster.

    Args:
        rows: the share of this place.
        validation: where rounds are to be found, all rows on which; None where they are known.

    Returns:
        The booster as the library's own format, and its rounds.

    Raises:
        WorkersUnavailable: the places lost each other.
    """
    fit = _fit_xgboost if wanted.recipe.algorithm == "xgboost" else _fit_lightgbm
    try:
        return fit(wanted, place, rows, validation)
    except (xgboost.core.XGBoostError, lightgbm.basic.LightGBMError) as error:
        reason = str(error).strip().splitlines()[-1] if str(error).strip() else type(error).__name__
        raise WorkersUnavailable(
            f"{rows.task.model.name}: workers that shared a fit lost each other ({reason}). Nothing was changed; try again once "
            "they are all there, and see that they reach each other on any port."
        ) from error


def _fit_xgboost(wanted: Wanted, place: Place, rows: TrainingRows, validation: TrainingRows | None) -> tuple[bytes, int]:
    meeting = {"dmlc_task_id": f"{place.rank:06d}", "dmlc_timeout": SILENT_SECONDS, **place.tracker}
    with CommunicatorContext(**meeting):
        training = bin_for_xgboost(rows)
        stop = [xgboost.callback.EarlyStopping(rounds=PATIENCE, save_best=True)] if validation is not None else None
        evals = [(bin_for_xgboost(validation, bins_of=training), "validation")] if validation is not None else []
        booster = xgboost.train(
            full_parameters(wanted.recipe, wanted.seed, rows),
            training,
            num_boost_round=wanted.most_rounds,
            evals=evals,
            callbacks=stop,
            verbose_eval=False,
        )
    return bytes(booster.save_raw("ubj")), booster.num_boosted_rounds()


def _fit_lightgbm(wanted: Wanted, place: Place, rows: TrainingRows, validation: TrainingRows | None) -> tuple[bytes, int]:
    meeting = {
        "machines": ",".join(place.machines),
        "num_machines": len(place.machines),
        "local_listen_port": place.port,
        "time_out": SILENT_SECONDS // 60,
        "tree_learner": "data",
    }
    training = bin_for_lightgbm(rows, outline=wanted.outline)
    held = [] if validation is None else [bin_held_for_lightgbm(validation, bins_of=training)]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Overriding the parameters from Reference Dataset")  # those of binning, as is meant
        booster = lightgbm.train(
            {**full_parameters(wanted.recipe, wanted.seed, rows), **meeting},
            training,
            num_boost_round=wanted.most_rounds,
            valid_sets=held,
            callbacks=[lightgbm.early_stopping(PATIENCE, verbose=False)] if held else None,
        )
    booster.free_network()
    best = booster.best_iteration if held else booster.current_iteration()
    return _forget_meeting(booster.model_to_string(num_iteration=best)).encode(), int(best)


def _forget_meeting(model: str) -> str:
    kept = (line for line in model.splitlines(keepends=True) if not line.startswith(tuple(f"[{name}:" for name in MEETING)))
    return "".join(kept)


def score_shared(recipe: Recipe, booster: bytes, fold: FoldRows) -> Floats:
    """Raw scores of a fold's validation rows, by a booster that was fitted elsewhere."""
    rows, link = fold.validation, fold.validation.task.fitting.link
    opened = open_native(recipe.algorithm, booster)
    return rows.inputs.score(lambda matrix: predict_raw(opened, matrix, rows.features, threads=THREADS_PER_FIT, link=link))


def open_shared(recipe: Recipe, booster: bytes, rounds: int, rows: TrainingRows) -> Predictor:
    """What `fit_recipe` gives, of a booster that was fitted elsewhere."""
    contract = begin_contract(rows, recipe.algorithm, rounds=rounds)
    return Predictor(contract, open_native(recipe.algorithm, booster), THREADS_PER_FIT)
