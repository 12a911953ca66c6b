"""One training from rows to files: what it learns, what it refuses to believe, and that it repeats itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from perennial.errors import LeakSuspected, OneClassLabels
from perennial.metrics import auc_with_interval, mean_auc
from perennial.predictor import load_predictor
from perennial.records import SearchHistory, Trained, TrainingSet, dump_json
from perennial.train import train
from tests.training_sets import make_training_set, small_model, small_plan

MODEL = small_model(max_feature_auc=0.9)
PLAN = small_plan(MODEL)
PICTURES = {"learning_curve", "calibration", "importances", "folds"}


def train_small(folder, training: TrainingSet, **training_keys) -> Trained:
    model = small_model(max_feature_auc=0.9, **training_keys)
    return train(model, training, PLAN, folder=folder, threads=1)


@pytest.fixture(scope="module")
def curved(tmp_path_factory) -> Trained:
    """A signal that no straight line sees: boosters win."""
    return train_small(tmp_path_factory.mktemp("curved"), make_training_set(PLAN.training, curved=True))


@pytest.fixture(scope="module")
def straight(tmp_path_factory) -> Trained:
    """A straight signal of two features in few rows: logistic regression wins."""
    return train_small(tmp_path_factory.mktemp("straight"), make_training_set(PLAN.training, two=True))


@pytest.fixture(scope="module")
def noise(tmp_path_factory) -> Trained:
    return train_small(tmp_path_factory.mktemp("noise"), make_training_set(PLAN.training, signal=0.0))


def unseen() -> TrainingSet:
    return make_training_set(PLAN.holdout, curved=True, seed=2)


def test_the_booster_is_the_challenger_where_it_wins(curved):
    assert curved.algorithm in {"xgboost", "lightgbm"}


@pytest.mark.mltest("M5")
def test_logistic_regression_is_itself_the_challenger_where_it_wins(straight):
    assert (straight.algorithm, straight.rounds) == ("logistic", 0)


@pytest.mark.mltest("M5")
def test_a_rule_over_one_feature_is_the_challenger_where_that_one_holds_all(tmp_path):
    trained = train_small(tmp_path, make_training_set(PLAN.training))
    assert (trained.algorithm, trained.recipe.features) == ("single_feature", ("strength",))


def test_the_challenger_loads_and_ranks_unseen_rows(curved):
    predictor = load_predictor(curved.folder, curved.manifest, threads=1)
    scores = pd.Series(predictor.score(unseen().features), index=unseen().labels.index)
    assert mean_auc(scores, unseen().labels) > 0.75


def test_its_scores_are_calibrated_on_unseen_rows(curved):
    predictor = load_predictor(curved.folder, curved.manifest, threads=1)
    assert predictor.score(unseen().features).mean() == pytest.approx(unseen().labels.mean(), abs=0.05)


@pytest.mark.parametrize("name", ["logistic", "recency"])
def test_a_baseline_scores_the_same_rows_from_files_of_its_own(curved, name):
    baseline = curved.baselines[name]
    scores = load_predictor(baseline.folder, baseline.manifest, threads=1).score(unseen().features)
    assert ((scores > 0) & (scores < 1)).all()


def test_the_single_feature_rule_takes_the_feature_that_ranks_best(straight):
    assert straight.baselines["recency"].feature == "strength"


def test_the_single_feature_rule_takes_the_feature_that_the_model_names(tmp_path):
    trained = train_small(tmp_path, make_training_set(PLAN.training), recency="other", trials=1)
    assert trained.baselines["recency"].feature == "other"


def test_random_labels_give_an_auc_of_one_half(noise, tmp_path):
    assessed = make_training_set(PLAN.holdout, signal=0.0, seed=9)
    scores = load_predictor(noise.folder, noise.manifest, threads=1).score(assessed.features)
    found = auc_with_interval(pd.Series(scores, index=assessed.labels.index), assessed.labels)
    assert abs(found.estimate - 0.5) < 4 * found.standard_error


def test_random_labels_give_nothing_out_of_fold_either(noise):
    # 900 out-of-fold rows: the standard error is about .02; early stopping and three trials flatter a little.
    assert noise.metrics["auc"] == pytest.approx(0.5, abs=0.08)


@pytest.mark.mltest("M3")
def test_the_gain_of_tuning_comes_with_its_interval(curved):
    gain = curved.tuning.gain
    assert gain.low <= gain.estimate <= gain.high
    assert gain.estimate >= 0


def test_a_default_that_stays_the_best_gained_nothing(tmp_path):
    trained = train_small(tmp_path, make_training_set(PLAN.training, curved=True), trials=1)
    assert (trained.tuning.gain.estimate, trained.tuning.gain.standard_error) == (0.0, 0.0)


def test_the_last_good_parameters_are_fitted_again_without_a_search(tmp_path, curved):
    past = SearchHistory(last_search=curved.tuning, days_since=7)
    again = train(MODEL, make_training_set(PLAN.training, curved=True), PLAN, folder=tmp_path, past=past, threads=1)
    assert (again.tuning.is_searched, again.trials, again.tuning.recipe) == (False, 0, curved.tuning.recipe)
    assert (again.manifest, again.tuning.gain) == (curved.manifest, curved.tuning.gain)


def test_logistic_regression_is_the_challenger_where_it_wins_also_without_a_search(tmp_path, straight):
    past = SearchHistory(last_search=straight.tuning, days_since=7)
    again = train(MODEL, make_training_set(PLAN.training, two=True), PLAN, folder=tmp_path, past=past, threads=1)
    assert (again.algorithm, again.tuning.is_searched) == ("logistic", False)
    assert again.tuning.recipe.algorithm in {"xgboost", "lightgbm"}


def test_a_training_says_what_it_did_about_its_parameters(curved, caplog, tmp_path):
    with caplog.at_level("INFO", logger="perennial.train"):
        trained = train_small(tmp_path, make_training_set(PLAN.training, curved=True))
    assert trained.tuning.sentence.startswith("Nothing was searched before. Of 3 trials the best ")
    assert trained.tuning.sentence in caplog.text


def test_metrics_are_kept_for_every_fold(curved):
    assert [fold["fold"] for fold in curved.fold_metrics] == [1.0, 2.0]


def nobody_before(day: str) -> TrainingSet:
    """The first fold trains on 03-27 .. 04-10, the second on 03-27 .. 05-01."""
    training = make_training_set(PLAN.training)
    early = training.features.index.get_level_values("as_of") < pd.Timestamp(day)
    return replace(training, labels=training.labels.where(~early, 0))


def test_a_fold_of_one_class_is_left_out_and_named(tmp_path):
    trained = train_small(tmp_path, nobody_before("2017-04-17"), trials=1)
    assert len(trained.fold_metrics) == 1
    dropped = "training 2017-03-27 .. 2017-04-10, validation 2017-05-08 .. 2017-05-22"
    assert trained.alarms[-1] == f"Left out for labels of one class only: {dropped}."


def test_folds_that_are_all_of_one_class_are_refused_with_their_as_ofs(tmp_path):
    with pytest.raises(OneClassLabels, match=r"2017-03-27 .. 2017-04-10.*2017-03-27 .. 2017-05-01"):
        train_small(tmp_path, nobody_before("2017-05-08"))


def test_all_metrics_are_finite(curved):
    assert np.isfinite(list(curved.metrics.values())).all()


def test_importances_are_shares_that_find_the_signal(curved):
    assert next(iter(curved.importances)) == "strength"
    assert sum(curved.importances.values()) == pytest.approx(1.0)


def test_the_learning_curve_counts_as_ofs(curved):
    assert list(curved.learning_curve) == [1, 3, 6]


def test_the_pictures_are_png_files(curved):
    heads = {name: path.read_bytes()[:4] for name, path in curved.pictures.items()}
    assert heads == dict.fromkeys(PICTURES, b"\x89PNG")


def test_the_record_is_plain_json(curved):
    assert '"algorithm":' in dump_json(curved)


def test_the_same_rows_give_the_same_files_in_a_folder_used_before(tmp_path, curved):
    train_small(tmp_path, make_training_set(PLAN.training), trials=1)
    again = train_small(tmp_path, make_training_set(PLAN.training, curved=True))
    assert (again.manifest, again.metrics) == (curved.manifest, curved.metrics)
    assert load_predictor(again.folder, again.manifest, threads=1)


def test_a_leak_stops_the_training_before_anything_is_written(tmp_path):
    honest = make_training_set(PLAN.training)
    leaking = replace(honest, features=honest.features.assign(gone=honest.labels.astype(float)))
    with pytest.raises(LeakSuspected, match="gone"):
        train_small(tmp_path, leaking)
    assert list(tmp_path.iterdir()) == []
