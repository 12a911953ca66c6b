"""How often does a quiet week rest, and is a poisoned one seen? Walked forward on the demo's models and on simulated worlds.

On the demo, every as_of is scored by a fit of the as_ofs that had matured on its day, as a weekly refresh would serve it. Each
as_of that has four scored before it is then looked at as it is, and once with each poison, alone among quiet ones. In the
simulated worlds the scores are those that know everything but the poison, so that nothing but chance and shocks is measured.

    python bench/admission.py                   # under two minutes, on a PostgreSQL of its own
    python bench/admission.py --as-ofs 0        # only the demo's models; bench/gate.py looks at 2,000 as_ofs of each world
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

import lightgbm
import numpy as np
import pandas as pd
from paths import ROOT
from years.poison import POISON_WORLDS, POISONS, Found, Score, Week, look, simulate

from perennial.config import Declaration, load_declaration
from perennial.demo.data import load_complete_journey
from perennial.local.ports import find_free_port
from perennial.local.postgres import THROWAWAY, Postgres
from perennial.records import Run, TrainingSet
from perennial.stores import ledger
from perennial.stores.sessions import Database
from perennial.stores.warehouse import build_labels, build_snapshot, migrate, read_training_set, sync

MODELS = ("lapse", "spend_drop")
FIRST, LAST = date(2017, 3, 27), date(2017, 11, 27)
FEWEST_TRAINING = 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--as-ofs", type=int, default=100, help="looked at in each of the simulated worlds")
    parser.add_argument("--seed", type=int, default=7)
    given = parser.parse_args()
    print(f"| {'weeks that rested':28} | {' | '.join(f'{poison:>26}' for poison in POISONS)} |")
    with open_demo() as url:
        for name in MODELS:
            declaration = load_declaration(ROOT, name)
            report(name, walk_forward(declaration, build_rows(url, declaration), given.seed))
    model = load_declaration(ROOT, MODELS[0]).model
    for world in POISON_WORLDS if given.as_ofs else ():
        report(world.name, simulate(model, world, as_ofs=given.as_ofs, seed=given.seed))


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


if __name__ == "__main__":
    main()
