"""Whoever waits for a training sees how many trials of its search are done, wherever it runs."""

from __future__ import annotations

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from pathlib import Path

import optuna
import pytest
import typer
from optuna.trial import TrialState

from perennial import pipeline
from perennial.cli import searching
from perennial.config import Settings
from perennial.records import SearchProgress
from perennial.train import train
from perennial.train.study import NUMBER, SECONDS, Search, keep_trials, state_limits
from tests.training_sets import make_training_set, small_model, small_plan

TRIALS = 6
MODEL = small_model(trials=TRIALS)
PLAN = small_plan(MODEL)
SEARCH = Search(("xgboost",), trials=TRIALS, timeout_seconds=60, seed=7)
STUDY = f"{MODEL.name}-0123456789ab"


class Terminal(StringIO):
    """A terminal that remembers what was written."""

    def isatty(self):
        return True


@pytest.fixture
def stores(warehouse_urls, tmp_path):
    """An installation in which nothing was ever searched."""
    settings = Settings(warehouse_url=warehouse_urls.pipeline, owner_url="", mlflow_uri="", home=tmp_path, artifacts=tmp_path)
    with pipeline.open_stores(settings) as opened:
        yield opened


@pytest.fixture
def kept(stores):
    """A study that says when it will be over, as a search opens it."""
    with keep_trials(stores.warehouse.url_in_schema("tuning"), STUDY) as stored:
        state_limits(stored, SEARCH)
        yield stored


def store_trial(stored: optuna.Study, number: int, seconds: float = 2.0) -> None:
    attributes = {NUMBER: number, SECONDS: seconds}
    stored.add_trial(optuna.trial.create_trial(value=0.8, state=TrialState.COMPLETE, user_attrs=attributes))


def train_here(stores: pipeline.Stores, folder: Path) -> int:
    training = make_training_set(PLAN.training, curved=True, signal=1.0)
    return train(MODEL, training, PLAN, folder=folder, storage_url=stores.warehouse.url_in_schema("tuning"), threads=1).trials


def test_a_real_training_is_seen_trial_by_trial_up_to_its_last(stores, tmp_path):
    watch = pipeline.SearchWatch(stores, MODEL.name)
    assert watch.look() is None
    seen: list[SearchProgress] = []
    with ThreadPoolExecutor() as pool:
        training = pool.submit(train_here, stores, tmp_path)
        while not training.done():
            seen += filter(None, [watch.look()])
            time.sleep(0.02)
    assert training.result() == TRIALS
    done = [progress.done for progress in seen]
    assert done == sorted(done)
    assert len(set(done)) > 2
    assert watch.look().sentence == f"{TRIALS} of {TRIALS} trials done"


def test_a_search_that_was_killed_long_ago_is_not_going_on(stores, kept):
    store_trial(kept, 0)
    watch = pipeline.SearchWatch(stores, MODEL.name)
    assert watch.look() is None
    store_trial(kept, 1)
    assert watch.look().sentence == f"2 of {TRIALS} trials done, about 8 s left"


def test_a_trial_that_two_attempts_stored_counts_once(stores, kept):
    watch = pipeline.SearchWatch(stores, MODEL.name)
    watch.look()
    store_trial(kept, 0, seconds=2.0)
    store_trial(kept, 0, seconds=9.0)
    assert watch.look() == SearchProgress(STUDY, done=1, wanted=TRIALS, seconds=2.0, limit_seconds=60.0)


def test_the_search_of_another_model_is_not_ours(stores, kept):
    watch = pipeline.SearchWatch(stores, MODEL.name[:-1])
    watch.look()
    store_trial(kept, 0)
    assert watch.look() is None


def test_a_silent_postgresql_ends_nobodys_waiting(stores, tmp_path):
    nowhere = Settings("postgresql+psycopg2://nobody@127.0.0.1:1/none", "", mlflow_uri="", home=tmp_path, artifacts=tmp_path)
    with pipeline.open_stores(nowhere) as silent:
        assert pipeline.SearchWatch(silent, MODEL.name).look() is None


def test_a_shell_sees_it_in_place_on_stderr_and_results_in_between_take_the_line_away(stores, kept, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stderr", output := Terminal())
    monkeypatch.setattr(searching, "LOOK_SECONDS", 0.05)
    with searching.show_search(stores, MODEL.name) as speak:
        time.sleep(0.5)
        store_trial(kept, 0)
        while "trials done" not in output.getvalue():
            time.sleep(0.05)
        with speak():
            assert output.getvalue().endswith("\r\x1b[K")
            typer.echo("a snapshot")
    assert f"train {MODEL.name}: 1 of {TRIALS} trials done, about 10 s left" in output.getvalue()
    assert output.getvalue().endswith("\r\x1b[K")
    assert capsys.readouterr().out == "a snapshot\n"
