"""Optuna's part: one study over both libraries, tuned in memory, kept trial by trial in the tuning schema.

A trial in Optuna's own database costs 224 ms against 9 in memory, most of it bookkeeping while the trial runs. So the
study lives in memory and every *finished* trial is stored with one call. A killed training leaves no half trial: the
next attempt reads what was finished and goes on. Each trial has a sampler of its own, seeded by its number, so that what
it proposes depends on the finished trials alone: interrupted however often, the study ends with the same parameters.

The time limit counts what finished trials took, over all attempts, and each trial keeps its own. An interruption therefore
buys no further trial and costs none; a search that its limit has ended stays ended. How many trials fit into a limit
depends on the machine, so that only a search which its number of trials ends repeats itself anywhere.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from statistics import median

import optuna
from optuna.pruners import BasePruner
from optuna.trial import FrozenTrial, TrialState

from perennial.records import Recipe
from perennial.tasks import Library
from perennial.train.boosters import REGULARISED_DEFAULTS, SPACES, Range, read_recipe

NUMBER = "number"  # within its search; the storage counts on its own
SECONDS = "seconds"  # that a trial took in the attempt that finished it
TRIALS, LIMIT_SECONDS = "trials", "limit_seconds"  # of a study: when it will be over
TRAINED_FOR = "trained_for"  # of a study: the newest day whose training searched these rows
FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)
UNPRUNED_TRIALS = 3  # both regularised defaults and the champion's parameters always finish
RANDOM_TRIALS = 8  # before the sampler models anything; the demo's 12 trials are then not all random
SEEDS_PER_STUDY = 100_003  # trials of one study never share a seed with those of the next seed's


@dataclass(frozen=True)
class Search:
    """What one search may do; two searches with equal values over the same rows are the same search.

    Attributes:
        timeout_seconds: no further trial begins once the finished ones took so long together.
        warm_start: the champion's parameters.
        trained_for: the day of the training, by which the study grows old; no trial depends on it.
    """

    algorithms: tuple[Library, ...]
    trials: int
    timeout_seconds: float
    seed: int
    warm_start: Mapping[str, object] | None = None
    trained_for: date | None = None


class RunningMedian(BasePruner):
    """Prune a trial whose mean over the folds so far is below the median that finished trials had at the same fold.

    Optuna's own MedianPruner compares a trial's best intermediate value instead, which on folds of unequal difficulty
    is simply the easiest fold.
    """

    def prune(self, study: optuna.Study, trial: FrozenTrial) -> bool:
        step = trial.last_step
        if step is None:
            return False
        others = study.get_trials(deepcopy=False, states=FINISHED)
        seen = [other.intermediate_values[step] for other in others if step in other.intermediate_values]
        return len(seen) >= UNPRUNED_TRIALS and trial.intermediate_values[step] < median(seen)


def open_study(search: Search, stored: Sequence[FrozenTrial]) -> optuna.Study:
    """A study in memory that knows the stored trials and tries the defaults and the champion's parameters first."""
    study = optuna.create_study(direction="maximize", pruner=RunningMedian())
    for trial in stored:
        study.add_trial(trial)
    for origin, recipe in _first_recipes(search)[len(stored) :]:
        named = {f"{recipe.algorithm}.{name}": value for name, value in recipe.parameters.items()}
        study.enqueue_trial({"algorithm": recipe.algorithm, **named}, user_attrs={"origin": origin})
    return study


def _first_recipes(search: Search) -> list[tuple[str, Recipe]]:
    defaults = [REGULARISED_DEFAULTS[algorithm] for algorithm in search.algorithms]
    first = [("default", recipe) for recipe in defaults]
    champion = read_recipe(search.warm_start, search.algorithms) if search.warm_start else None
    return first if champion is None or champion in defaults else [*first, ("champion", champion)]


def is_over(finished: Sequence[FrozenTrial], search: Search) -> bool:
    """Does no further trial follow these? Those that are enqueued run in any case: there must be a default to compare with."""
    spent = sum(trial.user_attrs[SECONDS] for trial in finished)
    is_late = spent >= search.timeout_seconds and len(finished) >= len(_first_recipes(search))
    return is_late or len(finished) >= search.trials


def read_finished(stored: optuna.Study, search: Search) -> list[FrozenTrial]:
    """The stored trials in the order of their numbers, up to the first gap or the end of this search.

    Two attempts side by side store the same trials twice; of each number the first counts, whoever reads.
    """
    trials = stored.get_trials(deepcopy=False, states=FINISHED)
    by_number = {trial.user_attrs[NUMBER]: trial for trial in reversed(trials)}
    finished: list[FrozenTrial] = []
    while len(finished) in by_number and not is_over(finished, search):
        finished.append(by_number[len(finished)])
    return finished


def state_limits(stored: optuna.Study, search: Search) -> None:
    """Write into the study when it will be over, and for which day it is, for those who look at it from outside."""
    stored.set_user_attr(TRIALS, search.trials)
    stored.set_user_attr(LIMIT_SECONDS, search.timeout_seconds)
    if search.trained_for is not None:
        stored.set_user_attr(TRAINED_FOR, search.trained_for.isoformat())


def ask_trial(study: optuna.Study, search: Search, number: int) -> optuna.Trial:
    """The next trial, proposed by a sampler that knows the finished trials and its own number, nothing else."""
    study.sampler = optuna.samplers.TPESampler(seed=search.seed * SEEDS_PER_STUDY + number, n_startup_trials=RANDOM_TRIALS)
    return study.ask()


def suggest_recipe(trial: optuna.Trial, search: Search) -> Recipe:
    """Choose a library, then a value from each range of its space."""
    chosen = trial.suggest_categorical("algorithm", list(search.algorithms))
    algorithm = next(each for each in search.algorithms if each == chosen)
    return Recipe(algorithm, {name: _suggest(trial, f"{algorithm}.{name}", space) for name, space in SPACES[algorithm].items()})


def _suggest(trial: optuna.Trial, name: str, space: Range) -> float | int:
    if space.is_integer:
        return trial.suggest_int(name, int(space.low), int(space.high), log=space.is_log)
    return trial.suggest_float(name, space.low, space.high, log=space.is_log)


def recipe_of(trial: FrozenTrial) -> Recipe:
    """The recipe that a finished trial tried."""
    algorithm: Library = trial.params["algorithm"]
    return Recipe(algorithm, {name: trial.params[f"{algorithm}.{name}"] for name in SPACES[algorithm]})


def name_study(name: str, search: Search, data_hash: str, folds: object) -> str:
    """The study's name and a fingerprint of all that its trials depend on: another search never resumes these trials."""
    asked = [data_hash, search.algorithms, search.seed, search.warm_start, repr(folds), repr(SPACES)]
    return f"{name}-{hashlib.sha256(json.dumps(asked, default=str, sort_keys=True).encode()).hexdigest()[:12]}"


@contextmanager
def keep_trials(storage_url: str | None, name: str) -> Iterator[optuna.Study]:
    """The stored study, in memory only when there is no address; its connections are closed at the end.

    What the database says when it fails comes as it was said, whether Optuna wraps it or not.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)  # the stage writes one line itself
    storage = optuna.storages.RDBStorage(storage_url) if storage_url else optuna.storages.InMemoryStorage()
    try:
        yield optuna.create_study(storage=storage, study_name=name, direction="maximize", load_if_exists=True)
    except optuna.exceptions.StorageInternalError as error:
        raise error.__cause__ or error from None
    finally:
        storage.remove_session()
        if isinstance(storage, optuna.storages.RDBStorage):
            storage.engine.dispose()


def drop_studies(storage_url: str, names: Sequence[str]) -> None:
    """Delete studies with their trials; those that are gone already are passed over.

    What the database says when it fails comes as it was said, whether Optuna wraps it or not.
    """
    storage = optuna.storages.RDBStorage(storage_url, skip_table_creation=True)
    try:
        for name in names:
            with suppress(KeyError):
                optuna.delete_study(study_name=name, storage=storage)
    except optuna.exceptions.StorageInternalError as error:
        raise error.__cause__ or error from None
    finally:
        storage.remove_session()
        storage.engine.dispose()
