"""Binary models are what they were before other kinds of labels came: the same files, key for key, and the same report.

The hashes were written down before anything was asked of a task. Who changes a library, a default or a format on purpose writes
down new ones, and says so in the changelog: versions that serve today are then fitted again to other bytes.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from perennial.records import Recipe, RecipeChoice, Trained
from perennial.train import refit, train, train_short
from perennial.train.baselines import PLAIN_LOGISTIC
from perennial.train.boosters import REGULARISED_DEFAULTS
from tests.signed import hash_said, read_files
from tests.training_sets import make_training_set, small_model, small_plan

MODEL = small_model(max_feature_auc=0.9, monotone={"other": "decreasing"})
PLAN = small_plan(MODEL)
ROWS = make_training_set(PLAN.training, two=True)
CURVED = make_training_set(PLAN.training, curved=True)
RULE = Recipe("single_feature", {"feature": "strength", "direction": "increasing"})
RECIPES = {
    "xgboost": REGULARISED_DEFAULTS["xgboost"],
    "lightgbm": REGULARISED_DEFAULTS["lightgbm"],
    "logistic": PLAIN_LOGISTIC,
    "single_feature": RULE,
}
PLAIN = {"logistic": "54187491659497d4", "recency": "7d167749d66b18db"}
REFITTED = {
    "xgboost": {**PLAIN, "challenger": "cb75977957c10e99", "report": "951b7b7cf38317b1"},
    "lightgbm": {**PLAIN, "challenger": "4f264e3a7a4f85fe", "report": "5dae13fc2212eae4"},
    "logistic": {**PLAIN, "challenger": "2acd9f2378ea421b", "report": "63e1ee7c94e7fee5"},
    "single_feature": {**PLAIN, "challenger": "3db06142fda35c34", "report": "26f0d73ec74f5a4c"},
}
SEARCHED = {
    "challenger": "9d9daa2b211a53f2",
    "logistic": "cce73de757ad3cde",
    "recency": "db9da69bdf2001df",
    "report": "0ac77c18183f3e54",
}
SHORT = {**PLAIN, "challenger": PLAIN["recency"], "report": "5c91dc1c1f4fbb49"}


def sign(trained: Trained) -> dict[str, str]:
    """Hashes of what everybody's files say, and of all that is said about the training but how long it took."""
    folders = {"challenger": trained.folder, **{name: each.folder for name, each in trained.baselines.items()}}
    report = (trained.parameters, trained.metrics, trained.importances, trained.learning_curve, *trained.fold_metrics)
    numbers = [sorted(each.items()) for each in report]
    choice = trained.choice or RecipeChoice({})
    words = [trained.alarms, sorted(choice.losses.items()), choice.suspicions, choice.remarks, str(choice.enough_on)]
    tuning = [trained.tuning.sentence, trained.tuning.basis, trained.tuning.recipe.digest] if trained.tuning else []
    hashes = {name: hash_said(read_files(folder)) for name, folder in folders.items()}
    return hashes | {"report": hash_said([trained.recipe.digest, numbers, words, tuning])}


@pytest.mark.mltest("I1")
@pytest.mark.parametrize("algorithm", RECIPES)
def test_a_refit_writes_the_same(algorithm: str, tmp_path: Path):
    assert sign(refit(MODEL, ROWS, PLAN, RECIPES[algorithm], folder=tmp_path, threads=1)) == REFITTED[algorithm]


@pytest.mark.mltest("I1")
def test_a_search_finds_says_and_writes_the_same(tmp_path: Path):
    trained = train(MODEL, CURVED, PLAN, folder=tmp_path, threads=1, is_first=True)
    assert sign(trained) == SEARCHED


def test_a_training_with_too_little_history_writes_the_same(tmp_path: Path):
    assert sign(train_short(MODEL, ROWS, PLAN, folder=tmp_path)) == SHORT
