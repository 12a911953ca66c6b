"""Binary models are what they were before other kinds of labels came: the same files, byte for byte, and the same report.

The hashes were written down before anything was asked of a task. Who changes a library, a default or a format on purpose writes
down new ones, and says so in the changelog: versions that serve today are then fitted again to other bytes.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from perennial.predictor import hash_manifest
from perennial.records import Recipe, RecipeChoice, Trained
from perennial.train import refit, train, train_short
from perennial.train.baselines import PLAIN_LOGISTIC
from perennial.train.boosters import REGULARISED_DEFAULTS
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
PLAIN = {"logistic": "ada3247ba5243833", "recency": "efe48736340e45df"}
REFITTED = {
    "xgboost": {**PLAIN, "challenger": "a35808c723e74343", "report": "4d4cb549bdf262af"},
    "lightgbm": {**PLAIN, "challenger": "0a364e43c4d2e0ca", "report": "d4021b064a04f5c1"},
    "logistic": {**PLAIN, "challenger": "1d7e300c733fccc4", "report": "5188c6da3ca88e39"},
    "single_feature": {**PLAIN, "challenger": "f8e9612bc0d08c81", "report": "adfe9943e32a27fb"},
}
SEARCHED = {
    "challenger": "f6175fa5d22d92da",
    "logistic": "b63be9155a294664",
    "recency": "d2a6926327b7cba8",
    "report": "3d790323069b4deb",
}
SHORT = {**PLAIN, "challenger": PLAIN["recency"], "report": "5a8be0110ad78666"}


def sign(trained: Trained) -> dict[str, str]:
    """Hashes of the files of everybody, and of all that is said about the training but how long it took."""
    manifests = {"challenger": trained.manifest, **{name: each.manifest for name, each in trained.baselines.items()}}
    report = (trained.parameters, trained.metrics, trained.importances, trained.learning_curve, *trained.fold_metrics)
    numbers = [sorted(each.items()) for each in report]
    choice = trained.choice or RecipeChoice({})
    words = [trained.alarms, sorted(choice.losses.items()), choice.suspicions, choice.remarks, choice.enough_on]
    tuning = [trained.tuning.sentence, trained.tuning.basis, trained.tuning.recipe.digest] if trained.tuning else []
    hashes = {name: hash_manifest(manifest) for name, manifest in manifests.items()} | {
        "report": _hash(repr([trained.recipe.digest, numbers, words, tuning]))
    }
    return {name: value[:16] for name, value in hashes.items()}


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize("algorithm", RECIPES)
def test_a_refit_writes_the_same_bytes(algorithm: str, tmp_path: Path):
    assert sign(refit(MODEL, ROWS, PLAN, RECIPES[algorithm], folder=tmp_path, threads=1)) == REFITTED[algorithm]


def test_a_search_finds_says_and_writes_the_same(tmp_path: Path):
    trained = train(MODEL, CURVED, PLAN, folder=tmp_path, threads=1, is_first=True)
    assert sign(trained) == SEARCHED


def test_a_training_with_too_little_history_writes_the_same_bytes(tmp_path: Path):
    assert sign(train_short(MODEL, ROWS, PLAN, folder=tmp_path)) == SHORT
