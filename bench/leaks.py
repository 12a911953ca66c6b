"""How often an honest feature looks like a leak where positives are few, and how many leaks are seen.

    python bench/leaks.py                  # some minutes
    python bench/leaks.py --starts 100

Each start draws one as_of of rows and features that are normal in both classes, apart by what gives an AUC: twenty honest ones of
.70, and one leak. "the point" stops where an estimate lies over the limit of .80; "influence values" where the lower bound does
that they alone give; "this bound" is what a training uses (`perennial.train.alarms.find_least`). Limits: 99 %, exact.
"""

from __future__ import annotations

import argparse
from statistics import NormalDist

import numpy as np
import pandas as pd
from gate import ROOT, Share

from perennial.config import load_model
from perennial.metrics import auc_with_interval
from perennial.records import TrainingSet
from perennial.train.alarms import CHANCE, find_least
from perennial.train.rows import gather_rows

MODEL = load_model(ROOT / "models" / "lapse.toml")
ROWS, HONEST, FEATURES, LIMIT = 400, 0.70, 20, 0.80
POSITIVES, LEAKS = (5, 10, 30), (0.95, 0.999)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--starts", type=int, default=500)
    parser.add_argument("--seed", type=int, default=7)
    given = parser.parse_args()
    first = f"of {ROWS} rows positive"
    print(f"{first:24}{'drawn':22}{'the point':26}{'influence values':26}this bound")
    for positives in POSITIVES:
        for auc, features in ((HONEST, FEATURES), *((leak, 1) for leak in LEAKS)):
            counts = count_alarms(positives, auc, features, starts=given.starts, seed=given.seed)
            shares = "".join(f"{Share(count, given.starts)!s:26}" for count in counts)
            print(f"{positives:<24}{f'{features} of AUC {auc}':22}{shares.rstrip()}")


def count_alarms(positives: int, auc: float, features: int, *, starts: int, seed: int) -> tuple[int, int, int]:
    """Starts in which any of the features is beyond the limit: by its estimate, by influence values, by the bound."""
    rng, labels = np.random.default_rng(seed), np.arange(ROWS) < positives
    index = pd.MultiIndex.from_product([[pd.Timestamp("2025-01-06")], range(ROWS)], names=["as_of", "entity_id"])
    shift = np.sqrt(2) * NormalDist().inv_cdf(auc)
    happened = pd.Series(labels.astype(int), index)
    nothing = pd.DataFrame({"x": np.zeros(ROWS)}, index)
    rows = gather_rows(MODEL, TrainingSet(nothing, happened, pd.DataFrame(index=index), None, ""))
    counts = np.zeros(3, dtype=int)
    for _ in range(starts):
        drawn = rng.normal(size=(features, ROWS)) + shift * labels
        found = [auc_with_interval(pd.Series(values, index), happened) for values in drawn]
        bounds = [(each.estimate, each.estimate - CHANCE * each.standard_error, find_least(each, LIMIT, rows)) for each in found]
        counts += np.asarray(bounds).max(axis=0) > LIMIT
    point, influence, bound = map(int, counts)
    return point, influence, bound


if __name__ == "__main__":
    main()
