"""What do reasons cost? Contributions from our tables against the library's own TreeSHAP, in CPU seconds on the same rows.

Both run in this process, in turns, the library on two threads and ours on one. Making the tables, once for each version that is
loaded and explains, is said apart.

    python bench/reasons.py --rows 20000 --rounds 3
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from statistics import median
from typing import NamedTuple

import lightgbm
import numpy as np
import xgboost

from perennial.predictor import Feature, NativeBooster, as_dmatrix
from perennial.predictor.native import contribute_native
from perennial.predictor.shap_tables import make_tables
from perennial.predictor.shares import make_shares
from perennial.predictor.trees import read_forests

LETTERS = tuple(f"{place:02d}" for place in range(60))
FEATURES = (
    *(Feature(name=f"number_{place}") for place in range(28)),
    Feature(name="few", kind="category", categories=LETTERS[:12]),
    Feature(name="many", kind="category", categories=LETTERS),
)


class Size(NamedTuple):
    """A booster as the searches draw them."""

    depth: int
    leaves: int
    trees: int


SIZES = {"small": Size(3, 8, 60), "default": Size(4, 15, 150), "large": Size(6, 31, 300)}


def make_rows(rows: int, seed: int) -> np.ndarray:
    """28 numbers, a category of 12 values and one of 60, a tenth of them missing."""
    rng = np.random.default_rng(seed)
    matrix = np.column_stack([rng.normal(size=(rows, 28)), rng.integers(0, 12, rows), rng.integers(0, 60, rows)])
    matrix[rng.random(matrix.shape) < 0.1] = np.nan
    return matrix


def fit(algorithm: str, size: Size) -> NativeBooster:
    matrix, rng = make_rows(20_000, 1), np.random.default_rng(2)
    known = np.nan_to_num(matrix)
    labels = (known[:, :8].sum(axis=1) + 2 * (known[:, 28] % 3 == 0) + rng.normal(size=len(matrix)) > 1).astype(np.float64)
    if algorithm == "xgboost":
        parameters = {"objective": "binary:logistic", "max_depth": size.depth, "eta": 0.05, "nthread": 2}
        return xgboost.train(parameters, as_dmatrix(matrix, FEATURES, labels=labels), size.trees)
    parameters = {"objective": "binary", "num_leaves": size.leaves, "learning_rate": 0.05, "num_threads": 2, "verbosity": -1}
    return lightgbm.train(parameters, lightgbm.Dataset(matrix, labels, categorical_feature=[28, 29]), size.trees)


def measure_cpu(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def choose_strongest(contributions: np.ndarray) -> np.ndarray:
    return np.argsort(-np.abs(contributions), axis=1, kind="stable")[:, :3]


def compare(algorithm: str, name: str, matrix: np.ndarray, rounds: int) -> str:
    booster = fit(algorithm, SIZES[name])
    making = measure_cpu(lambda: make_shares(booster))
    (shares,) = make_shares(booster)
    pairs = [
        (
            measure_cpu(lambda: shares.contribute(matrix)),
            measure_cpu(lambda: contribute_native(booster, matrix, FEATURES)),
        )
        for _ in range(rounds)
    ]
    ours, native = (median(times) for times in zip(*pairs, strict=True))
    found, expected = shares.contribute(matrix), contribute_native(booster, matrix, FEATURES)
    equal = (choose_strongest(found) == choose_strongest(expected)).all(axis=1).mean()
    size = sum(table.shares.nbytes for table in make_tables(*read_forests(booster))) / 2**20
    return (
        f"{algorithm:9} {name:8} ours {ours:6.3f} s  native {native:7.2f} s  ratio {native / ours:5.1f}  "
        f"tables {size:5.1f} MB in {making:.2f} s  differences {np.abs(found - expected).max():.1e}  top 3 equal {equal:.5f}"
    )


def main() -> None:
    """One line per library and size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    matrix = make_rows(arguments.rows, 3)
    print(f"CPU seconds for {arguments.rows:,} rows of {len(FEATURES)} features, medians of {arguments.rounds}")
    for algorithm in ("xgboost", "lightgbm"):
        for name in SIZES:
            print(compare(algorithm, name, matrix, arguments.rounds), flush=True)


if __name__ == "__main__":
    main()
