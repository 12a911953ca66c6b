"""Does a stable world look as if it drifted? Checks of the monitor's own functions, from 60 to 20,000 rows a day.

A world has as many customers as rows a day, with 20 numbers, a text of 50 and one of 200 values, each of which a customer keeps
or, in a twentieth of the weeks, draws anew; a year's checks look at a reference of 26 weeks. Nothing changes, so every flag is
false. Then one column is shifted to a PSI of .2 for good.

    python bench/drift_worlds.py --worlds 20        # some minutes
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
from paths import ROOT

from perennial.config import load_model
from perennial.monitor import ScoredDay, compare_numbers, measure_drift, profile_reference
from perennial.records import DriftCheck

MODEL = load_model(ROOT / "models" / "lapse.toml")
ROWS = (60, 200, 500, 2_000, 20_000)
NUMBERS, TEXTS = 20, (50, 200)
REFERENCE_WEEKS = 26
RENEWED = 0.05
MEAN_SCORE = 0.13
PLANTED_SHIFT = 0.46  # standard deviations: a PSI of .2 of a normal column in tenths
"""Checks that are compared with one reference, spread over the weeks after it; 52 of each world make its year."""
CHECKS = 52


@dataclass(frozen=True)
class Found:
    """Shares of all checks in stable worlds, and of the planted shifts that were found."""

    flagged: float
    flagged_without: float
    fired_a_year: float
    fired_a_year_without: float
    planted: float


def live(rows: int, worlds: int, seed: int) -> Found:
    checks: list[DriftCheck] = []
    planted: list[bool] = []
    for world in range(worlds):
        rng = np.random.default_rng([seed, rows, world])
        weeks = draw_weeks(rng, rows, REFERENCE_WEEKS + CHECKS)
        reference, scores = gather(weeks[:REFERENCE_WEEKS])
        checks += [check(reference, scores, week) for week in weeks[REFERENCE_WEEKS:]]
        moved = weeks[-1].assign(number_0=weeks[-1]["number_0"] + PLANTED_SHIFT)
        planted.append(check(reference, scores, moved).features[0].is_drifted)
    limits = MODEL.monitoring
    before = [
        (
            any(each.psi > limits.feature_psi for each in one.features),
            np.mean([each.psi > limits.feature_psi for each in one.features]) > limits.drifted_share
            or abs(one.prediction_shift) > limits.prediction_shift,
        )
        for one in checks
    ]
    return Found(
        flagged=float(np.mean([any(each.is_drifted for each in one.features) for one in checks])),
        flagged_without=float(np.mean([flag for flag, _ in before])),
        fired_a_year=365 * float(np.mean([one.is_drifted for one in checks])),
        fired_a_year_without=365 * float(np.mean([fired for _, fired in before])),
        planted=float(np.mean(planted)),
    )


def draw_weeks(rng: np.random.Generator, rows: int, weeks: int) -> list[pd.DataFrame]:
    """Snapshots of the same customers; the score is a function of the first number, which a customer mostly keeps."""
    columns = {f"number_{place}": rng.standard_normal(rows) for place in range(NUMBERS)}
    columns |= {f"text_{values}": rng.integers(values, size=rows) for values in TEXTS}
    drawn = []
    for _ in range(weeks):
        for name, values in columns.items():
            renewed = rng.random(rows) < RENEWED
            fresh = rng.standard_normal(rows) if name.startswith("number") else rng.integers(int(name[5:]), size=rows)
            columns[name] = np.where(renewed, fresh, values)
        drawn.append(pd.DataFrame(columns).astype({f"text_{values}": str for values in TEXTS}))
    return drawn


def gather(weeks: list[pd.DataFrame]) -> tuple[pd.DataFrame, pd.Series]:
    reference = pd.concat(weeks, keys=range(len(weeks)), names=["as_of", "entity_id"])
    return reference, score(reference)


def score(rows: pd.DataFrame) -> pd.Series:
    """Skewed as probabilities of a rare outcome are: mean `MEAN_SCORE`, standard deviation nearly as large."""
    return MEAN_SCORE * np.exp(0.8 * rows["number_0"] - 0.32)


def check(reference: pd.DataFrame, reference_scores: pd.Series, current: pd.DataFrame) -> DriftCheck:
    mean = float(reference_scores.mean())
    day = ScoredDay(MODEL, date(2017, 11, 20), 1, score(current), mean)
    return measure_drift(profile_reference(reference, reference_scores), current, day)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worlds", type=int, default=20)
    parser.add_argument("--rows", type=int, nargs="+", default=ROWS)
    parser.add_argument("--seed", type=int, default=7)
    given = parser.parse_args()
    rng = np.random.default_rng(given.seed)
    drawn = rng.standard_normal((2, 1_000_000))
    print(f"The planted shift is a PSI of {compare_numbers(drawn[0], drawn[1] + PLANTED_SHIFT):.3f}")
    print(
        "| rows a day | checks with a flagged column, by the limits alone | now | checks that fire a year, by the limits alone |",
        end="",
    )
    print(" now | planted shift found |\n|---|---|---|---|---|---|")
    failures = []
    for rows in given.rows:
        worlds = max(2, given.worlds * 500 // max(rows, 500))
        found = live(rows, worlds, given.seed)
        print(f"| {rows:,} | {found.flagged_without:.3f} | {found.flagged:.3f} | {found.fired_a_year_without:.1f} |", end="")
        print(f" {found.fired_a_year:.1f} | {found.planted:.2f} |", flush=True)
        failures += [f"{rows} rows: a column is flagged in {found.flagged:.3f} of checks"] if found.flagged >= 0.01 else []
        failures += [f"{rows} rows: {found.fired_a_year:.1f} checks fire a year"] if found.fired_a_year > 1 else []
    print("", *(f"FAILED: {failure}" for failure in failures), sep="\n")
    return int(bool(failures))


if __name__ == "__main__":
    sys.exit(main())
