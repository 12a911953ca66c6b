"""Classes from rows to files: both headlines learn, repeat themselves, and find nothing where there is nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from perennial.config import Model
from perennial.errors import LeakSuspected
from perennial.predictor import Predictor, load_predictor
from perennial.records import Interval, Trained, TrainingSet
from perennial.tasks import Task, frame_scores, task_of
from perennial.train import fit_predictor, refit, train, train_short
from perennial.train.boosters import REGULARISED_DEFAULTS
from tests.training_sets import class_model, make_classes, small_plan

PLAN = small_plan(class_model())
NAMES = ("bakery", "dairy", "gifts", "produce")


@dataclass(frozen=True, eq=False)
class Case:
    """A training of classes under one metric, and rows that it has not seen."""

    model: Model
    rows: TrainingSet
    unseen: TrainingSet
    trained: Trained

    @property
    def task(self) -> Task:
        return task_of(self.model)

    @property
    def predictor(self) -> Predictor:
        return load_predictor(self.trained.folder, self.trained.manifest, threads=1)

    def gain_on_shares(self, predictor: Predictor) -> Interval:
        index = self.unseen.labels.index
        codes, classes = self.task.code_labels(self.rows.labels)
        shares = np.broadcast_to(self.task.fitting.constant(codes, None), (len(index), len(classes)))
        scores = frame_scores(predictor.score(self.unseen.features), index, predictor.contract.classes)
        return self.task.loss.gain(scores, frame_scores(shares, index, classes), self.unseen.labels)


def make_case(metric: str, folder, **changes: object) -> Case:
    model, rows = class_model(metric), make_classes(PLAN.training, **changes)
    trained = train(model, rows, PLAN, folder=folder, threads=1, is_first=True)
    return Case(model, rows, make_classes(PLAN.holdout, **changes | {"seed": 5}), trained)


@pytest.fixture(scope="module", params=["log_loss", "macro_auc"])
def case(request, tmp_path_factory) -> Case:
    return make_case(request.param, tmp_path_factory.mktemp("classes"))


def test_all_of_them_beat_the_shares_of_classes_on_rows_that_they_have_not_seen(case):
    baselines = [load_predictor(each.folder, each.manifest, threads=1) for each in case.trained.baselines.values()]
    gains = [case.gain_on_shares(each) for each in (case.predictor, *baselines)]
    assert min(gain.low for gain in gains) > 0
    assert {each.contract.classes for each in (case.predictor, *baselines)} == {NAMES}


def test_everybody_is_measured_and_the_lowest_loss_out_of_fold_wins(case):
    name, trained = case.model.metric, case.trained
    shown = {"log_loss", "macro_auc", "accuracy", "calibration_error"}
    assert {f"{who}_{each}" for who in ("booster", "logistic", "recency") for each in shown} <= set(trained.metrics)
    assert {f"{who}_{name}" for who in ("challenger", "booster", "logistic", "recency")} <= set(trained.fold_metrics[0])
    assert trained.metrics["log_loss"] == min(trained.choice.losses.values()) < trained.choice.constant
    assert {path.stat().st_size > 0 for path in trained.pictures.values()} == {True}


def test_too_little_history_leaves_a_rule_over_one_feature(case, tmp_path):
    short = train_short(case.model, case.rows, PLAN, folder=tmp_path)
    predictor = load_predictor(short.folder, short.manifest, threads=1)
    assert (short.algorithm, dict(short.recipe.parameters)) == ("single_feature", {"feature": "strength"})
    assert case.gain_on_shares(predictor).low > 0


@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
def test_what_is_read_from_its_files_is_what_its_recipe_gives_and_a_rerun_writes_the_same(library, tmp_path):
    """The newest rows hold a class that the older folds lack."""
    rows = make_classes(PLAN.training, curved=True)
    is_old = rows.labels.index.get_level_values("as_of") < np.datetime64(PLAN.training[6])
    rows = replace(rows, labels=rows.labels.mask(is_old & (rows.labels == "gifts"), "dairy"))
    recipe = REGULARISED_DEFAULTS[library]
    one, other = (refit(class_model(), rows, PLAN, recipe, folder=tmp_path / name, threads=1) for name in ("one", "other"))
    read = load_predictor(one.folder, one.manifest, threads=1)
    lean = fit_predictor(class_model(), rows, PLAN, recipe, threads=1)
    assert one.manifest == other.manifest
    assert read.contract.classes == NAMES
    assert read.score(rows.features).tolist() == lean.score(rows.features).tolist()


def test_random_classes_give_a_gain_of_0_within_its_interval(tmp_path):
    case = make_case("log_loss", tmp_path, signal=0.0)
    gain = case.gain_on_shares(case.predictor)
    assert gain.low <= 0 <= gain.high


def test_a_leak_stops_the_training_before_anything_is_written(tmp_path):
    honest = make_classes(PLAN.training)
    leaking = replace(honest, features=honest.features.assign(paid=(honest.labels == "dairy").astype(float)))
    with pytest.raises(LeakSuspected, match="paid"):
        train(class_model(max_feature_auc=0.9), leaking, PLAN, folder=tmp_path, threads=1)
    assert list(tmp_path.iterdir()) == []
