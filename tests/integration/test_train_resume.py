"""A training that is killed in the middle of its search, however often, ends where it would have ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import optuna
import pytest

from perennial.records import Trained
from perennial.train import train
from perennial.train.study import NUMBER
from tests.paths import ROOT
from tests.training_sets import make_training_set, small_model, small_plan

TRIALS = 12
KILLS = (0, 3, 6)  # in the middle of this trial, counted from 0, so that as many are stored
MODEL = small_model(trials=TRIALS)
PLAN = small_plan(MODEL)
PATIENCE_SECONDS = 120
CHILD = """
import os
from pathlib import Path
from tests.integration.test_train_resume import die_in_trial, train_all
die_in_trial(int(os.environ["DIES_IN_TRIAL"]))
train_all(Path(os.environ["FOLDER"]), os.environ["STORAGE"])
"""


@dataclass(frozen=True)
class Ended:
    """A training that came to its end; what was stored before each kill, and at last."""

    trained: Trained
    before: tuple[list[tuple[str, float | None]], ...]
    stored: list[tuple[str, float | None]]


def train_all(folder: Path, storage_url: str) -> Trained:
    training = make_training_set(PLAN.training, curved=True, signal=1.0)
    return train(MODEL, training, PLAN, folder=folder, storage_url=storage_url, study_name="resumed", threads=1)


def die_in_trial(number: int) -> None:
    """This process kills itself with -9 when the trial has assessed its first fold."""
    report = optuna.Trial.report

    def report_or_die(trial: optuna.Trial, value: float, step: int) -> None:
        if trial.user_attrs[NUMBER] == number:
            os.kill(os.getpid(), signal.SIGKILL)
        report(trial, value, step)

    optuna.Trial.report = report_or_die


def start_child(folder: Path, storage_url: str, dies_in_trial: int = TRIALS) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "FOLDER": str(folder), "STORAGE": storage_url, "DIES_IN_TRIAL": str(dies_in_trial)}
    return subprocess.Popen([sys.executable, "-c", CHILD], cwd=ROOT, env=environment)


def read_trials(storage_url: str) -> list[tuple[str, float | None]]:
    """State and value of every stored trial, in order."""
    storage = optuna.storages.RDBStorage(storage_url, skip_table_creation=True, skip_compatibility_check=True)
    trials = [trial for study in storage.get_all_studies() for trial in storage.get_all_trials(study._study_id)]
    storage.remove_session()
    storage.engine.dispose()
    return [(trial.state.name, trial.value if trial.state.name == "COMPLETE" else None) for trial in trials]


def kill_in_trial(number: int, folder: Path, storage_url: str) -> list[tuple[str, float | None]]:
    """Run a training in a child until it dies in this trial; what was stored by then."""
    child = start_child(folder, storage_url, dies_in_trial=number)
    assert child.wait(PATIENCE_SECONDS) == -signal.SIGKILL
    return read_trials(storage_url)


@pytest.fixture(scope="module")
def open_tuning(postgres, migrated_template):
    """Makes a warehouse of its own; the address of its tuning schema."""

    def open_it(name: str) -> str:
        postgres.make(name, template=migrated_template)
        return f"{postgres.url(name, 'pipeline')}?options=-csearch_path%3Dtuning"

    return open_it


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory, open_tuning) -> Ended:
    url = open_tuning("uninterrupted")
    trained = train_all(tmp_path_factory.mktemp("uninterrupted"), url)
    return Ended(trained, (), read_trials(url))


@pytest.fixture(scope="module")
def resumed(tmp_path_factory, open_tuning) -> Ended:
    folder, url = tmp_path_factory.mktemp("resumed"), open_tuning("resumed")
    before = tuple(kill_in_trial(number, folder / "killed", url) for number in KILLS)
    return Ended(train_all(folder / "files", url), before, read_trials(url))


def test_the_kills_came_in_the_middle_of_the_search(resumed):
    assert tuple(len(stored) for stored in resumed.before) == KILLS


def test_a_kill_leaves_no_half_trial(resumed):
    assert {state for stored in resumed.before for state, _ in stored} <= {"COMPLETE", "PRUNED"}


def test_the_trials_finished_before_a_kill_are_not_run_again(resumed):
    assert [resumed.stored[: len(stored)] for stored in resumed.before] == list(resumed.before)
    assert len(resumed.stored) == TRIALS


def test_the_resumed_search_tried_what_the_uninterrupted_one_tried(uninterrupted, resumed):
    assert uninterrupted.stored == resumed.stored


@pytest.mark.mltest("I2")
def test_the_resumed_training_wrote_the_files_of_the_uninterrupted_one(uninterrupted, resumed):
    expected, found = uninterrupted.trained, resumed.trained
    assert (expected.manifest, expected.parameters, expected.metrics) == (found.manifest, found.parameters, found.metrics)


def test_a_training_that_is_done_runs_no_trial_again(uninterrupted, tmp_path, open_tuning):
    again = train_all(tmp_path, open_tuning("uninterrupted"))
    assert (again.manifest, read_trials(open_tuning("uninterrupted"))) == (uninterrupted.trained.manifest, uninterrupted.stored)


def test_two_trainings_side_by_side_end_alike(uninterrupted, tmp_path, open_tuning):
    url = open_tuning("side_by_side")
    child = start_child(tmp_path / "child", url)
    found = train_all(tmp_path / "own", url)
    assert (child.wait(PATIENCE_SECONDS), found.manifest) == (0, uninterrupted.trained.manifest)
