"""What a training costs and earns: ours against the usual recipe, on the same rows, assessed on the same unseen rows.

The peer is what most tutorials do: Optuna over LightGBM with random 5-fold cross-validation, and the mean AUC of
shuffled rows as objective. Both get the same training as_ofs, two cores (fits side by side, one thread each) and the
same number of trials; the peer begins no trial after --peer-seconds. Two figures matter beside the time: what each
believes of itself before it has seen the holdout, and what the holdout says.

    python bench/training.py                 # builds the demo's history on a PostgreSQL of its own
    python bench/training.py --url ...       # reads the history of another warehouse
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import joblib
import lightgbm
import optuna
import pandas as pd
from paths import ROOT
from sklearn.model_selection import StratifiedKFold, cross_val_score

from perennial import operate, pipeline
from perennial.config import Declaration, Settings, load_declaration
from perennial.demo.data import load_complete_journey
from perennial.demo.story import FIRST, HISTORY, MODEL
from perennial.local.ports import find_free_port
from perennial.local.postgres import THROWAWAY, Postgres
from perennial.metrics import log_loss, mean_auc, paired_auc_difference
from perennial.predictor import load_predictor
from perennial.records import Run, SplitPlan, TrainingSet
from perennial.stores.sessions import Database
from perennial.stores.warehouse import migrate, read_training_set
from perennial.train import plan_split, train

CORES = 2


def main() -> None:
    options = read_options()
    declaration = load_declaration(ROOT, MODEL)
    plan = plan_split(declaration.model, declaration.model.training_as_ofs(options.first, options.last), options.trained_for)
    with find_warehouse(options.url, options.last) as url:
        training, holdout = read_rows(url, declaration, plan)
    print(
        f"{len(training.labels)} rows of {len(plan.training)} as_ofs train, {len(holdout.labels)} of {len(plan.holdout)} assess"
    )
    started, worked = time.perf_counter(), time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        trained = train(declaration.model, training, plan, folder=Path(folder), trials=options.trials)
        ours = pd.Series(load_predictor(trained.folder, trained.manifest).score(holdout.features), index=holdout.labels.index)
    report(f"ours, {trained.trials} trials", trained.metrics["auc"], ours, holdout, (started, worked))
    started, worked = time.perf_counter(), time.process_time()
    study, theirs = train_as_usual(training, holdout, options, declaration.model.training.seed)
    report(f"random folds, {len(study.trials)} trials", study.best_value, theirs, holdout, (started, worked))
    print(f"ours - random folds, holdout AUC: {paired_auc_difference(ours, theirs, holdout.labels)}")


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", help="the warehouse, as role pipeline, with snapshots and labels of the as_ofs below")
    parser.add_argument("--first", type=date.fromisoformat, default=HISTORY[0])
    parser.add_argument("--last", type=date.fromisoformat, default=date(2017, 9, 25))
    parser.add_argument("--trained-for", type=date.fromisoformat, default=FIRST)
    parser.add_argument("--trials", type=int, default=12)
    parser.add_argument("--peer-seconds", type=float, default=120.0)
    return parser.parse_args()


@contextmanager
def find_warehouse(url: str | None, last: date) -> Iterator[str]:
    """The warehouse that was given; without one, the demo's history on a throw-away PostgreSQL."""
    if url is not None:
        yield url
        return
    with tempfile.TemporaryDirectory(prefix="perennial-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        server = Postgres(folder / "postgres", find_free_port(), passwords=folder / "passwords.json", options=THROWAWAY)
        try:
            server.start()
            build_history(server, folder, last)
            yield server.url("warehouse", "pipeline")
        finally:
            server.stop()


def build_history(server: Postgres, folder: Path, last: date) -> None:
    """Snapshots and labels up to the first training of the demo; nothing is trained, so that no MLflow is needed."""
    server.ensure_roles()
    server.ensure_database("warehouse", "owner", guests=("loader", "pipeline", "analyst"))
    migrate(server.url("warehouse", "owner"))
    load_complete_journey(server.url("warehouse", "loader"))
    url = server.url("warehouse", "pipeline")
    settings = Settings(url, server.url("warehouse", "owner"), "http://127.0.0.1:9", home=ROOT, artifacts=folder / "artifacts")
    with pipeline.open_stores(settings) as stores:
        operate.sync(stores, MODEL)
        for _ in operate.backfill(stores, MODEL, HISTORY[0], last):
            pass
        clock = stores.declaration(MODEL).model.known_until(FIRST)
        pipeline.assemble(stores, Run(MODEL, FIRST, clock, "simulation"))


def read_rows(url: str, declaration: Declaration, plan: SplitPlan) -> tuple[TrainingSet, TrainingSet]:
    database = Database(url, "perennial bench")
    with database.transaction() as session:
        rows = [read_training_set(session, declaration, as_ofs) for as_ofs in (plan.training, plan.holdout)]
    database.dispose()
    return rows[0], rows[1]


def train_as_usual(
    training: TrainingSet, holdout: TrainingSet, options: argparse.Namespace, seed: int
) -> tuple[optuna.Study, pd.Series]:
    """The study, whose best value is the AUC that random cross-validation believes, and its model's scores of the holdout."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    folds = StratifiedKFold(5, shuffle=True, random_state=seed)

    def assess(trial: optuna.Trial) -> float:
        booster = suggest(trial, seed)
        return float(
            cross_val_score(booster, training.features, training.labels, cv=folds, scoring="roc_auc", n_jobs=CORES).mean()
        )

    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
    with joblib.parallel_config(backend="threading"):
        study.optimize(assess, n_trials=options.trials, timeout=options.peer_seconds)
    best = suggest(optuna.trial.FixedTrial(study.best_params), seed).fit(training.features, training.labels)
    return study, pd.Series(best.predict_proba(holdout.features)[:, 1], index=holdout.labels.index)


def suggest(trial: optuna.Trial | optuna.trial.FixedTrial, seed: int) -> lightgbm.LGBMClassifier:
    """Ranges as they stand in tutorials, bounded so that the dearest trial takes some twenty seconds."""
    return lightgbm.LGBMClassifier(
        n_estimators=trial.suggest_int("n_estimators", 50, 500),
        learning_rate=trial.suggest_float("learning_rate", 0.01, 0.3, log=True),
        num_leaves=trial.suggest_int("num_leaves", 4, 128, log=True),
        min_child_samples=trial.suggest_int("min_child_samples", 5, 100),
        reg_lambda=trial.suggest_float("reg_lambda", 1e-3, 10, log=True),
        random_state=seed,
        n_jobs=1,
        verbosity=-1,
    )


def report(name: str, believed: float, scores: pd.Series, holdout: TrainingSet, since: tuple[float, float]) -> None:
    wall, cpu = time.perf_counter() - since[0], time.process_time() - since[1]
    auc, loss = mean_auc(scores, holdout.labels), log_loss(scores, holdout.labels)
    print(f"{name:>24}: {wall:6.1f} s, CPU {cpu:6.1f} s; believed AUC {believed:.4f}, holdout AUC {auc:.4f}, log-loss {loss:.4f}")


if __name__ == "__main__":
    main()
