"""Amounts from rows to files: every metric learns, repeats itself, and finds nothing where there is nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest

from perennial.config import Model
from perennial.errors import LeakSuspected
from perennial.predictor import Predictor, load_predictor
from perennial.records import Interval, Trained, TrainingSet
from perennial.tasks import Task, task_of
from perennial.train import fit_predictor, refit, train, train_short
from perennial.train.baselines import PLAIN_RIDGE
from tests.training_sets import amount_model, make_amounts, small_plan

PLAN = small_plan(amount_model("rmse"))
METRICS = {"mae": "mae", "rmse": "mse", "poisson": "poisson", "pinball:0.9": "pinball", "gini": "gini"}


@dataclass(frozen=True, eq=False)
class Case:
    """A training of amounts under one metric, counts where a deviance looks at them, and rows that it has not seen."""

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

    def gain_on_constant(self, predictor: Predictor) -> Interval:
        labels = self.unseen.labels
        scores = pd.Series(predictor.score(self.unseen.features), index=labels.index)
        constant = self.task.fitting.constant(self.rows.labels.to_numpy(), None)
        return self.task.headline.gain(scores, pd.Series(constant, index=labels.index), labels)


def make_case(metric: str, folder, **changes: object) -> Case:
    model, counts = amount_model(metric), metric == "poisson"
    rows = make_amounts(PLAN.training, counts=counts, **changes)
    trained = train(model, rows, PLAN, folder=folder, threads=1, is_first=True)
    return Case(model, rows, make_amounts(PLAN.holdout, counts=counts, seed=5, **changes), trained)


@pytest.fixture(scope="module", params=METRICS)
def case(request, tmp_path_factory) -> Case:
    return make_case(request.param, tmp_path_factory.mktemp("amounts"))


def test_it_beats_the_best_constant_on_rows_that_it_has_not_seen(case):
    assert case.gain_on_constant(case.predictor).low > 0


def test_what_is_read_from_its_files_is_what_its_recipe_gives(case, tmp_path):
    again = refit(case.model, case.rows, PLAN, case.trained.recipe, folder=tmp_path, threads=1)
    lean = fit_predictor(case.model, case.rows, PLAN, case.trained.recipe, threads=1)
    read = load_predictor(again.folder, again.manifest, threads=1)
    assert read.score(case.unseen.features).tolist() == lean.score(case.unseen.features).tolist()


def test_the_same_training_writes_the_same_bytes(tmp_path):
    one, other = (make_case("mae", tmp_path / name).trained for name in ("one", "other"))
    baselines = [{name: each.manifest for name, each in trained.baselines.items()} for trained in (one, other)]
    assert (one.manifest, baselines[0]) == (other.manifest, baselines[1])


def test_everybody_is_measured_in_the_headline_and_by_all_that_is_shown(case):
    name, trained = METRICS[case.model.metric], case.trained
    shown = {name, "mae", "rmse", "gini", "bias"}
    assert shown <= set(trained.metrics)
    assert {f"{who}_{each}" for who in ("booster", "ridge", "recency") for each in shown} <= set(trained.metrics)
    assert {f"tuned_{name}", f"default_{name}"} <= set(trained.metrics)
    assert {f"{who}_{name}" for who in ("challenger", "booster", "ridge", "recency")} <= set(trained.fold_metrics[0])
    assert set(trained.choice.losses) == {"booster", "ridge", "single_feature"}
    assert {path.stat().st_size > 0 for path in trained.pictures.values()} == {True}


def test_the_lowest_loss_out_of_fold_wins(case):
    loss = case.task.loss.name
    assert case.trained.metrics[loss] == min(case.trained.choice.losses.values())
    assert case.trained.choice.loss == case.task.fitting.loss_named
    assert case.trained.choice.constant > case.trained.metrics[loss]
    assert case.trained.tuning.measure == case.task.headline.title


def test_the_plain_recipes_beat_the_constant_by_their_own_files(case):
    baselines = case.trained.baselines
    gains = [case.gain_on_constant(load_predictor(each.folder, each.manifest, threads=1)) for each in baselines.values()]
    assert set(baselines) == {"ridge", "recency"}
    assert min(gain.estimate for gain in gains) > 0


def test_too_little_history_leaves_a_line_over_one_feature(case, tmp_path):
    short = train_short(case.model, case.rows, PLAN, folder=tmp_path)
    predictor = load_predictor(short.folder, short.manifest, threads=1)
    assert (short.algorithm, short.recipe.parameters["feature"]) == ("single_feature", "other")
    assert predictor.contract.link == case.task.fitting.link
    assert case.gain_on_constant(predictor).estimate > 0


@pytest.mark.parametrize("metric", ["mae", "poisson"])
def test_random_targets_give_a_gain_of_0_within_its_interval(metric, tmp_path):
    case = make_case(metric, tmp_path, signal=0.0)
    gain = case.gain_on_constant(case.predictor)
    assert gain.low <= 0 <= gain.high


def test_a_leak_stops_the_training_before_anything_is_written(tmp_path):
    honest = make_amounts(PLAN.training)
    leaking = replace(honest, features=honest.features.assign(paid=np.sqrt(honest.labels)))
    with pytest.raises(LeakSuspected, match="paid"):
        train(amount_model("gini", max_feature_auc=0.9), leaking, PLAN, folder=tmp_path, threads=1)
    assert list(tmp_path.iterdir()) == []


def test_a_ridge_is_fitted_again_where_boosting_is_ahead(tmp_path):
    model, rows = amount_model("rmse", monotone={"other": "decreasing"}), make_amounts(PLAN.training)
    trained = refit(model, rows, PLAN, PLAIN_RIDGE, folder=tmp_path, threads=1)
    ends = rows.features.head(2).assign(strength=0.0, noise=0.0, colour="red", other=[-2.0, 2.0])
    scores = load_predictor(trained.folder, trained.manifest, threads=1).score(ends)
    assert (trained.algorithm, dict(trained.parameters)) == (
        "ridge",
        {"alpha": 1.0, "monotone": "other decreasing", "metric": "rmse"},
    )
    assert np.diff(scores)[0] <= 0
