"""What amounts are fitted by: ridge, two coefficients of calibration, objectives, and guards in the words of amounts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import PoissonRegressor, QuantileRegressor, Ridge

from perennial import metrics
from perennial.errors import ColumnContractBroken, ConfigError, OneClassLabels
from perennial.predictor import IDENTITIES, apply_calibrator
from perennial.records import CurrentStateUse, Recipe
from perennial.tasks import task_of
from perennial.tasks.fitting import fit_amounts
from perennial.train import write_recipe
from perennial.train.alarms import meet_oracles, rank_alone
from perennial.train.baselines import choose_single_feature, fit_linear, fit_single_feature
from perennial.train.boosters import REGULARISED_DEFAULTS, full_parameters
from perennial.train.calibration import choose_calibrator, fit_calibrator
from perennial.train.candidates import lose_by_constant
from perennial.train.current_state import Weighing
from perennial.train.guards import check_training_set
from perennial.train.policy import name_basis
from perennial.train.ridge import solve_log_ridge, solve_ridge
from perennial.train.rows import cut_folds, gather_rows
from perennial.train.splits import make_folds
from tests.training_sets import amount_model, make_amounts, make_training_set, mondays, small_model, small_plan

RNG = np.random.default_rng(11)
COLUMNS = RNG.normal(size=(4000, 4))
MARGIN = COLUMNS @ [0.5, -0.3, 0.2, 0.0] + 1
AMOUNTS = 40 * MARGIN + RNG.normal(size=len(MARGIN)) * 30
COUNTS = RNG.poisson(np.exp(MARGIN)).astype(float)
RAW = 20 * MARGIN + 7
FREE = np.zeros(4)
FOLDS = np.arange(len(MARGIN)) % 4
MODEL = amount_model("rmse")
TRAINING = make_amounts(mondays(6))
ROWS = gather_rows(MODEL, TRAINING)


# One score for all


@pytest.mark.parametrize(("metric", "score"), [("mae", "median"), ("rmse", "mean"), ("gini", "mean")])
def test_one_score_for_all_is_the_median_or_the_mean_of_the_rows_that_train(metric, score):
    model = amount_model(metric)
    rows = gather_rows(model, TRAINING)
    folds = cut_folds(rows, make_folds(mondays(6), 2, model.embargo))
    parts = [(getattr(fold.training.named, score)(), fold.validation.named) for fold in folds]
    scores = pd.concat([labels * 0 + said for said, labels in parts])
    expected = task_of(model).loss.value(scores, pd.concat([labels for _, labels in parts]))
    assert lose_by_constant(folds) == pytest.approx(expected)


# Ridge


def test_a_ridge_of_amounts_is_that_of_scikit_learn():
    fitted = Ridge(alpha=50.0).fit(COLUMNS - COLUMNS.mean(axis=0), AMOUNTS)
    found = solve_ridge(COLUMNS - COLUMNS.mean(axis=0), AMOUNTS, FREE, 1 / 50)
    assert found.tolist() == pytest.approx([*fitted.coef_, fitted.intercept_])


def test_a_ridge_of_logarithms_is_a_penalised_poisson_regression():
    unit = COUNTS.mean()
    fitted = PoissonRegressor(alpha=50 / len(COUNTS), tol=1e-10, max_iter=1000).fit(COLUMNS, COUNTS / unit)
    found = solve_log_ridge(COLUMNS, COUNTS, FREE, 1 / 50)
    assert found.tolist() == pytest.approx([*fitted.coef_, fitted.intercept_ + np.log(unit)], abs=1e-5)


@pytest.mark.parametrize("solve", [solve_ridge, solve_log_ridge])
def test_a_ridge_does_not_know_the_unit(solve):
    euros, cents = (solve(COLUMNS, COUNTS * unit, FREE, 1 / 500) for unit in (1, 100))
    expected = {solve_ridge: cents / 100, solve_log_ridge: cents - [0, 0, 0, 0, np.log(100)]}[solve]
    assert euros.tolist() == pytest.approx(expected.tolist(), abs=1e-6)


@pytest.mark.parametrize(("solve", "labels"), [(solve_ridge, AMOUNTS), (solve_log_ridge, COUNTS)])
def test_a_sign_that_the_data_contradict_leaves_a_coefficient_at_0(solve, labels):
    bound = solve(COLUMNS, labels, np.array([0.0, 1.0, 1.0, -1.0]), 1.0)
    without = solve(COLUMNS[:, [0, 2, 3]], labels, np.array([0.0, 1.0, -1.0]), 1.0)
    assert bound[1] == 0
    assert bound[[0, 2, 3, 4]].tolist() == pytest.approx(without.tolist(), abs=1e-4)


def test_a_ridge_serves_a_quantile_by_its_intercept():
    rows = gather_rows(amount_model("pinball:0.9"), TRAINING)
    below = rows.labels <= fit_linear(rows).score_matrix(rows.matrix)
    assert below.mean() == pytest.approx(0.9, abs=0.002)


def test_a_ridge_of_counts_is_written_with_its_link():
    contract = fit_linear(gather_rows(amount_model("poisson"), TRAINING)).contract
    assert (contract.algorithm, contract.link, contract.calibrator) == ("ridge", "log", IDENTITIES["log"])


def test_a_rule_over_one_feature_is_a_line_in_the_direction_in_which_it_ranks():
    rule = choose_single_feature(MODEL, ROWS, rank_alone(ROWS))
    scores = fit_single_feature(rule, ROWS).score(TRAINING.features.assign(other=np.linspace(-2, 2, len(TRAINING.labels))))
    assert rule.parameters == {"feature": "other", "direction": "increasing"}
    assert np.diff(scores).tolist() == pytest.approx([np.diff(scores)[0]] * (len(scores) - 1))


# Calibration


def test_a_line_finds_slope_and_offset_of_the_mean():
    calibrator = fit_calibrator("line", RAW, AMOUNTS, metrics.squared_loss())
    slope, offset = np.polyfit(RAW, AMOUNTS, 1)
    assert calibrator.coefficients == pytest.approx((slope, offset), rel=0.01)


def test_a_line_finds_those_of_a_quantile():
    found = fit_calibrator("line", RAW, AMOUNTS, metrics.pinball_loss(0.8))
    fitted = QuantileRegressor(quantile=0.8, alpha=0).fit(RAW[:, None], AMOUNTS)
    loss = metrics.pinball_loss(0.8)
    ours, theirs = (
        loss(AMOUNTS, slope * RAW + offset).mean() for slope, offset in (found.coefficients, (fitted.coef_[0], fitted.intercept_))
    )
    assert ours == pytest.approx(theirs, rel=1e-4)


def test_a_power_finds_slope_and_offset_of_the_logarithm():
    raw = np.exp((MARGIN - 0.5) / 2)
    assert fit_calibrator("power", raw, COUNTS, metrics.poisson_deviance).coefficients == pytest.approx((2, 0.5), abs=0.05)


@pytest.mark.parametrize("metric", ["mae", "rmse", "pinball:0.5"])
def test_distorted_amounts_are_repaired(metric):
    assert choose_calibrator(fit_amounts(metric, np.inf), RAW, AMOUNTS, FOLDS).coefficients[0] == pytest.approx(2, abs=0.1)


def test_amounts_that_no_line_makes_better_stay_as_they_are():
    parts = np.split(np.arange(len(MARGIN)), 8)
    kept = [choose_calibrator(fit_amounts("rmse", np.inf), 40 * MARGIN[part], AMOUNTS[part], FOLDS[part]) for part in parts]
    assert IDENTITIES["identity"] in kept


def test_a_level_of_before_the_season_turned_is_not_carried_on():
    fitting, turned = fit_amounts("rmse", np.inf), np.where(FOLDS == FOLDS.max(), RAW, 2 * RAW)
    assert choose_calibrator(fitting, RAW, turned, FOLDS) == IDENTITIES["identity"]
    assert choose_calibrator(fitting, RAW, 2 * RAW, FOLDS).coefficients[0] == pytest.approx(2, abs=0.1)


def test_with_a_single_fold_amounts_stay_as_they_are():
    assert choose_calibrator(fit_amounts("mae", np.inf), RAW, AMOUNTS, FOLDS * 0) == IDENTITIES["identity"]


def test_the_order_survives_even_when_labels_contradict_it():
    calibrator = fit_calibrator("line", -RAW, AMOUNTS, metrics.absolute_loss)
    assert (np.diff(apply_calibrator(calibrator, np.linspace(-500, 500, 999))) > 0).all()


# Objectives


@pytest.mark.parametrize(
    ("metric", "xgboost", "lightgbm"),
    [
        ("mae", "reg:absoluteerror", "regression_l1"),
        ("rmse", "reg:squarederror", "regression"),
        ("gini", "reg:squarederror", "regression"),
        ("poisson", "count:poisson", "poisson"),
        ("tweedie", "reg:tweedie", "tweedie"),
        ("pinball:0.9", "reg:quantileerror", "quantile"),
    ],
)
def test_a_metric_names_the_objectives(metric, xgboost, lightgbm):
    rows = replace(ROWS, task=task_of(amount_model(metric)))
    given = [full_parameters(REGULARISED_DEFAULTS[library], 7, rows)["objective"] for library in ("xgboost", "lightgbm")]
    assert given == [xgboost, lightgbm]


def test_another_metric_or_cap_needs_another_search():
    models = (MODEL, amount_model("gini"), amount_model("rmse", cap=90.0))
    assert len({name_basis(model, ROWS.features, "sql") for model in models}) == len(models)


# Guards and alarms


def check(model, **changes: object) -> None:
    plan = small_plan(model)
    check_training_set(model, replace(make_amounts(plan.training), **changes), plan)


def test_amounts_pass_where_they_are_declared_and_nowhere_else():
    check(MODEL)
    with pytest.raises(ColumnContractBroken, match="labels must be 0 or 1"):
        check(small_model())


def test_amounts_that_are_all_the_same_teach_nothing():
    labels = make_amounts(small_plan(MODEL).training).labels
    with pytest.raises(OneClassLabels, match="all 1800 training labels are 7: there is nothing to learn"):
        check(MODEL, labels=labels * 0 + 7)


def test_of_labels_0_and_1_the_strength_of_a_feature_is_its_auc():
    binary = make_training_set(mondays(6))
    features = {name: auc.estimate for name, auc in rank_alone(gather_rows(small_model(), binary)).items()}
    amounts = {name: each.estimate for name, each in rank_alone(gather_rows(MODEL, binary)).items()}
    assert amounts == pytest.approx(features)


def test_a_feature_that_knows_the_amount_is_a_leak():
    leaking = replace(
        TRAINING, features=TRAINING.features.assign(paid=np.sqrt(TRAINING.labels), strong=TRAINING.labels + 300 * MARGIN[:900])
    )
    rows = gather_rows(amount_model("mae"), leaking)
    (sentence,) = meet_oracles(amount_model("mae", max_feature_auc=0.9), rows, rank_alone(rows), "ask")
    assert "reach a strength, (1 + normalised Gini) / 2, over max_feature_auc = 0.9 " in sentence
    assert 'training.exclude = ["paid"]' in sentence


def test_three_large_amounts_that_happen_to_rank_high_are_no_leak():
    index = pd.MultiIndex.from_product([[pd.Timestamp("2017-03-27")], range(100)], names=["as_of", "entity_id"])
    labels = pd.Series(np.r_[np.full(3, 50.0), np.zeros(97)], index)
    rows = gather_rows(MODEL, replace(TRAINING, features=pd.DataFrame({"few": np.arange(100.0)[::-1]}, index), labels=labels))
    assert meet_oracles(amount_model("rmse", max_feature_auc=0.8), rows, rank_alone(rows), "ask") == ()


def test_what_a_feature_is_worth_is_said_in_the_measure_of_the_model():
    model, names = amount_model("mae"), tuple(TRAINING.features.columns)
    rows = gather_rows(model, TRAINING)
    rule = Recipe("single_feature", {"feature": "other", "direction": "increasing"})
    worth = Weighing(model, CurrentStateUse(("accounts",), names), rows, None).weigh_on_all(rule)
    assert worth.headline_without == pytest.approx(np.abs(rows.labels - np.median(rows.labels)).mean())
    assert worth.gain.low > 0
    assert "its mean absolute error is" in worth.sentence


# By hand


def test_a_person_may_write_a_ridge_of_amounts():
    assert write_recipe("ridge", {"alpha": 5.0}, linear="ridge") == Recipe("ridge", {"alpha": 5.0})


@pytest.mark.parametrize(("algorithm", "linear"), [("logistic", "ridge"), ("ridge", "logistic")])
def test_the_linear_recipe_of_other_labels_is_refused(algorithm, linear):
    with pytest.raises(ConfigError, match=f"There is no algorithm {algorithm}: write one of xgboost, lightgbm, {linear}, single"):
        write_recipe(algorithm, {}, linear=linear)
