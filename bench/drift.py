"""What does a drift check cost? Ours on all rows against Evidently's data drift (PSI too) on the same rows.

A day compares with the profile of the reference, which is made once for each version; both are shown, and their sum. All run
in this process, in turns, after their imports; the ratio is that of the medians.

    python bench/drift.py --rows 50000 --columns 30 --rounds 3
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable
from datetime import date
from statistics import median

import numpy as np
import pandas as pd
from paths import ROOT

from perennial.config import load_model
from perennial.monitor import ScoredDay, measure_drift, profile_reference

MODEL = load_model(ROOT / "models" / "lapse.toml")


def make_rows(rows: int, columns: int, *, seed: int, shift: float) -> pd.DataFrame:
    """Skewed amounts, counts and a tenth of missing values, as features are."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.gamma(1.0, 10.0 + shift, size=(rows, columns)), columns=[f"feature_{i}" for i in range(columns)])
    frame.iloc[:, ::3] = rng.poisson(2.0 + shift, size=frame.iloc[:, ::3].shape)
    return frame.mask(rng.random(frame.shape) < 0.1)


def time_ours(reference: pd.DataFrame, current: pd.DataFrame) -> tuple[float, float]:
    """Making the profile, and the check of a day."""
    rng = np.random.default_rng(3)
    scores, reference_scores = (pd.Series(rng.beta(1, 7, len(side))) for side in (current, reference))
    day = ScoredDay(MODEL, date(2017, 11, 20), 1, scores, float(reference_scores.mean()))
    profile = profile_reference(reference, reference_scores)
    making = measure_seconds(lambda: profile_reference(reference, reference_scores))
    return making, measure_seconds(lambda: measure_drift(profile, current, day))


def time_evidently(reference: pd.DataFrame, current: pd.DataFrame) -> float:
    """The figures only; the HTML page costs extra."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its imports use what others have deprecated
        from evidently import DataDefinition, Dataset, Report  # noqa: PLC0415 - importing is not what is measured
        from evidently.presets import DataDriftPreset  # noqa: PLC0415 - likewise

        definition = DataDefinition(numerical_columns=list(reference.columns))
        sides = [Dataset.from_pandas(side, data_definition=definition) for side in (current, reference)]
        return measure_seconds(lambda: Report([DataDriftPreset(method="psi", threshold=0.1)]).run(*sides).dict())


def measure_seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--columns", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    reference = make_rows(given.rows, given.columns, seed=1, shift=0.0)
    current = make_rows(given.rows, given.columns, seed=2, shift=0.3)
    rounds = [(*time_ours(reference, current), time_evidently(reference, current)) for _ in range(given.rounds)]
    making, checking, theirs = (median(seconds) for seconds in zip(*rounds, strict=True))
    print(f"{given.rows} x {given.columns} on both sides, median of {given.rounds} rounds")
    print(f"Evidently                 {theirs:8.3f} s")
    for what, ours in (("check of a day", checking), ("profile, once", making), ("both", checking + making)):
        print(f"{what:24}  {ours:8.3f} s  {theirs / ours:6.0f}x")


if __name__ == "__main__":
    main()
