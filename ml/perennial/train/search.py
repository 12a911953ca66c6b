"""The search for a recipe: every trial is assessed on the folds, in their order of time, and dropped once it lags."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median

import numpy as np
import optuna
from optuna.trial import FrozenTrial, TrialState

from perennial.metrics import sum_weights
from perennial.records import Recipe
from perennial.tasks import Library, Scores, Task, stack_scores
from perennial.train.boosters import REGULARISED_DEFAULTS
from perennial.train.engine import Engine
from perennial.train.inputs import Floats
from perennial.train.rows import FoldRows
from perennial.train.study import (
    FINISHED,
    NUMBER,
    SECONDS,
    Search,
    ask_trial,
    is_over,
    keep_trials,
    open_study,
    read_finished,
    recipe_of,
    state_limits,
    suggest_recipe,
)

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Tried:
    """One recipe over all folds.

    Attributes:
        merit: that of the task's headline, more is better: the mean over the validated as_ofs; `loss` is the task's.
        rounds: where early stopping ended in each fold.
        raw: out-of-fold scores, not calibrated, indexed by (as_of, entity_id).
    """

    recipe: Recipe
    task: Task
    merit: float
    loss: float
    rounds: tuple[int, ...]
    raw: Scores

    @property
    def value(self) -> float:
        """Of the headline, as people read it."""
        return -self.merit if self.task.headline.is_lower_better else self.merit

    @property
    def order(self) -> tuple[float, float]:
        """The best has the highest: of equal merits the lower loss decides."""
        return self.task.round_merit(self.merit), -self.loss

    @property
    def median_rounds(self) -> int:
        """What the final fit uses."""
        return max(1, int(median(self.rounds)))


@dataclass(frozen=True, eq=False)
class Searched:
    """The best trial and the better regularised default, with what the search cost."""

    best: Tried
    default: Tried
    trials: int
    pruned: int
    fold_fits: int


@dataclass(frozen=True, eq=False)
class Course:
    """The folds that every recipe runs over, and where."""

    folds: Sequence[FoldRows]
    seed: int
    engine: Engine

    @property
    def task(self) -> Task:
        """Of the model whose rows these are."""
        return self.folds[0].training.task

    def run(self, recipe: Recipe) -> Iterator[Tried]:
        """Fold by fold, oldest first; whoever stops listening saves the fits that have not begun."""
        for fold, (scores, rounds) in zip(self.folds, self.engine.validate(recipe, self.seed, self.folds), strict=True):
            yield _judge(recipe, fold, scores, rounds)


def search_recipe(
    folds: Sequence[FoldRows], search: Search, *, storage_url: str | None, study_name: str, engine: Engine
) -> Searched:
    """Run the trials that are still missing, then give the best.

    Args:
        storage_url: where finished trials are kept, so that a killed training resumes; None keeps them in memory.
    """
    with keep_trials(storage_url, study_name) as stored:
        course = Course(folds, search.seed, engine)
        state_limits(stored, search)
        study = open_study(search, read_finished(stored, search))
        kept = _run_trials(study, stored, search, course)
        return _conclude(_finished(study), kept, course)


def try_recipe(recipe: Recipe, folds: Sequence[FoldRows], *, seed: int, engine: Engine) -> Tried:
    """Assess one recipe, and nothing beside it."""
    return _join(list(Course(folds, seed, engine).run(recipe)))


def try_known(recipe: Recipe, folds: Sequence[FoldRows], *, algorithms: Sequence[Library], seed: int, engine: Engine) -> Searched:
    """Assess a known recipe without a search, beside the better of the regularised defaults."""
    course = Course(folds, seed, engine)
    defaults = [_join(list(course.run(REGULARISED_DEFAULTS[algorithm]))) for algorithm in algorithms]
    best = next((tried for tried in defaults if tried.recipe == recipe), None) or _join(list(course.run(recipe)))
    default = max(defaults, key=lambda tried: tried.order)
    fitted = {id(tried) for tried in (best, *defaults)}
    return Searched(best, default, trials=0, pruned=0, fold_fits=len(fitted) * len(folds))


def _run_trials(study: optuna.Study, stored: optuna.Study, search: Search, course: Course) -> dict[int, Tried]:
    """Until there are enough or the time is over; the complete ones of this attempt by number."""
    kept: dict[int, Tried] = {}
    while not is_over(_finished(study), search):
        number = len(_finished(study))
        tried = _run_trial(study, search, number, course)
        kept.update({} if tried is None else {number: tried})
        stored.add_trial(_finished(study)[-1])
    if len(_finished(study)) < search.trials:
        log.info("search: ended by its timeout after %d of %d trials", len(_finished(study)), search.trials)
    return kept


def _finished(study: optuna.Study) -> list[FrozenTrial]:
    return study.get_trials(deepcopy=False, states=FINISHED)


def _run_trial(study: optuna.Study, search: Search, number: int, course: Course) -> Tried | None:
    """Assess one recipe fold by fold; None when it was pruned."""
    started = time.monotonic()
    trial = ask_trial(study, search, number)
    trial.set_user_attr(NUMBER, number)
    recipe = suggest_recipe(trial, search)
    parts: list[Tried] = []
    for step, part in enumerate(course.run(recipe)):
        parts.append(part)
        trial.report(_mean_merit(parts), step)
        if step < len(course.folds) - 1 and trial.should_prune():
            trial.set_user_attr(SECONDS, time.monotonic() - started)
            study.tell(trial, state=TrialState.PRUNED)
            return None
    tried = _join(parts)
    trial.set_user_attr(tried.task.loss.name, tried.loss)
    trial.set_user_attr("rounds", list(tried.rounds))
    trial.set_user_attr(SECONDS, time.monotonic() - started)
    study.tell(trial, tried.merit)
    return tried


def _judge(recipe: Recipe, fold: FoldRows, scores: Floats, rounds: int) -> Tried:
    raw, labels = fold.validation.frame(scores), fold.validation.named
    task = fold.validation.task
    return Tried(recipe, task, task.headline.merit(raw, labels), task.loss.value(raw, labels), (rounds,), raw)


def _mean_merit(parts: Sequence[Tried]) -> float:
    """Mean over as_ofs: a fold counts as often as it validates as_ofs."""
    return float(np.average([part.merit for part in parts], weights=[_as_ofs(part) for part in parts]))


def _as_ofs(part: Tried) -> int:
    return int(part.raw.index.get_level_values("as_of").nunique())


def _join(parts: Sequence[Tried]) -> Tried:
    loss = float(np.average([part.loss for part in parts], weights=[sum_weights(part.raw.index) for part in parts]))
    rounds = tuple(part.rounds[0] for part in parts)
    return Tried(parts[0].recipe, parts[0].task, _mean_merit(parts), loss, rounds, stack_scores([part.raw for part in parts]))


def _conclude(trials: list[FrozenTrial], kept: dict[int, Tried], course: Course) -> Searched:
    complete = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    order = partial(_order, course.task)
    best = max(complete, key=order)
    default = max((trial for trial in complete if trial.user_attrs.get("origin") == "default"), key=order)
    return Searched(
        best=_recall(best, kept, course),
        default=_recall(default, kept, course),
        trials=len(trials),
        pruned=len(trials) - len(complete),
        fold_fits=sum(len(trial.intermediate_values) for trial in trials),
    )


def _order(task: Task, trial: FrozenTrial) -> tuple[float, float, int]:
    assert trial.value is not None
    return task.round_merit(trial.value), -trial.user_attrs[task.loss.name], -trial.number


def _recall(trial: FrozenTrial, kept: dict[int, Tried], course: Course) -> Tried:
    """The out-of-fold rows of a trial; those of an earlier attempt are fitted again, to the same values."""
    if trial.number not in kept:
        kept[trial.number] = _join(list(course.run(recipe_of(trial))))
    return kept[trial.number]
