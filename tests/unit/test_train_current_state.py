"""What features from sources that are updated in place are worth: the recipe with and without them, on the same rows."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest

from perennial.metrics import add_clusters, mean_auc, paired_auc_difference
from perennial.records import CurrentStateUse, Interval, Recipe, to_json
from perennial.records.current_state import CurrentStateWorth
from perennial.stores.ledger.statements import read_record
from perennial.train.assessed import Assessed, assess_recipe
from perennial.train.baselines import PLAIN_LOGISTIC
from perennial.train.current_state import Weighing
from perennial.train.engine import Threads
from perennial.train.rows import cut_folds, gather_rows
from perennial.train.splits import make_folds
from tests.training_sets import make_training_set, mondays, small_model

MODEL = small_model()
DAYS = mondays(12)
HONEST = make_training_set(DAYS, signal=0.8)
RNG = np.random.default_rng(5)
TRAINING = replace(
    HONEST,
    features=HONEST.features.assign(
        balance=HONEST.labels * 1.2 + RNG.normal(size=len(HONEST.labels)), visits=RNG.normal(size=len(HONEST.labels))
    ),
)
ROWS = gather_rows(MODEL, TRAINING)
FOLDS = cut_folds(ROWS, make_folds(DAYS, 2, MODEL.embargo))
USE = CurrentStateUse(("accounts",), ("balance", "visits", "gone"))
weighing = partial(Weighing, MODEL, rows=ROWS, clusters=None)
assess = partial(assess_recipe, seed=7, engine=Threads(1))


def weigh(recipe: Recipe, use: CurrentStateUse = USE, clusters: pd.Series | None = None) -> CurrentStateWorth:
    candidate = assess(recipe, FOLDS)
    assessed = Assessed(candidate, recipe, None, candidate, candidate)
    return weighing(use=use, clusters=clusters).weigh_out_of_fold(assessed, FOLDS, seed=7, engine=Threads(1))


def test_the_recipe_is_assessed_again_without_them():
    worth = weigh(PLAIN_LOGISTIC)
    honest = assess(PLAIN_LOGISTIC, cut_folds(gather_rows(MODEL, HONEST), [fold.fold for fold in FOLDS]))
    whole = assess(PLAIN_LOGISTIC, FOLDS)
    assert (worth.use.features, worth.inputs, worth.is_out_of_fold) == (("balance", "visits"), 6, True)
    assert (worth.headline_with, worth.headline_without) == pytest.approx((whole.metrics["auc"], honest.metrics["auc"]))
    assert worth.gain == paired_auc_difference(whole.scores, honest.scores, whole.labels)
    assert worth.gain.low > 0.05


def test_the_difference_is_as_uncertain_as_clusters_make_it():
    entities = HONEST.labels.index.get_level_values("entity_id").to_numpy()
    halves = pd.Series((entities // 30).astype(str), index=HONEST.labels.index)
    single, clustered = weigh(PLAIN_LOGISTIC), weigh(PLAIN_LOGISTIC, clusters=halves)
    assert clustered.gain.estimate == single.gain.estimate
    assert clustered.gain.standard_error != pytest.approx(single.gain.standard_error, rel=0.01)
    assert add_clusters(HONEST.labels, halves).index.get_level_values("cluster")[0] == "in 0"


def test_a_rule_over_one_of_them_is_chosen_anew_among_the_others():
    worth = weigh(Recipe("single_feature", {"feature": "balance", "direction": "increasing"}))
    assert (worth.use.features, worth.inputs) == (("balance",), 1)
    strength = assess(Recipe("single_feature", {"feature": "strength", "direction": "increasing"}), FOLDS)
    assert worth.headline_without == strength.metrics["auc"]


def test_a_rule_over_another_feature_rests_on_none_of_them():
    worth = weigh(Recipe("single_feature", {"feature": "strength", "direction": "increasing"}))
    assert (worth.use.features, worth.gain) == ((), None)
    assert worth.sentence == "No feature that its recipe reads comes from there."


def test_where_no_feature_is_left_there_is_chance():
    everything = tuple(str(name) for name in TRAINING.features.columns)
    assert weigh(PLAIN_LOGISTIC, CurrentStateUse(("accounts",), everything)).headline_without == 0.5


def test_without_folds_both_rules_rank_the_rows_that_they_were_fitted_on():
    worth = weighing(use=USE).weigh_on_all(Recipe("single_feature", {"feature": "balance", "direction": "increasing"}))
    expected = [mean_auc(TRAINING.features[name], TRAINING.labels) for name in ("balance", "strength")]
    assert [worth.headline_with, worth.headline_without] == pytest.approx(expected)
    assert "on the rows that it was fitted on its AUC is" in worth.sentence


def test_the_sentence_names_some_of_them_and_says_by_how_much():
    many = CurrentStateUse(("accounts",), tuple("abcdefgh"), moves_cohort=True)
    worth = CurrentStateWorth(many, 14, 0.811, 0.72, Interval(0.091, 0.085, 0.097, 0.003))
    assert worth.sentence == (
        "8 of the 14 features of its recipe come from there (a, b, c, d, e, f and 2 more): out of fold its AUC is 0.811 with "
        "them and 0.720 without, a difference of +0.0910 [+0.0850, +0.0970]. Who is in the cohort depends on it as well, which "
        "no figure shows."
    )


def test_what_could_not_be_found_out_is_said():
    failed = CurrentStateWorth(CurrentStateUse(("accounts",), failure="the query fails: division by zero."), 6)
    assert failed.sentence.endswith("could not be found out: the query fails: division by zero.")
    unranked = CurrentStateWorth(CurrentStateUse(("accounts",), ("a",)), 6)
    assert unranked.sentence.endswith("no as_of has both outcomes, so that nothing says what they are worth.")


def test_what_former_ledgers_say_of_it_is_read_under_its_present_names():
    kept = {"use": {"sources": ["profiles"]}, "inputs": 3, "auc_with": 0.8, "auc_without": 0.7}
    read = read_record(CurrentStateWorth, kept)
    assert (read.headline_with, read.headline_without) == (0.8, 0.7)
    assert read_record(CurrentStateWorth, to_json(read)) == read
