"""The story of one training, in order: guard, alarm, cut folds, search, assess, choose, fit, write, draw."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # ships no types

from perennial.config import Model
from perennial.predictor import Predictor
from perennial.records import Recipe, RecipeChoice, SearchHistory, SplitPlan, Trained, TrainingSet, Tuning
from perennial.train.alarms import LeakRule, find_alarms, find_remarks, find_suspicions, meet_oracles, rank_alone
from perennial.train.assessed import (
    Assessed,
    assess_recipe,
    choose_challenger,
    compare_to_default,
    keep_recipe,
    measure_fold,
    measure_out_of_fold,
    measure_search,
    state_choice,
    write_all,
)
from perennial.train.baselines import choose_single_feature, fit_single_feature
from perennial.train.boosters import measure_gains
from perennial.train.candidates import Candidate, assess_single_feature, draw_learning_curve, fit_candidate, lose_by_constant
from perennial.train.current_state import Weighing
from perennial.train.engine import Engine, Threads
from perennial.train.guards import check_training_set, drop_useless_folds, has_folds, name_dropped_folds
from perennial.train.pictures import draw_pictures
from perennial.train.policy import SearchChoice, choose_search, name_basis
from perennial.train.rows import FoldRows, TrainingRows, cut_folds, describe_features, gather_rows
from perennial.train.saying import log_training
from perennial.train.search import Searched, search_recipe, try_known
from perennial.train.short import train_short
from perennial.train.splits import make_folds
from perennial.train.study import Search, name_study
from perennial.train.thinning import count_samples, thin_to_look

NOTHING_BEFORE = SearchHistory()
# Threads of the linear algebra wait for each other by spinning: on two busy cores a logistic regression took 1.1-3.1 s with
# two and .35 s with one, whose sums are also the same on every machine.
ALGEBRA_THREADS = 1
log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Prepared:
    """Rows that passed the guards and alarms, cut into folds, with the single-feature rule already assessed.

    Attributes:
        single: the recipe of that rule.
        suspicions: sentences about possible leaks, which `alarms` holds as well.
    """

    model: Model
    training: TrainingSet
    plan: SplitPlan
    rows: TrainingRows
    folds: Sequence[FoldRows]
    single: Recipe
    recency: Candidate
    alarms: tuple[str, ...]
    suspicions: tuple[str, ...]
    started: float

    @property
    def search_inputs(self) -> tuple[object, ...]:
        """What a search over these rows depends on, beside the rows themselves and the search."""
        return [fold.fold for fold in self.folds], self.rows.features, *self.rows.task.search_inputs

    @property
    def labels(self) -> pd.Series:
        """Of the out-of-fold rows, in the order of the folds."""
        return self.recency.labels


def state_parameters(model: Model, recipe: Recipe) -> dict[str, float | int | str]:
    """What a version made by this recipe records as its parameters: the recipe, and what a person ruled about the inputs."""
    return {**recipe.parameters, **model.rulings}


def train(
    model: Model,
    training: TrainingSet,
    plan: SplitPlan,
    *,
    folder: Path,
    past: SearchHistory = NOTHING_BEFORE,
    newest: tuple[TrainingSet, SplitPlan] | None = None,
    storage_url: str | None = None,
    study_name: str | None = None,
    trials: int | None = None,
    threads: int = 2,
    engine: Engine | None = None,
    is_first: bool = False,
) -> Trained:
    """Choose a recipe on the training as_ofs alone, where the holdout never enters, and fit it on what may teach now.

    The parameters of the booster are searched, or those of the last search are fitted again: as the model's policy has it. The
    lowest loss of the task out of fold wins.

    Args:
        training: the rows of `plan.training`, and no others.
        newest: what the chosen recipe is fitted on, with the plan of it; without it, what it was chosen on.
        folder: receives challenger/, logistic/ or ridge/, and recency/ (predictor files) and pictures/.
        past: what the policy looks at, and the champion's parameters, which a search tries early.
        storage_url: database of the study, where a killed training with the same arguments resumes. None: in memory.
        study_name: readable part of its name; the model's without it. trials: instead of the model's own number.
        threads: folds fitted side by side, without an `engine`; the outcome does not depend on it.
        is_first: nobody serves yet: a leak is a suspicion, about which a person is asked, and no error.

    Raises:
        LeakSuspected: a single feature ranks better than `max_feature_auc`, be it by chance.
        HistoryTooShort: no fold fits between the oldest and the newest training as_of.
        RowsSeenInTraining, GrainViolated, OneClassLabels and others of `check_training_set`.
    """
    with threadpool_limits(ALGEBRA_THREADS, user_api="blas"):
        prepared, engine = _prepare(model, training, plan, "ask" if is_first else "refuse doubtful"), engine or Threads(threads)
        basis = name_basis(model, prepared.rows.features, past.query_hash)
        choice = choose_search(model.training, past, basis)
        if choice.recipe is None:
            search = replace(_describe_search(model, past, trials), trained_for=(newest[1] if newest else plan).trained_for)
            name = name_study(study_name or model.name, search, training.data_hash, prepared.search_inputs)
            searched = search_recipe(prepared.folds, search, storage_url=storage_url, study_name=name, engine=engine)
        else:
            searched = _try_known(prepared, choice.recipe, engine)
        seed = _complete(prepared, searched.best.recipe).seed_on((newest[1] if newest else plan).trained_for)
        assessed = choose_challenger(searched, prepared.folds, engine, seed, single=prepared.single, recency=prepared.recency)
        tuning = _report_tuning(prepared, searched, choice.because, basis)
        trained = _fit(_turn_to(prepared, newest), assessed, searched, tuning, folder=folder)
        return replace(trained, choice=_state_choice(prepared, assessed, seed=seed, engine=engine))


def _state_choice(prepared: Prepared, assessed: Assessed, *, seed: int, engine: Engine) -> RecipeChoice:
    """Why it is this recipe, and what its features from `current_state` sources are worth, if there are any."""
    model, training = prepared.model, prepared.training
    constant = lose_by_constant(prepared.folds) if assessed.task.tells_constant else None
    stated = state_choice(assessed, prepared.suspicions, find_remarks(prepared.rows), constant)
    if training.current_state is None:
        return stated
    weighing = Weighing(model, training.current_state, prepared.rows, training.clusters)
    worth = weighing.weigh_out_of_fold(assessed, prepared.folds, seed=seed, engine=engine)
    log.info("train %s: current_state sources %s. %s", model.name, ", ".join(worth.use.sources), worth.sentence)
    return replace(stated, current_state=worth)


def find_search(model: Model, training: TrainingSet, past: SearchHistory) -> SearchChoice:
    """Would a training on these rows search, or is the recipe of the last search still the one to beat?"""
    features = describe_features(model, training.weighing())
    return choose_search(model.training, past, name_basis(model, features, past.query_hash))


def refit(
    model: Model,
    training: TrainingSet,
    plan: SplitPlan,
    recipe: Recipe,
    *,
    folder: Path,
    threads: int = 2,
    engine: Engine | None = None,
) -> Trained:
    """Fit a known recipe on other rows, without a search: it is fitted, whatever else would be ahead of it.

    Rounds and calibrator are found anew, out of fold, and the baselines are fitted as in every training, on the inputs of the
    recipe. A single-feature rule needs no folds: where history is too short for them it is fitted on all there is.

    Args:
        recipe: such as that of the champion.
        model, training, plan, folder, threads, engine: as in `train`; the plan may hold nothing out.

    Raises:
        ConfigError: the recipe lacks a parameter of its algorithm.
        All that `train` raises.
    """
    if recipe.algorithm == "single_feature" and not has_folds(model, training, plan):
        return train_short(model, training, plan, folder=folder, recipe=recipe)
    with threadpool_limits(ALGEBRA_THREADS, user_api="blas"):
        prepared = _prepare(model, training, plan, "refuse", only=recipe.features)
        seed = recipe.seed_on(plan.trained_for)
        assessed = keep_recipe(recipe, prepared.folds, recency=prepared.recency, seed=seed, engine=engine or Threads(threads))
        return _fit(prepared, assessed, None, None, folder=folder)


def fit_predictor(
    model: Model, training: TrainingSet, plan: SplitPlan, recipe: Recipe, *, threads: int = 2, engine: Engine | None = None
) -> Predictor:
    """The same predictor as `refit` gives, and nothing beside it: no files, no baselines, no pictures.

    Raises:
        HistoryTooShort: no fold fits, so that neither rounds nor a calibrator can be found; a single-feature rule needs none.
        ConfigError, and those of the guards: as in `refit`.
    """
    with threadpool_limits(ALGEBRA_THREADS, user_api="blas"):
        check_training_set(model, training, plan)
        rows = gather_rows(model, training.rows_of(plan.training), only=recipe.features)
        if recipe.algorithm == "single_feature" and not has_folds(model, training, plan):
            return fit_single_feature(recipe, rows)
        folds = drop_useless_folds(model, cut_folds(rows, make_folds(plan.training, model.training.folds, model.embargo)))
        candidate = assess_recipe(recipe, folds, seed=recipe.seed_on(plan.trained_for), engine=engine or Threads(threads))
        return fit_candidate(candidate, rows)


def _prepare(model: Model, training: TrainingSet, plan: SplitPlan, leak: LeakRule, *, only: Sequence[str] = ()) -> Prepared:
    """Guards and alarms come before any fit; what they refuse leaves no file."""
    started = time.monotonic()
    check_training_set(model, training, plan)
    rows = gather_rows(model, training.rows_of(plan.training), only=only)
    looked_at = thin_to_look(rows)
    alone = rank_alone(looked_at)
    leaks = meet_oracles(model, looked_at, alone, leak)
    cut = cut_folds(rows, make_folds(plan.training, model.training.folds, model.embargo))
    folds = drop_useless_folds(model, cut)
    single = choose_single_feature(model, looked_at, alone)
    recency, suspicions = assess_single_feature(single, folds), (*leaks, *find_suspicions(model, looked_at))
    alarms = (*find_alarms(model, rows, alone), *suspicions, *name_dropped_folds(cut, folds))
    return Prepared(model, training, plan, rows, folds, single, recency, alarms, suspicions, started)


def _turn_to(prepared: Prepared, newest: tuple[TrainingSet, SplitPlan] | None) -> Prepared:
    """The same folds, with other rows to fit in the end."""
    if newest is None:
        return prepared
    training, plan = newest
    check_training_set(prepared.model, training, plan)
    rows = gather_rows(prepared.model, training.rows_of(plan.training))
    return replace(prepared, training=training, plan=plan, rows=rows)


def _complete(prepared: Prepared, recipe: Recipe) -> Recipe:
    """A recipe with the inputs that it reads here, and with what a person ruled about them."""
    names = tuple(feature.name for feature in prepared.rows.features)
    return recipe.complete(names, prepared.model.rulings)


def _describe_search(model: Model, past: SearchHistory, trials: int | None) -> Search:
    wanted = model.training
    return Search(wanted.algorithms, trials or wanted.trials, wanted.timeout_minutes * 60, wanted.seed, past.champion)


def _try_known(prepared: Prepared, recipe: Recipe, engine: Engine) -> Searched:
    rules = prepared.model.training
    return try_known(recipe, prepared.folds, algorithms=rules.algorithms, seed=rules.seed, engine=engine)


def _report_tuning(prepared: Prepared, searched: Searched, because: str, basis: str) -> Tuning:
    return Tuning(
        is_searched=searched.trials > 0,
        because=because,
        recipe=searched.best.recipe,
        basis=basis,
        trials=searched.trials,
        measure=prepared.rows.task.headline.title,
        gain=compare_to_default(searched, prepared.labels),
    )


def _fit(prepared: Prepared, assessed: Assessed, searched: Searched | None, tuning: Tuning | None, *, folder: Path) -> Trained:
    """Fit the challenger and the baselines on every training row, write their files, and report on what was assessed."""
    for fold in prepared.folds:
        fold.forget_bins()
    written = write_all(assessed, prepared.rows, prepared.training.features, folder)
    fold_metrics = tuple(measure_fold(assessed, fold, number) for number, fold in enumerate(prepared.folds, start=1))
    importances = measure_gains(written.challenger)
    curve = draw_learning_curve(assessed.challenger, prepared.folds[-1])
    trained = Trained(
        folder=folder / "challenger",
        recipe=_complete(prepared, assessed.recipe),
        parameters={**state_parameters(prepared.model, assessed.recipe), **count_samples(prepared.training, prepared.rows)},
        rounds=written.challenger.contract.rounds,
        trials=searched.trials if searched else 0,
        metrics={**measure_out_of_fold(assessed), **(measure_search(searched) if searched else {})},
        fold_metrics=fold_metrics,
        tuning=tuning,
        importances=importances,
        learning_curve=curve,
        pictures=draw_pictures(
            folder / "pictures", assessed.challenger, folds=fold_metrics, importances=importances, curve=curve
        ),
        alarms=prepared.alarms,
        manifest=written.manifest,
        plan=prepared.plan,
        data_hash=prepared.training.data_hash,
        seconds=time.monotonic() - prepared.started,
        baselines=written.baselines,
    )
    log_training(prepared.model, trained)
    return trained
