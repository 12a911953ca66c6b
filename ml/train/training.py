"""The story of one training, in order: guard, alarm, cut folds, search, judge, choose, fit, write, draw."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ml.config import Model
from ml.records import SplitPlan, Trained, TrainingSet
from ml.train.alarms import find_alarms, rank_alone, refuse_oracles
from ml.train.baselines import INVERSE_PENALTY, choose_recency
from ml.train.boosters import measure_gains
from ml.train.candidates import draw_learning_curve, judge_booster, judge_logistic, judge_recency
from ml.train.guards import check_training_set
from ml.train.judged import Judged, compare_to_default, measure_fold, measure_out_of_fold, measure_search, write_all
from ml.train.pictures import draw_pictures
from ml.train.rows import FoldRows, Rows, cut_folds, gather_rows
from ml.train.search import Searched, search_recipe
from ml.train.splits import make_folds
from ml.train.study import Search, name_study

log = logging.getLogger(__name__)


def train(
    model: Model,
    training: TrainingSet,
    plan: SplitPlan,
    *,
    folder: Path,
    warm_start: Mapping[str, object] | None = None,
    storage_url: str | None = None,
    study_name: str | None = None,
    trials: int | None = None,
    threads: int = 2,
) -> Trained:
    """Fit a challenger and its baselines on the training as_ofs alone; the holdout never enters here.

    Args:
        model, plan: as declared and as planned.
        training: the rows of `plan.training`, and no others.
        folder: receives challenger/, logistic/ and recency/ (predictor files) and pictures/.
        warm_start: the champion's parameters, tried early.
        storage_url: database of the study; a killed training with the same arguments resumes there. None: in memory.
        study_name: readable part of the study's name; the model's name without it.
        trials: instead of the model's own number.
        threads: so many folds are fitted side by side; the outcome does not depend on it.

    Raises:
        LeakSuspected: a single feature ranks better than `max_feature_auc`.
        HistoryTooShort: no fold fits between the oldest and the newest training as_of.
        RowsSeenInTraining, GrainViolated, OneClassLabels and others of `check_training_set`.
    """
    started = time.monotonic()
    check_training_set(model, training, plan)
    rows = gather_rows(model.name, training.rows_of(plan.training))
    alone = rank_alone(rows)
    refuse_oracles(model, alone)
    folds = cut_folds(rows, make_folds(plan.training, model.training.folds, model.embargo))
    search = _describe_search(model, warm_start, trials)
    name = name_study(study_name or model.name, search, training.data_hash, [fold.fold for fold in folds])
    searched = search_recipe(folds, search, storage_url=storage_url, study_name=name, threads=threads)
    judged = Judged(
        booster=judge_booster(searched.best, folds, model.training.seed),
        logistic=judge_logistic(folds),
        recency=judge_recency(choose_recency(model, alone), folds),
        confidence=model.promotion.confidence,
    )
    trained = _fit(judged, searched, training, plan, rows=rows, folds=folds, alarms=find_alarms(model, rows), folder=folder)
    trained = replace(trained, seconds=time.monotonic() - started)
    _log_training(model, trained)
    return trained


def _describe_search(model: Model, warm_start: Mapping[str, object] | None, trials: int | None) -> Search:
    wanted = model.training
    return Search(wanted.algorithms, trials or wanted.trials, wanted.timeout_minutes * 60, wanted.seed, warm_start)


def _fit(
    judged: Judged,
    searched: Searched,
    training: TrainingSet,
    plan: SplitPlan,
    *,
    rows: Rows,
    folds: Sequence[FoldRows],
    alarms: tuple[str, ...],
    folder: Path,
) -> Trained:
    """Fit the challenger and the baselines on every training row, write their files, and report on what was judged."""
    written = write_all(judged, rows, training.features, folder)
    fold_metrics = tuple(measure_fold(judged, fold, number) for number, fold in enumerate(folds, start=1))
    importances = measure_gains(written.challenger)
    curve = draw_learning_curve(judged.challenger, folds[-1])
    return Trained(
        folder=folder / "challenger",
        algorithm=written.challenger.contract.algorithm,
        parameters=dict(searched.best.recipe.parameters) if judged.is_boosted else {"C": INVERSE_PENALTY},
        rounds=written.challenger.contract.rounds,
        trials=searched.trials,
        metrics={**measure_out_of_fold(judged), **measure_search(searched)},
        fold_metrics=fold_metrics,
        tuned_minus_default=compare_to_default(searched, judged),
        importances=importances,
        learning_curve=curve,
        pictures=draw_pictures(folder / "pictures", judged.challenger, folds=fold_metrics, importances=importances, curve=curve),
        alarms=alarms,
        manifest=written.manifest,
        plan=plan,
        data_hash=training.data_hash,
        seconds=0.0,
        baselines=written.baselines,
    )


def _log_training(model: Model, trained: Trained) -> None:
    log.info(
        "train %s: %s on %d as_ofs, %d trials (%d pruned), out-of-fold AUC %.4f, %.1f s",
        model.name,
        trained.algorithm,
        len(trained.plan.training),
        trained.trials,
        trained.metrics["pruned_trials"],
        trained.metrics["auc"],
        trained.seconds,
    )
