"""What a person ruled about the inputs binds every predictor that may serve: excluded, or monotone in one direction."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from perennial.predictor import Predictor, load_predictor
from perennial.records import Recipe, Trained, TrainingSet
from perennial.train import refit, train
from perennial.train.baselines import PLAIN_LOGISTIC
from perennial.train.boosters import REGULARISED_DEFAULTS
from tests.training_sets import make_training_set, small_model, small_plan

PLAN = small_plan(small_model())
CURVED = make_training_set(PLAN.training, curved=True)  # the label falls, then rises with "strength"
STRAIGHT = make_training_set(PLAN.training)
RECIPES = {"xgboost": REGULARISED_DEFAULTS["xgboost"], "lightgbm": REGULARISED_DEFAULTS["lightgbm"], "logistic": PLAIN_LOGISTIC}
GRID = np.linspace(-4, 4, 161)

every_recipe = pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)


def refit_with(folder, recipe: Recipe, training: TrainingSet, **rules: object) -> Trained:
    return refit(small_model(max_feature_auc=0.95, **rules), training, PLAN, recipe, folder=folder, threads=1)


def open_trained(trained: Trained) -> Predictor:
    return load_predictor(trained.folder, trained.manifest, threads=1)


def score_along(predictor: Predictor, name: str) -> np.ndarray:
    """Scores of forty rows, each moved along the grid of one feature: one row of scores per row."""
    rows = CURVED.features.head(40)
    return np.array([predictor.score(rows.assign(**{name: value})) for value in GRID]).T


@every_recipe
@pytest.mark.parametrize(("direction", "sign"), [("increasing", 1), ("decreasing", -1)])
def test_the_score_moves_in_one_direction_only(recipe, direction, sign, tmp_path):
    trained = refit_with(tmp_path, recipe, CURVED, monotone={"strength": direction})
    assert (sign * np.diff(score_along(open_trained(trained), "strength")) >= 0).all()


@pytest.mark.parametrize("algorithm", ["xgboost", "lightgbm"])
def test_without_a_ruling_the_same_booster_moves_both_ways(algorithm, tmp_path):
    moves = np.diff(score_along(open_trained(refit_with(tmp_path, RECIPES[algorithm], CURVED)), "strength"))
    assert (moves.min(), moves.max()) != pytest.approx((0, 0))
    assert moves.min() < 0 < moves.max()


@every_recipe
def test_a_ruling_that_agrees_with_the_data_costs_no_direction(recipe, tmp_path):
    scores = score_along(open_trained(refit_with(tmp_path, recipe, STRAIGHT, monotone={"strength": "increasing"})), "strength")
    assert (scores[:, -1] - scores[:, 0] > 0.3).all()


@every_recipe
def test_a_ruling_against_the_data_leaves_the_feature_without_effect(recipe, tmp_path):
    scores = score_along(open_trained(refit_with(tmp_path, recipe, STRAIGHT, monotone={"strength": "decreasing"})), "strength")
    assert scores[:, 0] == pytest.approx(scores[:, -1], abs=0.1)


def test_a_searched_challenger_keeps_the_ruling(tmp_path):
    model = small_model(max_feature_auc=0.95, monotone={"strength": "increasing", "other": "decreasing"})
    predictor = open_trained(train(model, CURVED, PLAN, folder=tmp_path, threads=1))
    assert (np.diff(score_along(predictor, "strength")) >= 0).all()
    assert (np.diff(score_along(predictor, "other")) <= 0).all()


def test_the_ruling_stands_in_contract_and_parameters(tmp_path):
    rules = {"monotone": {"strength": "increasing"}, "exclude": ("noise",)}
    trained = refit_with(tmp_path, RECIPES["lightgbm"], CURVED, **rules)
    stated = {feature.name: feature.monotone for feature in open_trained(trained).contract.features}
    assert stated == {"strength": "increasing", "other": None, "colour": None}
    assert (trained.parameters["monotone"], trained.parameters["exclude"]) == ("strength increasing", "noise")


def test_the_baselines_are_bound_as_well(tmp_path):
    trained = refit_with(tmp_path, RECIPES["xgboost"], STRAIGHT, monotone={"strength": "decreasing"}, recency="strength")
    ends = CURVED.features.head(2).assign(strength=[-4.0, 4.0])
    low, high = score_baseline(trained, "logistic", ends.assign(other=0.0, noise=0.0, colour=ends["colour"].iloc[0]))
    assert high <= low
    low, high = score_baseline(trained, "recency", ends)
    assert high <= low


def score_baseline(trained: Trained, name: str, rows: pd.DataFrame) -> np.ndarray:
    baseline = trained.baselines[name]
    return load_predictor(baseline.folder, baseline.manifest, threads=1).score(rows)


@pytest.mark.mltest("D4")
@every_recipe
def test_nothing_learns_from_an_excluded_feature(recipe, tmp_path):
    trained = refit_with(tmp_path, recipe, STRAIGHT, exclude=("strength",))
    assert "strength" not in open_trained(trained).contract.names
    assert open_trained(trained).score(STRAIGHT.features.drop(columns="strength").head(3)).shape == (3,)


def test_an_excluded_leak_stops_nothing(tmp_path):
    leaking = TrainingSet(
        STRAIGHT.features.assign(gone=STRAIGHT.labels.astype(float)), STRAIGHT.labels, STRAIGHT.segments, STRAIGHT.data_hash
    )
    trained = refit_with(tmp_path, RECIPES["xgboost"], leaking, exclude=("gone",))
    assert trained.metrics["auc"] < 0.9
