"""What classes are fitted by: a multinomial regression, a slope and biases of calibration, objectives, guards and alarms."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xgboost
from pydantic import ValidationError
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression

from perennial.errors import ColumnContractBroken, OneClassLabels
from perennial.predictor import IDENTITIES, Calibrator, ClassLinear, Contract, Feature, Predictor, apply_calibrator, as_dmatrix
from perennial.predictor.native import contribute_native
from perennial.records import CurrentStateUse, Recipe
from perennial.tasks import task_of
from perennial.tasks.fitting import CLASSES
from perennial.train.alarms import meet_oracles, rank_alone
from perennial.train.baselines import choose_single_feature, fit_linear, fit_single_feature
from perennial.train.boosters import REGULARISED_DEFAULTS, fit_recipe, full_parameters, measure_gains
from perennial.train.calibration import carry_calibrator, choose_calibrator, fit_calibrator
from perennial.train.candidates import assess_linear, lose_by_constant
from perennial.train.current_state import Weighing
from perennial.train.guards import check_training_set
from perennial.train.multinomial import solve_multinomial
from perennial.train.rows import cut_folds, gather_rows
from perennial.train.splits import make_folds
from tests.training_sets import class_model, make_classes, make_training_set, mondays, small_model, small_plan

RNG = np.random.default_rng(11)
COLUMNS = RNG.normal(size=(3000, 3))
MARGINS = COLUMNS @ RNG.normal(size=(3, 3)) + [0.5, 0.0, -0.5]
CODES = (MARGINS + RNG.gumbel(size=MARGINS.shape)).argmax(axis=1).astype(float)
RAW = softmax(MARGINS / 2 + [0.3, 0.0, -0.2], axis=1)
FOLDS = np.arange(len(CODES)) % 4
MODEL = class_model()
NAMES = ("bakery", "dairy", "gifts", "produce")
TRAINING = make_classes(mondays(8))
ROWS = gather_rows(MODEL, TRAINING)


# Fits


def test_a_multinomial_regression_is_that_of_scikit_learn():
    fitted = LogisticRegression(C=0.05, tol=1e-9, max_iter=1000).fit(COLUMNS, CODES)
    found = solve_multinomial(COLUMNS, CODES, 3, 0.05)
    assert found[:-1].T == pytest.approx(fitted.coef_, abs=1e-4)
    assert found[-1] - found[-1].mean() == pytest.approx(fitted.intercept_ - fitted.intercept_.mean(), abs=1e-4)


def test_a_class_without_rows_in_a_fold_stays_unlikely_there():
    margins = solve_multinomial(COLUMNS, CODES, 4, 1.0)
    scores = softmax(COLUMNS @ margins[:-1] + margins[-1], axis=1)
    assert scores[:, 3].max() < 0.001
    assert np.isfinite(margins).all()


def test_rows_know_their_labels_as_places_and_as_names():
    assert ROWS.classes == NAMES
    assert ROWS.named.equals(TRAINING.labels.rename(None))
    assert ROWS.on(mondays(1)).classes == NAMES
    assert gather_rows(small_model(), make_training_set(mondays(2))).classes is None


@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
def test_a_booster_says_every_class_and_learns_them(library):
    predictor = fit_recipe(REGULARISED_DEFAULTS[library], 60, 7, ROWS)
    scores = ROWS.frame(predictor.score_matrix(ROWS.matrix))
    assert tuple(scores.columns) == predictor.contract.classes == NAMES
    assert scores.sum(axis="columns").to_numpy() == pytest.approx(1)
    shares = ROWS.named.value_counts(normalize=True)
    assert MODEL_TASK.loss.value(scores, ROWS.named) < -(shares * np.log(shares)).sum() - 0.1
    assert next(iter(measure_gains(predictor))) == "strength"


@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
def test_reasons_are_those_of_the_likeliest_class_and_add_up_to_its_margin(library):
    predictor = fit_recipe(REGULARISED_DEFAULTS[library], 60, 7, ROWS)
    first = ROWS.matrix[:60]
    likeliest = predictor.score_matrix(first).argmax(axis=1)
    found = predictor._contribute(first)
    margins = margins_of(predictor.booster, first)
    for place in set(likeliest.tolist()):
        members = likeliest == place
        every = contribute_native(predictor.booster, first, ROWS.features, chosen=np.full(60, place))
        assert np.ptp(margins[:, place] - every.sum(axis=1)) < 1e-4
        assert found[members].tolist() == every[members].tolist()
    from_tables = replace(predictor, golden=ROWS.matrix[60:80])
    assert from_tables._shares is not None
    np.testing.assert_allclose(from_tables._contribute(first), found, rtol=0, atol=1e-5)


def margins_of(booster, matrix):
    if isinstance(booster, xgboost.Booster):
        return booster.predict(as_dmatrix(matrix, ROWS.features), output_margin=True)
    return booster.predict(matrix, raw_score=True)


def test_one_answer_for_all_are_the_shares_of_classes_and_nothing_of_one_that_came_later():
    """The last class by name comes in the newest rows alone, which no fold trains on."""
    days = TRAINING.labels.index.get_level_values("as_of")
    labels = TRAINING.labels.mask((TRAINING.labels == "produce") & (days < days.max()), "dairy")
    (fold,) = cut_folds(gather_rows(MODEL, replace(TRAINING, labels=labels)), make_folds(mondays(8), 1, MODEL.embargo))
    shares = fold.training.named.value_counts(normalize=True)
    assert "produce" not in shares
    expected = -np.log(fold.validation.named.map(shares).fillna(0).clip(lower=1e-4)).mean()
    assert lose_by_constant([fold]) == pytest.approx(expected, rel=1e-3)


def test_objectives_name_the_number_of_classes_of_all_training_rows():
    fold = cut_folds(ROWS, make_folds(mondays(8), 2, MODEL.embargo))[0]
    for library in ("xgboost", "lightgbm"):
        given = full_parameters(REGULARISED_DEFAULTS[library], 7, fold.training)
        assert (given["objective"], given["num_class"]) == ({"xgboost": "multi:softprob", "lightgbm": "multiclass"}[library], 4)


def test_a_rule_over_one_feature_has_no_direction():
    rule = choose_single_feature(MODEL, ROWS, rank_alone(ROWS))
    scores = fit_single_feature(rule, ROWS).score(TRAINING.features.assign(strength=np.linspace(-2, 2, len(ROWS.labels))))
    assert rule.parameters == {"feature": "strength"}
    assert np.diff(scores[:, 1]).min() > 0 > np.diff(scores[:, 3]).max()


# Calibration


def test_distorted_probabilities_are_repaired():
    found = choose_calibrator(CLASSES, RAW, CODES, FOLDS)
    slope, *biases = found.coefficients
    assert slope == pytest.approx(2, abs=0.2)
    assert biases == pytest.approx([0, 0.6, 1.0], abs=0.3)
    assert CLASSES.row_loss(CODES, apply_calibrator(found, RAW)).mean() < CLASSES.row_loss(CODES, RAW).mean()


def test_probabilities_that_no_map_makes_better_stay_as_they_are_to_the_last_bit():
    sound = softmax(MARGINS, axis=1)
    parts = np.split(np.arange(len(CODES)), 6)
    kept = [choose_calibrator(CLASSES, sound[part], CODES[part], FOLDS[part]) for part in parts]
    assert IDENTITIES["softmax"] in kept
    assert apply_calibrator(IDENTITIES["softmax"], sound).tolist() == sound.tolist()


def test_with_a_single_fold_classes_stay_as_they_are():
    assert choose_calibrator(CLASSES, RAW, CODES, FOLDS * 0) == IDENTITIES["softmax"]


def test_a_class_that_never_came_keeps_a_part_of_its_probability():
    wider = np.column_stack([RAW * 0.9, np.full(len(RAW), 0.1)])
    assert apply_calibrator(fit_calibrator("softmax", wider, CODES), wider)[:, 3].min() > 0


def test_biases_follow_their_classes_to_rows_that_hold_others():
    found = Calibrator(kind="softmax", coefficients=(1.5, 0.0, 0.2, 0.4))
    moved = carry_calibrator(found, ("a", "b", "c"), ("b", "c", "d"))
    assert moved.coefficients == pytest.approx((1.5, 0.0, 0.2, -0.2))
    assert carry_calibrator(IDENTITIES["softmax"], ("a", "b"), ("b", "c")) == IDENTITIES["softmax"]


def test_a_candidate_fits_rows_that_hold_a_class_more():
    model = class_model(folds=1)
    known = replace(TRAINING, labels=TRAINING.labels.replace("gifts", "dairy"))
    folds = cut_folds(gather_rows(model, known), make_folds(mondays(8), 1, model.embargo))
    candidate = assess_linear(folds)
    assert candidate.classes == ("bakery", "dairy", "produce")
    assert {"log_loss", "macro_auc", "accuracy", "calibration_error"} == set(candidate.metrics)
    assert candidate.metrics["log_loss"] == candidate.loss < np.log(3)


# Contracts


def declare(**changes: object) -> Contract:
    linear = ClassLinear(intercepts=(0.0, 1.0), coefficients=((1.0,), (-1.0,)), means=(0.0,), scales=(1.0,))
    given = {"linear": linear, "link": "softmax", "classes": ("a", "b"), "calibrator": IDENTITIES["softmax"], **changes}
    return Contract(model="toy", algorithm="logistic", features=(Feature(name="x", median=0.0),), **given)


def test_a_contract_names_its_classes_and_others_do_not_speak_of_them():
    again = Contract.model_validate_json(declare().write())
    assert again == declare()
    assert json.loads(declare().write())["classes"] == ["a", "b"]
    scores = Predictor(again, None).score(pd.DataFrame({"x": [0.0, 1.0]}))
    assert scores == pytest.approx(softmax([[0.0, 1.0], [1.0, 0.0]], axis=1))
    assert Predictor(again, None).explain(pd.DataFrame({"x": [3.0, -3.0]}), 1) == [("+ x = 3",), ("+ x = -3",)]
    assert "classes" not in json.loads(fit_linear(gather_rows(small_model(), make_training_set(mondays(2)))).contract.write())


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"classes": ("b", "a")}, "sorted and distinct"),
        ({"classes": ("a",)}, "two or more"),
        ({"classes": None}, "classes belong to link softmax"),
        ({"classes": ("a", "b", "c")}, "2 margins for 3 classes"),
        ({"calibrator": Calibrator(kind="softmax", coefficients=(1.0, 0.0))}, "1 biases for 2 classes"),
        ({"calibrator": IDENTITIES["logit"]}, "does not fit link softmax"),
    ],
)
def test_a_contract_that_contradicts_itself_is_refused(changes, said):
    with pytest.raises(ValidationError, match=said):
        declare(**changes)


def test_no_row_has_no_scores_of_as_many_classes():
    assert Predictor(declare(), None).score(pd.DataFrame({"x": np.empty(0)})).shape == (0, 2)


# Guards and alarms


def check(model, **changes: object) -> None:
    plan = small_plan(model)
    check_training_set(model, replace(make_classes(plan.training), **changes), plan)


def test_classes_pass_where_they_are_declared():
    check(MODEL)
    labels = make_classes(small_plan(MODEL).training).labels
    with pytest.raises(ColumnContractBroken, match=r"labels must be names of classes, found \[''\]"):
        check(MODEL, labels=labels.where(labels != "gifts", ""))
    with pytest.raises(OneClassLabels, match="all 1800 training labels are dairy: there is nothing to learn"):
        check(MODEL, labels=labels.where(labels == "dairy", "dairy"))


def test_a_feature_that_knows_one_class_is_a_leak():
    knows = (TRAINING.labels == "produce").astype(float) + 0.01 * TRAINING.features["other"]
    rows = gather_rows(MODEL, replace(TRAINING, features=TRAINING.features.assign(paid=knows)))
    (sentence,) = meet_oracles(class_model(max_feature_auc=0.9), rows, rank_alone(rows), "ask")
    assert "reach an AUC of one class against the others over max_feature_auc = 0.9 " in sentence
    assert 'training.exclude = ["paid"]' in sentence


def test_what_a_feature_is_worth_is_said_in_the_measure_of_the_model():
    names = tuple(TRAINING.features.columns)
    rule = Recipe("single_feature", {"feature": "strength"})
    worth = Weighing(MODEL, CurrentStateUse(("accounts",), names), ROWS, None).weigh_on_all(rule)
    shares = ROWS.named.value_counts(normalize=True)
    assert worth.headline_without == pytest.approx(-(shares * np.log(shares)).sum(), abs=0.002)
    assert worth.gain.low > 0
    assert "log-loss" in worth.sentence


MODEL_TASK = task_of(MODEL)
