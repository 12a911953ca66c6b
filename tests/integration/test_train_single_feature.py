"""The single-feature rule as a recipe: it is chosen, fitted again, written, loaded, and says why."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pandas as pd
import pytest
from pydantic import ValidationError

from perennial.errors import ConfigError, OneClassLabels
from perennial.metrics import mean_auc
from perennial.predictor import Contract, load_predictor
from perennial.records import Recipe, Trained
from perennial.train import fit_predictor, plan_fit, refit, rule_again, train, train_short, write_recipe
from tests.training_sets import make_training_set, mondays, small_model, small_plan

MODEL = small_model(max_feature_auc=0.9)
PLAN = small_plan(MODEL)
ROWS = make_training_set(PLAN.training)
RULE = Recipe("single_feature", {"feature": "strength", "direction": "increasing"})
TODAY = date(2017, 5, 15)
SHORT = plan_fit(MODEL, mondays(3), TODAY)


@pytest.fixture(scope="module")
def refitted(tmp_path_factory) -> Trained:
    return refit(MODEL, ROWS, PLAN, RULE, folder=tmp_path_factory.mktemp("rule"), threads=1)


@pytest.fixture(scope="module")
def short(tmp_path_factory) -> Trained:
    return train_short(MODEL, make_training_set(SHORT.training), SHORT, folder=tmp_path_factory.mktemp("short"))


def load(trained: Trained):
    return load_predictor(trained.folder, trained.manifest, threads=1)


def test_a_refit_keeps_the_rule(refitted):
    assert (refitted.algorithm, refitted.parameters, refitted.rounds) == ("single_feature", RULE.parameters, 0)
    assert sorted(refitted.manifest) == ["contract.json", "golden.json"]


def test_its_scores_are_calibrated_and_rank_unseen_rows(refitted):
    unseen = make_training_set(PLAN.holdout, seed=2)
    scores = pd.Series(load(refitted).score(unseen.features), index=unseen.labels.index)
    assert mean_auc(scores, unseen.labels) > 0.75
    assert scores.mean() == pytest.approx(unseen.labels.mean(), abs=0.05)


def test_its_only_reason_is_its_feature(refitted):
    ((reason,),) = load(refitted).explain(ROWS.features.head(1), 3)
    assert reason[2:].startswith("strength = ")


def test_its_direction_binds_it(tmp_path):
    falling = Recipe("single_feature", {"feature": "strength", "direction": "decreasing"})
    trained = refit(MODEL, ROWS, PLAN, falling, folder=tmp_path, threads=1)
    low, high = load(trained).score(ROWS.features.head(2).assign(strength=[-4.0, 4.0]))
    assert high <= low


def test_a_category_is_a_rule_without_a_direction(tmp_path):
    trained = refit(MODEL, ROWS, PLAN, Recipe("single_feature", {"feature": "colour"}), folder=tmp_path, threads=1)
    assert load(trained).contract.names == ("colour",)


def test_a_rule_over_a_column_that_has_gone_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="single-feature rule over 'gone' cannot be fitted"):
        refit(MODEL, ROWS, PLAN, Recipe("single_feature", {"feature": "gone"}), folder=tmp_path, threads=1)


def test_the_lowest_log_loss_out_of_fold_is_chosen(tmp_path):
    trained = train(MODEL, ROWS, PLAN, folder=tmp_path, threads=1)
    losses = {name: trained.metrics[f"{name}_log_loss"] for name in ("booster", "logistic")}
    losses["single_feature"] = trained.metrics["recency_log_loss"]
    assert trained.choice.losses == losses
    assert trained.metrics["log_loss"] == min(losses.values())


def test_three_as_ofs_give_the_rule_and_the_day_on_which_there_are_enough(short):
    assert (short.algorithm, short.parameters) == ("single_feature", RULE.parameters)
    assert (short.choice.losses, short.plan.holdout) == ({}, ())
    assert short.choice.enough_on == date(2017, 8, 2)


def test_a_short_rule_scores_in_probabilities(short):
    rows = make_training_set(SHORT.training)
    assert load(short).score(rows.features).mean() == pytest.approx(rows.labels.mean(), abs=0.01)


def test_a_refit_without_folds_gives_the_very_same_files(short, tmp_path):
    again = refit(MODEL, make_training_set(SHORT.training), SHORT, RULE, folder=tmp_path)
    assert (again.manifest, again.choice) == (short.manifest, None)


@pytest.mark.parametrize("plan", [PLAN, SHORT], ids=["with folds", "without folds"])
def test_a_walk_fits_the_very_rule_that_the_week_fits(plan, tmp_path):
    rows = make_training_set(plan.training)
    weekly, walked = refit(MODEL, rows, plan, RULE, folder=tmp_path, threads=1), fit_predictor(MODEL, rows, plan, RULE, threads=1)
    assert walked.score(rows.features).tolist() == load(weekly).score(rows.features).tolist()


def test_folds_that_show_one_class_only_leave_the_rule_as_it_is_fitted(tmp_path):
    early = ROWS.labels.where(ROWS.labels.index.get_level_values("as_of") == ROWS.labels.index[0][0], 0)
    trained = refit(MODEL, replace(ROWS, labels=early), PLAN, RULE, folder=tmp_path, threads=1)
    assert (trained.algorithm, trained.metrics) == ("single_feature", {})


def test_a_rule_stays_what_it_is_while_nobody_rules_against_it():
    assert rule_again(MODEL, ROWS, RULE) is RULE


def test_a_rule_whose_feature_is_excluded_is_chosen_anew():
    chosen = rule_again(small_model(max_feature_auc=0.9, exclude=("strength",)), ROWS, RULE)
    assert chosen.algorithm == "single_feature"
    assert chosen.parameters["feature"] != "strength"


def test_a_rule_whose_direction_is_ruled_otherwise_is_chosen_anew():
    chosen = rule_again(small_model(max_feature_auc=0.9, monotone={"strength": "decreasing"}), ROWS, RULE)
    assert chosen.parameters == {"feature": "strength", "direction": "decreasing"}


def test_a_person_may_write_a_rule():
    assert write_recipe("single_feature", RULE.parameters) == RULE


@pytest.mark.parametrize(
    ("algorithm", "chosen", "complaint"),
    [
        ("single_feature", {}, "wants a feature"),
        ("single_feature", {"feature": "strength", "direction": "up"}, "increasing or decreasing"),
        ("single_feature", {"feature": "strength", "C": 1.0}, "wants a feature"),
        ("logistic", {"C": "much"}, "wants numbers for C: found much"),
    ],
)
def test_what_is_no_recipe_is_refused(algorithm, chosen, complaint):
    with pytest.raises(ConfigError, match=complaint):
        write_recipe(algorithm, chosen)


def test_one_class_teaches_nothing(tmp_path):
    rows = make_training_set(SHORT.training)
    with pytest.raises(OneClassLabels):
        train_short(MODEL, replace(rows, labels=rows.labels * 0), SHORT, folder=tmp_path)


def test_a_contract_of_a_rule_holds_one_feature(refitted):
    both = load(refitted).contract.model_dump()
    both["features"] = [*both["features"], {"name": "other"}]
    with pytest.raises(ValidationError, match="a single_feature rule reads one feature"):
        Contract.model_validate(both)
