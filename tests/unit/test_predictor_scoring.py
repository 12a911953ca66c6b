"""What a predictor says about rows, and which frames it refuses."""

import lightgbm
import numpy as np
import pandas as pd
import pytest
import xgboost
from pydantic import ValidationError

from perennial.errors import SchemaMismatch
from perennial.predictor import (
    Calibrator,
    Contract,
    Feature,
    Linear,
    Predictor,
    apply_calibrator,
    as_dmatrix,
    encode,
    expand_inputs,
)

FEATURES = (
    Feature(name="recency_days", median=10.0),
    Feature(name="spend_28d", median=50.0),
    Feature(name="channel", kind="category", categories=("app", "store", "web")),
)


def draw_frame(rows: int = 400) -> pd.DataFrame:
    random = np.random.default_rng(7)
    return pd.DataFrame(
        {
            "recency_days": random.integers(0, 60, rows).astype("int64"),
            "spend_28d": np.where(random.random(rows) < 0.1, np.nan, random.normal(50, 20, rows)),
            "channel": random.choice(["app", "store", "web"], rows),
        }
    )


def draw_labels(frame: pd.DataFrame) -> np.ndarray:
    return (frame["recency_days"] + 10 * (frame["channel"] == "web") > 35).to_numpy(dtype="float64")


@pytest.fixture(scope="module", params=["xgboost", "lightgbm", "logistic"])
def predictor(request) -> Predictor:
    frame = draw_frame()
    matrix, labels = encode(frame, FEATURES), draw_labels(frame)
    calibrator = Calibrator(kind="beta", coefficients=(1.1, 0.9, 0.2))
    if request.param == "logistic":
        linear = Linear(intercept=-1.0, coefficients=(2.0, -0.5, 0, 0, 1.0), means=(30, 50, 0, 0, 0), scales=(15, 20, 1, 1, 1))
        return Predictor(
            Contract(model="toy", algorithm="logistic", features=FEATURES, calibrator=calibrator, linear=linear), None
        )
    contract = Contract(model="toy", algorithm=request.param, features=FEATURES, calibrator=calibrator, rounds=10)
    if request.param == "xgboost":
        parameters = {"objective": "binary:logistic", "max_depth": 3, "nthread": 2}
        return Predictor(contract, xgboost.train(parameters, as_dmatrix(matrix, FEATURES, labels=labels), num_boost_round=10))
    parameters = {"objective": "binary", "num_leaves": 7, "verbosity": -1, "num_threads": 2}
    data = lightgbm.Dataset(matrix, labels, feature_name=[each.name for each in FEATURES], categorical_feature=[2])
    return Predictor(contract, lightgbm.train(parameters, data, num_boost_round=10))


def test_numbers_booleans_and_categories_become_one_matrix():
    features = (Feature(name="n"), Feature(name="b"), Feature(name="c", kind="category", categories=("a", "z")))
    frame = pd.DataFrame({"c": ["z", "a", "new", None], "b": [True, False, None, True], "n": [1, 2, 3, 4]})
    np.testing.assert_array_equal([[1, 1, 1], [2, 0, 0], [3, np.nan, np.nan], [4, 1, np.nan]], encode(frame, features))


def test_nullable_and_all_null_columns_are_numbers():
    features = (Feature(name="i"), Feature(name="empty"))
    frame = pd.DataFrame({"i": pd.array([1, None], dtype="Int64"), "empty": pd.Series([None, None], dtype="object")})
    np.testing.assert_array_equal([[1, np.nan], [np.nan, np.nan]], encode(frame, features))


def test_what_the_training_never_saw_is_missing_or_belongs_to_the_rare():
    frame = pd.DataFrame({"c": ["a", "new", None]})
    lists = {"kind": "category", "categories": ("a", "b")}
    codes = [encode(frame, (Feature(name="c", pooled=pooled, **lists),))[:, 0] for pooled in (0, 3)]
    np.testing.assert_array_equal([[0, np.nan, np.nan], [0, 2, np.nan]], codes)


def test_a_contract_from_before_rare_values_were_pooled_says_that_none_are():
    assert 0 == Feature.model_validate_json('{"name": "c", "kind": "category", "categories": ["a", "b"]}').pooled


def test_a_reason_shows_a_long_text_shortened_and_a_rare_one_by_that_name():
    feature = Feature(name="note", kind="category", categories=("a\nb", "long " * 400), pooled=7)
    linear = Linear(intercept=0, coefficients=(1, -1, 1), means=(0, 0, 0), scales=(1, 1, 1))
    toy = Predictor(Contract(model="toy", algorithm="logistic", features=(feature,), linear=linear), None)
    (lines, long, rare) = (reasons[0] for reasons in toy.explain(pd.DataFrame({"note": ["a\nb", "long " * 400, "x"]}), 1))
    assert ("+ note = a b", "+ note = a rare value") == (lines, rare)
    assert (f"- note = {'long ' * 15}long…", 89) == (long, len(long))


def test_a_reason_shows_a_number_in_few_characters():
    linear = Linear(intercept=0, coefficients=(1,), means=(0,), scales=(1,))
    toy = Predictor(Contract(model="toy", algorithm="logistic", features=(Feature(name="n"),), linear=linear), None)
    reasons = [reason for (reason,) in toy.explain(pd.DataFrame({"n": [1e300, -2.5e15, 999_999_999_999_999, 41.0, 0.125]}), 1)]
    assert ["+ n = 1e+300", "- n = -2.5e+15", "+ n = 999999999999999", "+ n = 41", "+ n = 0.125"] == reasons


def test_a_category_is_coded_by_the_contract_and_not_by_the_frame():
    features = (Feature(name="c", kind="category", categories=("a", "b", "z")),)
    frame = pd.DataFrame({"c": pd.Categorical(["z", "a"], categories=["z", "a"])})
    np.testing.assert_array_equal([[2.0], [0.0]], encode(frame, features))


def test_missing_columns_are_all_named():
    with pytest.raises(SchemaMismatch, match="lacks recency_days, channel"):
        encode(draw_frame()[["spend_28d"]], FEATURES)


def test_a_number_that_became_text_is_named():
    with pytest.raises(SchemaMismatch, match="recency_days was numeric, is str"):
        encode(draw_frame().astype({"recency_days": "str"}), FEATURES)


def test_a_category_that_became_a_number_is_named():
    with pytest.raises(SchemaMismatch, match="channel was category, is int64"):
        encode(draw_frame().assign(channel=1), FEATURES)


def test_infinity_is_refused_and_named():
    with pytest.raises(SchemaMismatch, match="Infinite values in spend_28d"):
        encode(draw_frame().assign(spend_28d=np.inf), FEATURES)


def test_a_booster_whose_file_carries_the_names_of_its_features_gives_the_same_scores():
    frame = draw_frame()
    matrix, labels = encode(frame, FEATURES), draw_labels(frame)
    contract = Contract(model="toy", algorithm="xgboost", features=FEATURES, rounds=10)
    parameters = {"objective": "binary:logistic", "max_depth": 3, "nthread": 2}
    older, newer = (
        Predictor(
            contract, xgboost.train(parameters, as_dmatrix(matrix, FEATURES, labels=labels, names=names), num_boost_round=10)
        )
        for names in ([feature.name for feature in FEATURES], None)
    )
    assert (older.score(frame) == newer.score(frame)).all()
    assert older.explain(frame, 3) == newer.explain(frame, 3)


def test_scores_do_not_depend_on_the_order_of_the_columns(predictor):
    frame = draw_frame()
    np.testing.assert_array_equal(predictor.score(frame), predictor.score(frame[["channel", "spend_28d", "recency_days"]]))


def test_scores_lie_between_zero_and_one_and_know_the_signal(predictor):
    frame = draw_frame()
    scores, labels = predictor.score(frame), draw_labels(frame)
    assert 0 <= scores.min() < scores.max() <= 1
    assert scores[labels == 1].mean() > scores[labels == 0].mean() + 0.2


def test_no_rows_give_no_scores(predictor):
    assert (len(predictor.score(draw_frame().head(0))), predictor.explain(draw_frame().head(0), 3)) == (0, [])


def test_a_late_recency_raises_the_score_and_is_the_strongest_reason(predictor):
    frame = pd.DataFrame({"recency_days": [58, 1], "spend_28d": [50.0, np.nan], "channel": ["store", "other"]})
    (first, *_), (second, *_) = predictor.explain(frame, 3)
    assert (first, second) == ("+ recency_days = 58", "- recency_days = 1")


def test_missing_values_and_unknown_categories_read_unknown(predictor):
    frame = pd.DataFrame({"recency_days": [5], "spend_28d": [np.nan], "channel": ["other"]})
    texts = {text[2:] for text in predictor.explain(frame, 3)[0]}
    assert {"recency_days = 5", "spend_28d = unknown", "channel = unknown"} == texts


def test_equal_contributions_keep_the_order_of_the_features():
    features = (Feature(name="b"), Feature(name="a"), Feature(name="c"))
    linear = Linear(intercept=0, coefficients=(1, -1, 2), means=(0, 0, 0), scales=(1, 1, 1))
    predictor = Predictor(Contract(model="toy", algorithm="logistic", features=features, linear=linear), None)
    frame = pd.DataFrame({"a": [1.0], "b": [1.0], "c": [0.125]})
    assert predictor.explain(frame, 3) == [("+ b = 1", "- a = 1", "+ c = 0.125")]


def test_contributions_of_a_booster_add_up_to_its_margin(predictor):
    matrix = encode(draw_frame(50), FEATURES)
    differences = predictor._contribute(matrix).sum(axis=1) - np.log(
        predictor._predict(matrix) / (1 - predictor._predict(matrix))
    )
    np.testing.assert_allclose(differences, differences[0], atol=1e-4)


def test_logistic_takes_the_median_for_a_missing_number():
    linear = Linear(intercept=0.5, coefficients=(2.0, -1.0, 0.1, 0.2, 0.3), means=(8, 50, 0, 0, 0), scales=(4, 10, 1, 1, 1))
    predictor = Predictor(Contract(model="toy", algorithm="logistic", features=FEATURES, linear=linear), None)
    frame = pd.DataFrame({"recency_days": [np.nan], "spend_28d": [60.0], "channel": ["web"]})
    expected = 1 / (1 + np.exp(-(0.5 + 2 * (10 - 8) / 4 - 1 + 0.3)))
    np.testing.assert_allclose([expected], predictor.score(frame))


def test_expanded_inputs_have_one_column_per_category():
    expected = [[10.0, 1.0, 0.0, 1.0, 0.0], [3.0, 50.0, 0.0, 0.0, 0.0]]
    np.testing.assert_array_equal(expected, expand_inputs(np.array([[np.nan, 1, 1], [3, np.nan, np.nan]]), FEATURES))


@pytest.mark.parametrize(
    ("kind", "coefficients"),
    [("platt", (0.3, -2.0)), ("beta", (0.5, 2.0, 0.1)), ("beta", (0.0, 1.0, 0.0)), ("beta", (1.0, 0.0, 3.0))],
)
def test_calibrators_are_strictly_increasing(kind, coefficients):
    raw = np.linspace(0.001, 0.999, 999)
    assert np.all(np.diff(apply_calibrator(Calibrator(kind=kind, coefficients=coefficients), raw)) > 0)


def test_an_identity_calibrator_changes_nothing():
    raw = np.array([1e-6, 0.25, 0.5, 0.999])
    np.testing.assert_allclose(raw, apply_calibrator(Calibrator(kind="beta", coefficients=(1, 1, 0)), raw), rtol=1e-12)


@pytest.mark.parametrize(
    ("kind", "coefficients"),
    [("platt", (0.0, 1.0)), ("platt", (-1.0, 0.0)), ("beta", (0.0, 0.0, 1.0)), ("beta", (-0.1, 1.0, 0.0)), ("platt", (1.0,))],
)
def test_a_calibrator_that_is_not_increasing_is_refused(kind, coefficients):
    with pytest.raises(ValidationError, match="not strictly increasing"):
        Calibrator(kind=kind, coefficients=coefficients)


def test_unsorted_categories_are_refused():
    with pytest.raises(ValidationError, match="sorted and distinct"):
        Feature(name="c", kind="category", categories=("b", "a"))
