"""How often does a quiet week rest, and is a poisoned one seen? Walked forward on the demo's models and on simulated worlds.

On the demo, every as_of is scored by a fit of the as_ofs that had matured on its day, as a weekly refresh would serve it. Each
as_of that has four scored before it is then looked at as it is, and once with each poison, alone among quiet ones. In the
simulated worlds the scores are those that know everything but the poison, so that nothing but chance and shocks is measured.

    python bench/admission.py                   # under two minutes, on a PostgreSQL of its own
    python bench/admission.py --worlds 0        # only the demo's models
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import lightgbm
import numpy as np
import pandas as pd
from paths import ROOT

from perennial.admit import AS_OFS_BEFORE, FEWEST_BEFORE, admit, measure_as_of
from perennial.config import Declaration, Model, load_declaration
from perennial.demo.data import load_complete_journey
from perennial.local.ports import find_free_port
from perennial.local.postgres import THROWAWAY, Postgres
from perennial.records import AsOfMeasures, Run, TrainingSet
from perennial.stores import ledger
from perennial.stores.sessions import Database
from perennial.stores.warehouse import build_labels, build_snapshot, migrate, read_training_set, sync

MODELS = ("lapse", "spend_drop")
FIRST, LAST = date(2017, 3, 27), date(2017, 11, 27)
FEWEST_TRAINING = 8
FLIPPED, MISSING, LEAK = 0.3, 0.5, 3.0
POISONS = ("none", "30 % flipped", "half the positives missing", "a leak of one week")
WORLDS: dict[str, tuple[int, float, float]] = {  # rows, base rate, standard deviation of weekly shocks in log-odds
    "calm, 2,500 rows": (2500, 0.15, 0.0),
    "shocks of .1, 2,500 rows": (2500, 0.15, 0.1),
    "shocks of .3, 2,500 rows": (2500, 0.15, 0.3),
    "few positives, 600 rows": (600, 0.05, 0.1),
}
Score = Callable[[pd.DataFrame], pd.Series]
Found = Counter[tuple[str, bool]]


@dataclass(frozen=True)
class Week:
    """One as_of as it is: who scored it, its labels and its features."""

    score: Score
    labels: pd.Series
    features: pd.DataFrame

    def measure(self, poison: str, rng: np.random.Generator) -> AsOfMeasures | None:
        labels, features = self.labels.copy(), self.features.copy()
        draw = rng.random(len(labels))
        if poison == POISONS[1]:
            labels = labels.where(draw >= FLIPPED, 1 - labels)
        elif poison == POISONS[2]:
            labels = labels.where(draw >= MISSING, 0)
        elif poison == POISONS[3]:
            leaking = rng.choice(features.select_dtypes("number").columns)
            column = features[leaking].astype(float)
            features[leaking] = column + LEAK * (column.std() or 1.0) * labels
        return measure_as_of(self.score(features), labels, features)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worlds", type=int, default=50, help="simulated worlds of each kind")
    parser.add_argument("--seed", type=int, default=7)
    given = parser.parse_args()
    print(f"| {'weeks that rested':28} | {' | '.join(f'{poison:>26}' for poison in POISONS)} |")
    with open_demo() as url:
        for name in MODELS:
            declaration = load_declaration(ROOT, name)
            report(name, walk_forward(declaration, build_rows(url, declaration), given.seed))
    model = load_declaration(ROOT, MODELS[0]).model
    for name, world in WORLDS.items() if given.worlds else ():
        report(name, simulate(model, *world, worlds=given.worlds, seed=given.seed))


def report(name: str, found: Found) -> None:
    cells = (f"{found[poison, True]} of {found[poison, True] + found[poison, False]}" for poison in POISONS)
    print(f"| {name:28} | {' | '.join(f'{cell:>26}' for cell in cells)} |", flush=True)


# The demo's models
@contextmanager
def open_demo() -> Iterator[str]:
    """A throw-away PostgreSQL with the demo's purchases, as role pipeline."""
    with tempfile.TemporaryDirectory(prefix="perennial-", ignore_cleanup_errors=True) as name:
        server = Postgres(Path(name) / "db", find_free_port(), passwords=Path(name) / "passwords.json", options=THROWAWAY)
        try:
            server.start()
            server.ensure_roles()
            server.ensure_database("warehouse", "owner", guests=("loader", "pipeline", "analyst"))
            migrate(server.url("warehouse", "owner"))
            load_complete_journey(server.url("warehouse", "loader"))
            yield server.url("warehouse", "pipeline")
        finally:
            server.stop()


def build_rows(url: str, declaration: Declaration) -> TrainingSet:
    """Snapshots and labels of all as_ofs; suites have nothing to do with what is measured."""
    database, days = Database(url, "perennial bench"), declaration.model.training_as_ofs(FIRST, LAST)
    with database.transaction() as session:
        sync(session, declaration)
        for day in days:
            run = Run(declaration.model.name, day, declaration.model.known_until(day), "simulation")
            build_snapshot(session, declaration, run)
            ledger.mark_snapshot(session, run, "valid")
            build_labels(session, declaration, run, day)
        rows = read_training_set(session, declaration, days)
    database.dispose()
    return rows


def walk_forward(declaration: Declaration, rows: TrainingSet, seed: int) -> Found:
    weeks: dict[date, Week] = {}
    days = rows.labels.index.get_level_values("as_of")
    for day in declaration.model.training_as_ofs(FIRST, LAST):
        known = declaration.model.training_as_ofs(FIRST, day - timedelta(days=declaration.model.label.horizon_days + 7))
        if len(known) >= FEWEST_TRAINING:
            learned, today = days.isin(pd.to_datetime(known[-declaration.model.training.as_ofs :])), days == pd.Timestamp(day)
            score = fit(rows.features[learned], rows.labels[learned])
            weeks[day] = Week(score, rows.labels[today], rows.features[today])
    return look(declaration.model, weeks, np.random.default_rng(seed))


def fit(features: pd.DataFrame, labels: pd.Series) -> Score:
    learner = lightgbm.LGBMClassifier(
        n_estimators=120, learning_rate=0.04, num_leaves=8, min_child_samples=80, reg_lambda=10.0,
        colsample_bytree=0.6, n_jobs=1, random_state=1, verbose=-1,
    )  # fmt: skip
    learner.fit(features, labels)
    return lambda rows: pd.Series(learner.predict_proba(rows)[:, 1], index=rows.index)


def look(model: Model, weeks: dict[date, Week], rng: np.random.Generator) -> Found:
    """Look at every week that has enough before it, once with each poison; those before it are quiet and were admitted."""
    quiet = {day: week.measure(POISONS[0], rng) for day, week in weeks.items()}
    found: Found = Counter()
    for day, week in weeks.items():
        nearby = model.training_as_ofs(day - timedelta(weeks=AS_OFS_BEFORE), day - timedelta(days=1))
        before = {other: measured for other in nearby if (measured := quiet.get(other)) is not None}
        if len(before) >= FEWEST_BEFORE:
            for poison in POISONS:
                measures = quiet[day] if poison == POISONS[0] else week.measure(poison, rng)
                found[poison, admit(model, day, measures, before).rests] += 1
    return found


# Simulated worlds
def simulate(model: Model, rows: int, rate: float, shock: float, *, worlds: int, seed: int) -> Found:
    """Look at the newest of nine as_ofs in each of so many worlds."""
    found: Found = Counter()
    days = model.training_as_ofs(FIRST, FIRST + timedelta(weeks=AS_OFS_BEFORE))
    for world in range(worlds):
        rng = np.random.default_rng([seed, world, rows])
        weeks = {day: draw_week(day, rows, rate, shock, rng) for day in days}
        found += look_at_newest(model, weeks, rng)
    return found


def draw_week(day: date, rows: int, rate: float, shock: float, rng: np.random.Generator) -> Week:
    """Five features, of which two matter; the scores know all of it but the shock of the week."""
    index = pd.MultiIndex.from_product([[pd.Timestamp(day)], range(rows)], names=["as_of", "entity_id"])
    features = pd.DataFrame(rng.normal(size=(rows, 5)), index=index, columns=list("abcde"))
    offset = np.log(rate / (1 - rate)) - 0.6

    def score(given: pd.DataFrame) -> pd.Series:
        return 1 / (1 + np.exp(-(offset + 1.2 * given["a"] + 0.6 * given["b"])))

    odds = score(features) / (1 - score(features)) * np.exp(shock * rng.normal())
    labels = pd.Series((rng.random(rows) < odds / (1 + odds)).astype(int), index=index)
    return Week(score, labels, features)


def look_at_newest(model: Model, weeks: dict[date, Week], rng: np.random.Generator) -> Found:
    newest = max(weeks)
    before = {day: found for day, week in weeks.items() if day < newest and (found := week.measure(POISONS[0], rng))}
    found: Found = Counter()
    for poison in POISONS:
        found[poison, admit(model, newest, weeks[newest].measure(poison, rng), before).rests] += 1
    return found


if __name__ == "__main__":
    main()
