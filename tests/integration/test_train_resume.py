"""A training that is killed in the middle of its search goes on where it was, and ends where it would have ended."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import optuna
import pytest
from sqlalchemy import create_engine, inspect

from ml.config import ROOT
from ml.train import train
from tests.training_sets import make_training_set, small_model, small_plan

MODEL = small_model(trials=14)
PLAN = small_plan(MODEL)
PATIENCE_SECONDS = 120
CHILD = """
import sys
from pathlib import Path
from tests.integration.test_train_resume import train_all
train_all(Path(sys.argv[1]), sys.argv[2])
"""


def train_all(folder, storage_url):
    training = make_training_set(PLAN.training, curved=True, signal=1.0)
    return train(MODEL, training, PLAN, folder=folder, storage_url=storage_url, study_name="resumed", threads=1)


def read_trials(storage_url) -> list[tuple[str, float | None]]:
    """State and value of every stored trial, in order; empty while the study does not exist yet."""
    engine = create_engine(storage_url)
    is_made = inspect(engine).has_table("trial_values")
    engine.dispose()
    if not is_made:
        return []
    storage = optuna.storages.RDBStorage(storage_url)
    trials = [trial for study in storage.get_all_studies() for trial in storage.get_all_trials(study._study_id)]
    storage.remove_session()
    storage.engine.dispose()
    return [(trial.state.name, trial.value if trial.state.name == "COMPLETE" else None) for trial in trials]


def kill_after_some_trials(folder, storage_url) -> list[tuple[str, float | None]]:
    """Start a training in a child, kill it with -9 once at least four trials are stored; what was stored by then."""
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(folder), storage_url], cwd=ROOT)
    give_up = time.monotonic() + PATIENCE_SECONDS
    while len(read_trials(storage_url)) < 4 and child.poll() is None and time.monotonic() < give_up:
        time.sleep(0.05)
    child.send_signal(signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL
    return read_trials(storage_url)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("uninterrupted")
    url = f"sqlite:///{folder}/study.db"
    return train_all(folder / "files", url), read_trials(url)


@pytest.fixture(scope="module")
def resumed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("resumed")
    url = f"sqlite:///{folder}/study.db"
    before = kill_after_some_trials(folder / "killed", url)
    return before, train_all(folder / "files", url), read_trials(url)


def test_the_kill_came_in_the_middle_of_the_search(resumed):
    assert 4 <= len(resumed[0]) < 14


def test_a_kill_leaves_no_half_trial(resumed):
    assert {state for state, _ in resumed[0]} <= {"COMPLETE", "PRUNED"}


def test_the_trials_finished_before_the_kill_are_not_run_again(resumed):
    before, _, after = resumed
    assert (before, len(after)) == (after[: len(before)], 14)


def test_the_resumed_search_tried_what_the_uninterrupted_one_tried(uninterrupted, resumed):
    assert uninterrupted[1] == resumed[2]


def test_the_resumed_training_wrote_the_files_of_the_uninterrupted_one(uninterrupted, resumed):
    expected, found = uninterrupted[0], resumed[1]
    assert (expected.manifest, expected.parameters, expected.metrics) == (found.manifest, found.parameters, found.metrics)


def test_the_study_is_kept_in_the_tuning_schema_of_the_warehouse(tmp_path, warehouse_urls):
    url = f"{warehouse_urls.pipeline}?options=-csearch_path%3Dtuning"
    first = train_all(tmp_path / "first", url)
    again = train_all(tmp_path / "again", url)
    assert (first.manifest, len(read_trials(url))) == (again.manifest, 14)
