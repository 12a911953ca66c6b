"""One fit that several processes share, without Dask: the same booster everywhere and every time, or an error for who is left."""

from __future__ import annotations

import multiprocessing
import os
import signal
from dataclasses import replace

import lightgbm
import pandas as pd
import pytest
import xgboost

from perennial.errors import WorkersUnavailable
from perennial.metrics import mean_auc
from perennial.train import Place, deal_days, find_port, fit_share, join_rows, open_tracker, score_shared, want_fit
from perennial.train.boosters import REGULARISED_DEFAULTS, validate_recipe
from perennial.train.rows import cut_folds, gather_rows
from perennial.train.splits import make_folds
from tests.integration.stage_process import WAIT_SECONDS
from tests.training_sets import class_model, make_classes, make_training_set, small_model, small_plan

HOST, SEED = "127.0.0.1", 7
ALGORITHMS = ["xgboost", "lightgbm"]
PLAN = small_plan(small_model())


def know_every_other_day():
    """What says most is missing on every other day, so on all that one of two processes holds."""
    training = make_training_set(PLAN.training, entities=400)
    is_dealt = training.features.index.get_level_values("as_of").isin(pd.to_datetime(list(PLAN.training[::2])))
    return replace(training, features=training.features.assign(strength=training.features["strength"].mask(is_dealt)))


KINDS = {
    "yes or no": (small_model(), make_training_set(PLAN.training, entities=400)),
    "classes": (class_model(), make_classes(PLAN.training)),
}
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["tests.integration.test_train_spread"])


ODD = {"known every other day": (small_model(), know_every_other_day())}


def find_fold(kind):
    model, training = (KINDS | ODD)[kind]
    rows = gather_rows(model, training)
    return cut_folds(rows, make_folds(PLAN.training, 2, model.embargo))[-1]


def work(kind, wanted, place, dying, answers):
    """One process of those that share the fit; one that dies does so after a few rounds."""
    if place.rank == dying:
        xgboost.callback.EarlyStopping = DieInRound
        lightgbm.early_stopping = lambda *_, **__: die_in_round
    fold = find_fold(kind)
    mine = [fold.fold.training[each] for each in deal_days(fold.fold.training, len(place.machines))[place.rank]]
    rows = join_rows([fold.training.on((day,)) for day in mine])
    try:
        answers.put((place.rank, *fit_share(wanted, place, rows, None if wanted.rounds else fold.validation)))
    except WorkersUnavailable as error:
        answers.put((place.rank, str(error), 0))


class DieInRound(xgboost.callback.TrainingCallback):
    def __init__(self, **_):
        super().__init__()

    def after_iteration(self, model, epoch, evals_log):
        die(epoch)
        return False


def die_in_round(environment):
    die(environment.iteration)


def die(number):
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)


def share(kind, algorithm, rounds=None, processes=2, dying=None):
    """What each process that lives came to, by its rank."""
    wanted = want_fit(REGULARISED_DEFAULTS[algorithm], SEED, find_fold(kind).training, rounds)
    machines = tuple(f"{HOST}:{find_port(HOST)}" for _ in range(processes))
    tracker, answers = open_tracker(processes, HOST), CONTEXT.Queue()
    children = [
        CONTEXT.Process(target=work, args=(kind, wanted, Place(rank, machines, tracker), dying, answers))
        for rank in range(processes)
    ]
    for child in children:
        child.start()
    found = sorted(answers.get(timeout=WAIT_SECONDS) for rank in range(processes) if rank != dying)
    for child in children:
        child.join(WAIT_SECONDS)
    return found


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_process_has_the_same_booster_and_so_has_a_rerun(algorithm, kind):
    recipe = REGULARISED_DEFAULTS[algorithm]
    (_, booster, rounds), *others = share(kind, algorithm, processes=3)
    assert [(booster, rounds)] * 2 == [(each, number) for _, each, number in others]
    assert (0, booster, rounds) == share(kind, algorithm, processes=3)[0]
    fold = find_fold(kind)
    local, _ = validate_recipe(recipe, SEED, fold)
    scores = score_shared(recipe, booster, fold)
    assert scores.shape == local.shape
    assert abs(scores - local).mean() < 0.05


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_column_that_one_process_never_sees_filled_teaches_all_the_same(algorithm):
    (_, booster, _), _ = share("known every other day", algorithm, 60)
    fold = find_fold("known every other day")
    recipe = REGULARISED_DEFAULTS[algorithm]
    both = score_shared(recipe, booster, fold), validate_recipe(recipe, SEED, fold)[0]
    ours, theirs = (mean_auc(fold.validation.frame(scores), fold.validation.named) for scores in both)
    assert ours > theirs - 0.03 > 0.6


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_known_rounds_are_fitted_and_the_file_says_nothing_of_where(algorithm):
    (_, booster, rounds), _ = share("yes or no", algorithm, 12)
    assert rounds == 12
    assert HOST.encode() not in booster
    fold = find_fold("yes or no")
    scores = fold.validation.frame(score_shared(REGULARISED_DEFAULTS[algorithm], booster, fold))
    assert mean_auc(scores, fold.validation.named) > 0.7


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_who_is_left_when_another_dies_says_so(algorithm):
    ((rank, said, _),) = share("yes or no", algorithm, dying=1)
    assert rank == 0
    assert said.startswith("lapse: workers that shared a fit lost each other (")
