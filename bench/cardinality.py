"""What columns that teach nothing cost: a text with one value per customer, and 130 excluded features beside five.

    python bench/cardinality.py                  # each world in a process of its own: CPU seconds, and peak memory
    python bench/cardinality.py --customers 20000

Every world has the same customers, features and labels. "training" searches, fits, writes and opens again; "monitor" compares a
day with the training rows and draws the page about it. The ratio is to the same stage of the plain world, imports included.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from perennial.config import Model
from perennial.monitor import SCORE, ScoredDay, measure_drift, profile_reference, render_report
from perennial.predictor import Predictor, load_predictor
from perennial.records import TrainingSet
from perennial.train import plan_split, train

FIRST, AS_OFS, HORIZON_DAYS, TRIALS, EXCLUDED = date(2025, 1, 6), 12, 14, 2, 130
GIGABYTE = 1e6  # of the kilobytes of getrusage
WORLDS = {
    "training": ("plain", "one value per customer", "one value for five customers"),
    "monitor": ("plain", "one value per customer", "130 excluded"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=2500)
    given = parser.parse_args()
    print(f"{given.customers} customers, {AS_OFS} as_ofs")
    for stage, worlds in WORLDS.items():
        costs = {world: measure(STAGES[stage], world, given.customers) for world in worlds}
        for world, (cpu, memory) in costs.items():
            of_cpu, of_memory = (cost / plain for cost, plain in zip((cpu, memory), costs["plain"], strict=True))
            print(f"{stage:9} {world:30} {cpu:6.1f} s CPU ({of_cpu:.2f})   peak {memory:.2f} GB ({of_memory:.2f})")


def measure(stage: Callable[[str, int], None], world: str, customers: int) -> tuple[float, float]:
    """CPU seconds and gigabytes of a child that does this and nothing else."""
    child = os.fork()
    if not child:
        stage(world, customers)
        sys.stdout.flush()
        os._exit(0)
    _, status, usage = os.wait4(child, 0)
    if status:
        sys.exit(f"{world}: it ended with {status}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / GIGABYTE


def declare(world: str) -> Model:
    excluded = [name_noise(number) for number in range(EXCLUDED)] if world == "130 excluded" else []
    return Model.model_validate(
        {
            "name": "bench",
            "description": "Customer buys nothing within two weeks",
            "owner": "bench@example.com",
            "timezone": "UTC",
            "entity": {"key": "customer_id", "type": "bigint"},
            "sources": {"customers": {"times": "static"}},
            "schedule": {"refresh": "30 7 * * *", "retrain": "0 9 * * 3"},
            "label": {"horizon_days": HORIZON_DAYS},
            "training": {"min_as_ofs": 4, "holdout_as_ofs": 2, "folds": 2, "exclude": excluded},
        }
    )


def name_noise(number: int) -> str:
    return f"noise_{number}"


def draw_rows(world: str, customers: int) -> TrainingSet:
    rng = np.random.default_rng(1)
    days = pd.to_datetime([FIRST + timedelta(days=7 * week) for week in range(AS_OFS)])
    index = pd.MultiIndex.from_product([days, range(customers)], names=["as_of", "entity_id"])
    numbers = {name: rng.normal(size=len(index)) for name in ("recency", "orders", "spend", "tenure", "visits")}
    likely = 1 / (1 + np.exp(1 - 1.2 * numbers["recency"] + 0.8 * numbers["orders"] * numbers["spend"]))
    features = pd.DataFrame(numbers, index=index)
    entity = index.get_level_values("entity_id")
    if world.startswith("one value"):
        each = 1 if world == "one value per customer" else 5
        features["street"] = pd.Categorical([f"Street {number // each}" for number in entity])
    if world == "130 excluded":
        noise = {name_noise(number): rng.normal(size=len(index)) for number in range(EXCLUDED)}
        features = pd.concat([features, pd.DataFrame(noise, index=index)], axis=1)
    labels = pd.Series((rng.random(len(index)) < likely).astype(int), index=index, name="label")
    return TrainingSet(features, labels, pd.DataFrame(index=index), data_hash=world)


def train_once(world: str, customers: int) -> None:
    fit(world, customers)


def fit(world: str, customers: int) -> tuple[Model, TrainingSet, Predictor]:
    model, rows = declare(world), draw_rows(world, customers)
    days = tuple(stamp.date() for stamp in rows.features.index.get_level_values("as_of").unique())
    plan = plan_split(model, days, days[-1] + timedelta(days=30))
    with tempfile.TemporaryDirectory() as folder:
        trained = train(model, rows.rows_of(plan.training), plan, folder=Path(folder), trials=TRIALS)
        return model, rows, load_predictor(trained.folder, trained.manifest)


def monitor_once(world: str, customers: int) -> None:
    """A day like any other; what scores it is told by the first feature, so that no fit is in the measure."""
    model, rows = declare(world), draw_rows(world, customers)
    newest = rows.features.index.get_level_values("as_of").max()
    current = rows.features.xs(newest, level="as_of")
    scores = 1 / (1 + np.exp(-rows.features["recency"]))
    day = ScoredDay(model, newest.date(), 1, scores.xs(newest, level="as_of"), float(scores.mean()))
    measure_drift(profile_reference(rows.features, scores), current, day)
    names = dict.fromkeys(rows.features.columns)
    render_report(rows.features, current, scores=(scores, day.scores), limits={SCORE: None, **names}, model=model)


STAGES = {"training": train_once, "monitor": monitor_once}


if __name__ == "__main__":
    main()
