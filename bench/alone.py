"""How strong every feature is alone, for classes: all classes of one sort a day, against each class measured by itself.

    python bench/alone.py [rows] [classes]

Drawn rows of 17 weeks, as many as models/next_department.toml has on the demo's purchases: numbers, among them some with few
values and some that are often missing, and two texts. Both sides give the same intervals to the last digit.
"""

from __future__ import annotations

import sys
import time

import numpy as np
import pandas as pd

from perennial import metrics
from perennial.errors import OneClassLabels
from perennial.records import Interval
from perennial.tasks import classes
from perennial.tasks.widening import name_classes

WEEKS, SEED = 17, 1
Columns = dict[str, tuple[np.ndarray, bool]]


def rank_one_by_one(values: np.ndarray, labels: pd.Series, *, is_category: bool) -> Interval:
    """Each class against the others as a binary label of its own, and the best of them."""
    rare = classes.find_rare(labels)
    compared = [name for name in name_classes(labels) if name not in rare] or name_classes(labels)
    found = []
    for name in compared:
        try:
            found.append(metrics.auc_alone(values, (labels == name).astype(np.int64), is_category=is_category))
        except OneClassLabels:
            continue
    if not found:
        raise OneClassLabels("nothing to rank")
    return max(found, key=lambda each: each.estimate)


def draw(rows: int, count: int, weeks: int = WEEKS, seed: int = SEED) -> tuple[pd.Series, Columns]:
    """Labels that lean on the first columns, and columns by name, with whether they are categories."""
    rng = np.random.default_rng(seed)
    days = pd.date_range("2017-08-07", periods=weeks, freq="7D")
    entities = rng.permutation(2 * (rows // weeks))[: rows // weeks]
    index = pd.MultiIndex.from_product([days, np.sort(entities)], names=["as_of", "entity_id"])
    size = len(index)
    leaning = rng.normal(size=(size, 3))
    labels = np.digitize(leaning.sum(axis=1) + rng.normal(size=size), np.linspace(-3, 3, count - 1))
    columns: Columns = {f"number {place}": (leaning[:, place].copy(), False) for place in range(3)}
    columns |= {f"noise {place}": (rng.normal(size=size), False) for place in range(8)}
    columns |= {f"few values {place}": (np.round(leaning[:, place % 3] + rng.normal(size=size)), False) for place in range(4)}
    for name in ("number 1", "noise 1"):
        columns[name][0][rng.random(size) < 0.3] = np.nan
    columns["missing"] = np.full(size, np.nan), False
    columns["constant"] = np.zeros(size), False
    texts = np.clip(labels + rng.integers(-3, 4, size), 0, 30).astype(float)
    columns["text"] = np.where(rng.random(size) < 0.1, np.nan, texts), True
    columns["rare texts"] = rng.integers(0, size // 10, size).astype(float), True
    return pd.Series([f"class {code}" for code in labels], index=index), columns


def main(rows: int, count: int) -> None:
    labels, columns = draw(rows, count)
    begun = time.perf_counter()
    apart = {name: rank_one_by_one(values, labels, is_category=is_category) for name, (values, is_category) in columns.items()}
    slow = time.perf_counter() - begun
    begun = time.perf_counter()
    rank = classes.open_ranker(labels)
    together = {name: rank(values, is_category=is_category) for name, (values, is_category) in columns.items()}
    quick = time.perf_counter() - begun
    assert apart == together
    print(f"{len(labels)} rows, {len(columns)} columns, {labels.nunique()} classes")
    print(f"each class by itself {slow:.2f} s, together {quick:.2f} s: {slow / quick:.1f} times as fast, the same numbers")


if __name__ == "__main__":
    main(*(int(argument) for argument in (*sys.argv[1:], *("37683", "8")[len(sys.argv) - 1 :])))
