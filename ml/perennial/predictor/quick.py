"""Scores of few rows by the shortest way through the libraries that gives the same bits as the scores of a whole day."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, replace
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from perennial.predictor.calibration import apply_calibrator, apply_link
from perennial.predictor.contract import Contract
from perennial.predictor.encoding import Matrix, refuse_infinite
from perennial.predictor.first_load import UNNEEDED
from perennial.predictor.linear import LinearMargins
from perennial.predictor.native import is_xgboost
from perennial.predictor.rows import RowEncoder
from perennial.predictor.scoring import Predictor
from perennial.predictor.walking import MOST_STEPS, Walker, make_walker

if TYPE_CHECKING:
    import lightgbm
    import xgboost

log = logging.getLogger(__name__)
LONG_WAY = "the long way"
BEYOND_SINGLE = 2.0**128 - 2.0**103  # half a step above the largest number of single precision: what rounds to infinity


Margins = Callable[[Matrix], NDArray[np.floating]]
"""What a model sums up for rows, before link and calibrator."""


@dataclass(frozen=True, eq=False)
class QuickScorer:
    """Scores encoded rows in one thread; safe beside itself in other threads, for it sets nothing.

    Attributes:
        way: by which margins are found, in a word; `the long way` is that of `Predictor`.
    """

    predictor: Predictor
    way: str = LONG_WAY
    margins: Margins | None = None

    def score(self, matrix: Matrix) -> Matrix:
        """As `Predictor.score_matrix` of a single thread, to the bit.

        Raises:
            SchemaMismatch: a value is infinite, in the precision of the library.
        """
        if self.margins is None:
            return self.predictor.score_matrix(matrix)
        contract = self.predictor.contract
        _refuse_infinite(matrix, contract)
        sums = np.ascontiguousarray(self.margins(matrix), dtype=np.float64)
        return apply_calibrator(contract.calibrator, apply_link(contract.link, sums))


def make_quick(predictor: Predictor) -> QuickScorer:
    """The shortest way that gives the bits of the long one on the golden rows, one by one and together; else the long one.

    Of XGBoost a few rows are walked through tables, which takes a fifth of a call of the library; more are read in place, without
    a DMatrix. LightGBM's trees are deeper and its call is cheaper: tables would take longer (`bench/serving.py`). A linear recipe
    has its look-ups made once.
    """
    long_way = QuickScorer(predictor)
    if predictor.golden is None:
        return long_way
    expected = replace(predictor, threads=1).score_matrix(predictor.golden)
    for way in _list_ways(predictor):
        if all(_is_proven(QuickScorer(predictor, way.name, part), predictor.golden, expected) for part in way.parts):
            return QuickScorer(predictor, way.name, way.margins)
        log.warning("%s: rows are not scored by %s, which gives other digits", predictor.contract.model, way.name)
    return long_way


@dataclass(frozen=True, eq=False)
class _Way:
    """One that may be taken; each of its parts is proven on all golden rows."""

    name: str
    margins: Margins
    parts: tuple[Margins, ...]


def _list_ways(predictor: Predictor) -> list[_Way]:
    """The shortest first."""
    contract, booster = predictor.contract, predictor.booster
    if booster is None:
        assert contract.linear is not None
        margins = LinearMargins.of(contract.linear, contract.features)
        return [_Way("look-ups", margins.add_up, (margins.add_up,))]
    if not is_xgboost(booster):
        call = partial(_call_lightgbm, booster)
        return [_Way("the library", call, (call,))]
    own = _copy_for_one_thread(booster)
    call, walker = partial(_call_xgboost, own), make_walker(own)
    ways = [_Way("the library in place", call, (call,))]
    if walker is not None:
        ways.insert(0, _Way("tables", partial(_walk_or_call, walker, call), (walker.add_leaves, call)))
    return ways


def _is_proven(quick: QuickScorer, golden: Matrix, expected: Matrix) -> bool:
    alone = np.concatenate([quick.score(golden[place : place + 1]) for place in range(len(golden))])
    return np.array_equal(quick.score(golden), expected) and np.array_equal(alone, expected)


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


def make_row_encoder(contract: Contract) -> RowEncoder:
    """Of rows that this version can score."""
    return RowEncoder.of(contract.features, _find_limit(contract))


def _find_limit(contract: Contract) -> float:
    """A number of this size is infinite in the precision of the library, which XGBoost refuses to score, though not in place."""
    return BEYOND_SINGLE if contract.algorithm == "xgboost" else inf


def _refuse_infinite(matrix: Matrix, contract: Contract) -> None:
    is_infinite = np.abs(matrix) >= _find_limit(contract)
    if is_infinite.any():
        refuse_infinite(np.where(is_infinite, inf, matrix), contract.features)


def _copy_for_one_thread(booster: xgboost.Booster) -> xgboost.Booster:
    """Whose number of threads nobody changes meanwhile."""
    own = copy(booster)
    own.set_param({"nthread": 1})
    return own


def _walk_or_call(walker: Walker, call: Margins, matrix: Matrix) -> NDArray[np.floating]:
    return call(matrix) if walker.count_steps(len(matrix)) > MOST_STEPS else walker.add_leaves(matrix)


def _call_xgboost(booster: xgboost.Booster, matrix: Matrix) -> Matrix:
    return np.asarray(booster.inplace_predict(matrix, predict_type="margin", validate_features=False))


def _call_lightgbm(booster: lightgbm.Booster, matrix: Matrix) -> Matrix:
    return np.asarray(booster.predict(matrix, raw_score=True, num_threads=1))
