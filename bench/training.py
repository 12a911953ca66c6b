"""What a training costs and earns: ours against the usual recipe, on the same rows, judged on the same unseen rows.

The peer is what most tutorials do: Optuna over LightGBM with random 5-fold cross-validation, the mean AUC of shuffled
rows as objective, two OpenMP threads. Both get the same training as_ofs, the same number of trials and the same cores.
Needs a warehouse whose snapshots and labels are built (the demo's while it stays up, or any after `perennial bootstrap`):

    PERENNIAL_VAR=var/demo python bench/training.py --trials 12
"""

from __future__ import annotations

import argparse
import tempfile
import time
from datetime import date
from pathlib import Path

import lightgbm
import optuna
import pandas as pd
from sklearn.model_selection import StratifiedKFold, cross_val_score

from ml.config import ROOT, Declaration, load_declaration
from ml.local import find_settings
from ml.metrics import log_loss, mean_auc, paired_auc_difference
from ml.predictor import load_predictor
from ml.records import SplitPlan, TrainingSet
from ml.stores.sessions import Database
from ml.stores.warehouse import read_training_set
from ml.train import plan_split, train


def main() -> None:
    options = read_options()
    if options.url is None:
        print("No stack is running and no --url was given: nothing was measured.")
        return
    declaration = load_declaration(ROOT, options.model)
    plan = plan_split(declaration.model, declaration.model.training_as_ofs(options.first, options.last), options.trained_for)
    training, holdout = read_rows(options.url, declaration, plan)
    started, worked = time.perf_counter(), time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        trained = train(declaration.model, training, plan, folder=Path(folder), trials=options.trials)
        ours = pd.Series(load_predictor(trained.folder, trained.manifest).score(holdout.features), index=holdout.labels.index)
    report(f"ours ({trained.algorithm})", trained.metrics["auc"], ours, holdout, (started, worked))
    started, worked = time.perf_counter(), time.process_time()
    believed, theirs = train_as_usual(training, holdout, options.trials, declaration.model.training.seed)
    report("random folds", believed, theirs, holdout, (started, worked))
    print(f"ours - random folds, holdout AUC: {paired_auc_difference(ours, theirs, holdout.labels)}")


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    running = find_settings()
    parser.add_argument(
        "--url", default=running.warehouse_url if running else None, help="the warehouse; that of a running stack"
    )
    parser.add_argument("--model", default="lapse")
    parser.add_argument("--first", type=date.fromisoformat, default=date(2017, 3, 27))
    parser.add_argument("--last", type=date.fromisoformat, default=date(2017, 9, 25))
    parser.add_argument("--trained-for", type=date.fromisoformat, default=date(2017, 10, 30))
    parser.add_argument("--trials", type=int, default=12)
    return parser.parse_args()


def read_rows(url: str, declaration: Declaration, plan: SplitPlan) -> tuple[TrainingSet, TrainingSet]:
    database = Database(url, "perennial bench")
    with database.transaction() as session:
        rows = [read_training_set(session, declaration, as_ofs) for as_ofs in (plan.training, plan.holdout)]
    database.dispose()
    return rows[0], rows[1]


def train_as_usual(training: TrainingSet, holdout: TrainingSet, trials: int, seed: int) -> tuple[float, pd.Series]:
    """The AUC that random cross-validation believes, and the scores of its best model on the holdout."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    folds = StratifiedKFold(5, shuffle=True, random_state=seed)

    def judge(trial: optuna.Trial) -> float:
        return float(
            cross_val_score(suggest(trial, seed), training.features, training.labels, cv=folds, scoring="roc_auc").mean()
        )

    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
    study.optimize(judge, n_trials=trials)
    best = suggest(optuna.trial.FixedTrial(study.best_params), seed).fit(training.features, training.labels)
    return study.best_value, pd.Series(best.predict_proba(holdout.features)[:, 1], index=holdout.labels.index)


def suggest(trial: optuna.Trial | optuna.trial.FixedTrial, seed: int) -> lightgbm.LGBMClassifier:
    return lightgbm.LGBMClassifier(
        n_estimators=trial.suggest_int("n_estimators", 50, 1000),
        learning_rate=trial.suggest_float("learning_rate", 0.01, 0.3, log=True),
        num_leaves=trial.suggest_int("num_leaves", 4, 256, log=True),
        min_child_samples=trial.suggest_int("min_child_samples", 5, 100),
        reg_lambda=trial.suggest_float("reg_lambda", 1e-3, 10, log=True),
        random_state=seed,
        n_jobs=2,
        verbosity=-1,
    )


def report(name: str, believed: float, scores: pd.Series, holdout: TrainingSet, since: tuple[float, float]) -> None:
    wall, cpu = time.perf_counter() - since[0], time.process_time() - since[1]
    auc, loss = mean_auc(scores, holdout.labels), log_loss(scores, holdout.labels)
    print(f"{name:>20}: {wall:6.1f} s, CPU {cpu:6.1f} s; believed AUC {believed:.4f}, holdout AUC {auc:.4f}, log-loss {loss:.4f}")


if __name__ == "__main__":
    main()
