"""Where rows end in the trees of a booster, as its own library walks them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xgboost
from numpy.typing import NDArray

from perennial.predictor.contract import Feature
from perennial.predictor.encoding import Matrix
from perennial.predictor.native import NativeBooster, as_dmatrix, name_inputs


def find_leaves(booster: NativeBooster, matrix: Matrix, features: Sequence[Feature], *, threads: int = 2) -> NDArray[np.int64]:
    """The leaf of every tree that a row ends in: rows by trees, in the library's own numbers.

    Trees stand in the order in which they were grown; of classes they take turns.
    """
    if isinstance(booster, xgboost.Booster):
        booster.set_param({"nthread": threads})
        names = name_inputs(booster, features)
        found = booster.predict(as_dmatrix(matrix, features, threads=threads, names=names), pred_leaf=True)
    else:
        found = booster.predict(matrix, pred_leaf=True, num_threads=threads)
    return np.asarray(found).reshape(len(matrix), -1).astype(np.int64)
