"""Scores of few rows by the shortest way through the libraries that gives the same bits as the scores of a whole day."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from perennial.predictor.calibration import apply_calibrator, apply_link
from perennial.predictor.encoding import Matrix, refuse_infinite
from perennial.predictor.first_load import UNNEEDED
from perennial.predictor.native import NativeBooster, is_xgboost
from perennial.predictor.scoring import Predictor

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class QuickScorer:
    """Scores encoded rows in one thread; safe beside itself in other threads, for it sets nothing.

    XGBoost reads the matrix in place: making a DMatrix of one row costs as much as predicting it (`bench/serving.py`).
    """

    predictor: Predictor
    booster: NativeBooster | None

    def score(self, matrix: Matrix) -> Matrix:
        """As `Predictor.score_matrix` of a single thread, to the bit."""
        if self.booster is None:
            return self.predictor.score_matrix(matrix)
        contract = self.predictor.contract
        refuse_infinite(matrix, contract.features)
        return apply_calibrator(contract.calibrator, apply_link(contract.link, _predict_margin(self.booster, matrix)))


def make_quick(predictor: Predictor) -> QuickScorer:
    """The short way, proven on the golden rows, one by one and together; where a bit differs, the long way."""
    long_way = QuickScorer(predictor, None)
    if predictor.booster is None or predictor.golden is None:
        return long_way
    quick = QuickScorer(predictor, _copy_for_one_thread(predictor.booster))
    golden = predictor.golden
    expected = replace(predictor, threads=1).score_matrix(golden)
    alone = np.concatenate([quick.score(golden[place : place + 1]) for place in range(len(golden))])
    if np.array_equal(quick.score(golden), expected) and np.array_equal(alone, expected):
        return quick
    log.warning("%s: single rows are scored the long way: the short one gives other digits", predictor.contract.model)
    return long_way


@contextmanager
def loading_alone() -> Iterator[None]:
    """A booster that is loaded inside comes without the libraries that it would import and can do without: less memory.

    For a process that makes no frames, and only where these were not loaded before.
    """
    absent: dict[str, Any] = {name: None for name in UNNEEDED if name not in sys.modules}  # to Python, not to be found
    sys.modules.update(absent)
    try:
        yield
    finally:
        for name in absent:
            if sys.modules.get(name, False) is None:
                del sys.modules[name]


def _copy_for_one_thread(booster: NativeBooster) -> NativeBooster:
    """Of XGBoost a copy, whose number of threads nobody changes meanwhile; LightGBM is told with each call."""
    if not is_xgboost(booster):
        return booster
    own = copy(booster)
    own.set_param({"nthread": 1})
    return own


def _predict_margin(booster: NativeBooster, matrix: Matrix) -> Matrix:
    if is_xgboost(booster):
        margin = booster.inplace_predict(matrix, predict_type="margin", validate_features=False)
    else:
        margin = booster.predict(matrix, raw_score=True, num_threads=1)
    return np.asarray(margin, dtype=np.float64)
