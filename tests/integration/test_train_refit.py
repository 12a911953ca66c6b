"""A known recipe fitted on other rows: no search, no change of mind, and everything that a training leaves behind."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from perennial.errors import ConfigError
from perennial.metrics import mean_auc
from perennial.predictor import load_predictor
from perennial.records import Recipe, Trained, TrainingSet
from perennial.train import fit_predictor, refit, train
from perennial.train.baselines import PLAIN_LOGISTIC
from perennial.train.boosters import REGULARISED_DEFAULTS
from tests.training_sets import make_training_set, small_model, small_plan

MODEL = small_model(max_feature_auc=0.9)
PLAN = small_plan(MODEL)
CURVED = make_training_set(PLAN.training, curved=True)
STRAIGHT = make_training_set(PLAN.training)
OWN = Recipe("lightgbm", {**REGULARISED_DEFAULTS["lightgbm"].parameters, "num_leaves": 7})


def refit_small(folder, recipe: Recipe, training: TrainingSet = CURVED) -> Trained:
    return refit(MODEL, training, PLAN, recipe, folder=folder, threads=1)


@pytest.fixture(scope="module")
def refitted(tmp_path_factory) -> Trained:
    return refit_small(tmp_path_factory.mktemp("refitted"), OWN)


def test_a_refit_keeps_algorithm_and_parameters(refitted):
    assert (refitted.algorithm, refitted.parameters, refitted.trials) == ("lightgbm", OWN.parameters, 0)


def test_a_refit_finds_its_rounds_by_early_stopping(refitted):
    assert 1 < refitted.rounds < 800


def test_a_refit_of_what_a_search_found_is_the_same_recipe_and_the_same_files_every_time(tmp_path):
    """The search assesses by the model's seed, a refit by the recipe's: rounds and calibrator may differ, inputs may not."""
    found = train(MODEL, CURVED, PLAN, folder=tmp_path / "searched", threads=1)
    again = refit_small(tmp_path / "again", found.recipe)
    once_more = refit_small(tmp_path / "once more", found.recipe)
    assert (again.manifest, again.recipe.digest) == (once_more.manifest, found.recipe.digest)
    assert again.tuning is None


def test_a_refit_stays_a_booster_where_logistic_regression_is_ahead(tmp_path):
    trained = refit_small(tmp_path, OWN, STRAIGHT)
    assert trained.algorithm == "lightgbm"
    assert trained.metrics["logistic_log_loss"] < trained.metrics["log_loss"]


def test_a_logistic_regression_is_refitted_where_boosting_is_ahead(tmp_path):
    trained = refit_small(tmp_path, PLAIN_LOGISTIC)
    assert (trained.algorithm, trained.parameters, trained.tuning) == ("logistic", {"C": 1.0}, None)
    assert "booster_auc" not in trained.metrics


every_recipe = pytest.mark.parametrize(
    "recipe", [OWN, REGULARISED_DEFAULTS["xgboost"], PLAIN_LOGISTIC], ids=lambda each: each.algorithm
)


@every_recipe
def test_a_text_that_no_training_row_held_is_scored_and_explained_as_unknown_when_it_comes(recipe, tmp_path):
    unfilled = pd.Series(pd.NA, CURVED.features.index, dtype=pd.CategoricalDtype([]))
    trained = refit_small(tmp_path, recipe, replace(CURVED, features=CURVED.features.assign(channel=unfilled)))
    predictor = load_predictor(trained.folder, trained.manifest, threads=1)
    arrived = CURVED.features.head(3).assign(channel=pd.Categorical(["web", "app", None]))
    assert predictor.score(arrived).tolist() == predictor.score(arrived.assign(channel=unfilled.head(3))).tolist()
    assert "channel = unknown" in {reason[2:] for reason in predictor.explain(arrived, 5)[0]}


@pytest.mark.mltest("I2")
@every_recipe
def test_a_refitted_predictor_ranks_unseen_rows(recipe, tmp_path):
    trained = refit_small(tmp_path, recipe, STRAIGHT)
    unseen = make_training_set(PLAN.holdout, seed=2)
    scores = load_predictor(trained.folder, trained.manifest, threads=1).score(unseen.features)
    assert mean_auc(pd.Series(scores, index=unseen.labels.index), unseen.labels) > 0.75


def test_what_is_fitted_for_its_scores_alone_is_the_same_predictor(refitted):
    whole = load_predictor(refitted.folder, refitted.manifest, threads=1)
    lean = fit_predictor(MODEL, CURVED, PLAN, OWN, threads=1)
    assert whole.score(CURVED.features).tolist() == lean.score(CURVED.features).tolist()


def test_another_day_has_another_seed(tmp_path):
    later = replace(PLAN, knowledge_lag_days=PLAN.knowledge_lag_days + 7)
    one, other = (fit_predictor(MODEL, CURVED, plan, OWN, threads=1) for plan in (PLAN, later))
    assert one.score(CURVED.features).tolist() != other.score(CURVED.features).tolist()


def test_a_recipe_reads_its_own_inputs_only(tmp_path):
    names = tuple(CURVED.features.columns[:3])
    trained = refit_small(tmp_path, replace(OWN, features=names))
    assert load_predictor(trained.folder, trained.manifest, threads=1).contract.names == names == trained.recipe.features


def test_the_baselines_are_fitted_again(refitted):
    assert set(refitted.baselines) == {"logistic", "recency"}


def test_a_recipe_that_lacks_a_parameter_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="needs learning_rate, max_depth"):
        refit_small(tmp_path, Recipe("xgboost", {"subsample": 0.5}))
