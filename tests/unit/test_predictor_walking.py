"""Rows that are walked through tables have the bits of XGBoost's own walk, also where a value lies on a threshold."""

import numpy as np
import pandas as pd
import pytest
import xgboost
from hypothesis import given, settings
from hypothesis import strategies as st

from perennial.errors import SchemaMismatch
from perennial.predictor import Contract, Feature, Predictor, RowsRefused, as_dmatrix, encode, make_quick, make_row_encoder
from perennial.predictor.trees import read_forests
from perennial.predictor.walking import MOST_STEPS, make_walker

CODES = 12
FEATURES = (
    *(Feature(name=f"n{number}", median=0.5) for number in range(4)),
    Feature(name="kind", kind="category", categories=tuple("abcdefghij"), pooled=2),
    Feature(name="town", kind="category", categories=tuple("klmnopqrstuv")),
)
NUMBERS = 4
LARGEST = float(np.finfo(np.float32).max)
PARAMETERS = {
    "logit": {"objective": "binary:logistic"},
    "identity": {"objective": "reg:squarederror"},
    "median": {"objective": "reg:absoluteerror"},
    "poisson": {"objective": "count:poisson"},
    "tweedie": {"objective": "reg:tweedie", "tweedie_variance_power": 1.3},
    "classes": {"objective": "multi:softprob", "num_class": 3},
    "a forest of trees each round": {"objective": "binary:logistic", "num_parallel_tree": 3, "subsample": 0.5},
    "leaf by leaf": {"objective": "binary:logistic", "grow_policy": "lossguide", "max_leaves": 40, "max_depth": 0},
    "one code against the others": {"objective": "binary:logistic", "max_cat_to_onehot": 100},
    "a base that was given": {"objective": "binary:logistic", "base_score": 0.123},
    "nothing but leaves": {"objective": "binary:logistic", "gamma": 1e9},
}


def draw_matrix(rows=600):
    random = np.random.default_rng(11)
    columns = {f"n{number}": np.where(random.random(rows) < 0.15, np.nan, random.normal(size=rows)) for number in range(NUMBERS)}
    columns["n1"] = np.where(random.random(rows) < 0.3, 0.0, columns["n1"])
    columns["n2"] = columns["n2"].round(1)
    texts = {"kind": random.choice(list("abcdefghijxy"), rows), "town": random.choice([*"klmnopqrstuv", None], rows)}
    return encode(pd.DataFrame(columns | texts), FEATURES)


MATRIX = draw_matrix()


def fit(name, rounds=7):
    signal = np.nan_to_num(MATRIX[:, 0]) + np.nan_to_num(MATRIX[:, 1]) * (MATRIX[:, 4] > 5) + (np.nan_to_num(MATRIX[:, 5]) % 3)
    labels = {"classes": np.digitize(signal, [0.5, 1.5]), "poisson": np.maximum(signal, 0).round()}.get(
        name, (signal > 1).astype(float)
    )
    parameters = {"nthread": 1, "max_depth": 5, "max_cat_to_onehot": 2, **PARAMETERS[name]}
    return xgboost.train(parameters, as_dmatrix(MATRIX, FEATURES, labels=labels, threads=1), rounds)


@pytest.fixture(scope="module")
def boosters():
    return {name: fit(name) for name in PARAMETERS}


@pytest.fixture(scope="module")
def hard(boosters):
    """What Hypothesis draws from: booster, walker, and hard values of every input."""
    return [(booster, make_walker(booster), list_hard_values(booster)) for booster in boosters.values()]


def ask_library(booster, matrix):
    return booster.predict(as_dmatrix(matrix, FEATURES, threads=1), output_margin=True)


def list_hard_values(booster):
    """For every input: each threshold, its neighbours in either precision, the middle at which rounding turns; or all codes."""
    found = {place: {0.0, -0.0, 1e-38, LARGEST, -LARGEST, 1e30} for place in range(len(FEATURES))}
    for forest in read_forests(booster):
        for tree in forest.trees:
            for decision in (each for each in tree.decisions if each is not None and each.codes is None):
                at = np.float32(decision.threshold)
                up, down = np.nextafter(at, np.float32(np.inf)), np.nextafter(at, np.float32(-np.inf))
                middle = (float(at) + float(up)) / 2
                exact = [float(at), float(up), float(down), middle]
                found[decision.feature] |= {
                    *exact,
                    *(float(np.nextafter(each, way)) for each in exact for way in (-np.inf, np.inf)),
                }
    codes = {place: range(CODES) for place, feature in enumerate(FEATURES) if feature.kind == "category"}
    return [[np.nan, *codes.get(place, sorted(found[place]))] for place in range(len(FEATURES))]


@pytest.mark.parametrize("name", PARAMETERS)
def test_beside_every_threshold_and_for_every_code_the_bits_are_those_of_the_library(boosters, name):
    booster = boosters[name]
    walker, values = make_walker(booster), list_hard_values(booster)
    rows = []
    for place, hard in enumerate(values):
        for turn, value in enumerate(hard):
            row = MATRIX[(turn * 7 + place) % len(MATRIX)].copy()
            row[place] = value
            rows.append(row)
    matrix = np.array([*rows, *MATRIX, np.full(len(FEATURES), np.nan)])
    expected = ask_library(booster, matrix)
    np.testing.assert_array_equal(expected, walker.add_leaves(matrix))
    alone = [walker.add_leaves(matrix[place : place + 1]) for place in range(0, len(matrix), 5)]
    np.testing.assert_array_equal(expected[::5], np.concatenate(alone))


@settings(max_examples=60)
@given(st.data())
def test_rows_of_any_hard_values_have_the_bits_of_the_library(hard, data):
    booster, walker, values = hard[data.draw(st.integers(0, len(hard) - 1))]
    rows = st.lists(st.tuples(*map(st.sampled_from, values)), min_size=1, max_size=30)
    matrix = np.array(data.draw(rows), dtype=np.float64)
    np.testing.assert_array_equal(ask_library(booster, matrix), walker.add_leaves(matrix))


def test_a_row_does_not_depend_on_those_beside_it(boosters):
    walker = make_walker(boosters["classes"])
    together = walker.add_leaves(MATRIX)
    np.testing.assert_array_equal(together[::-1], walker.add_leaves(MATRIX[::-1]))
    np.testing.assert_array_equal(together[3:50], walker.add_leaves(MATRIX[3:50]))


def test_many_rows_are_left_to_the_library():
    booster = fit("logit", rounds=60)
    walker = make_walker(booster)
    contract = Contract(model="toy", algorithm="xgboost", features=FEATURES, rounds=60)
    quick = make_quick(Predictor(contract, booster, 1, golden=MATRIX[:20]))
    assert walker.count_steps(len(MATRIX)) > MOST_STEPS > walker.count_steps(len(MATRIX[:9]))
    assert quick.way == "tables"
    np.testing.assert_array_equal(quick.predictor.score_matrix(MATRIX), quick.score(MATRIX))


@pytest.mark.parametrize("parameters", [{"booster": "dart", "rate_drop": 0.5}, {"booster": "gblinear"}])
def test_what_has_no_tables_is_scored_by_the_library(parameters):
    matrix, numbers = MATRIX[:, :NUMBERS], FEATURES[:NUMBERS]
    data = as_dmatrix(matrix, numbers, labels=(np.nan_to_num(matrix[:, 0]) > 0).astype(float), threads=1)
    booster = xgboost.train({"objective": "binary:logistic", "nthread": 1, **parameters}, data, 5)
    assert make_walker(booster) is None


def test_a_number_that_is_infinite_in_single_precision_is_refused_as_the_library_refuses_it():
    contract = Contract(model="toy", algorithm="xgboost", features=FEATURES[:1], rounds=3)
    matrix = MATRIX[:, :1]
    data = as_dmatrix(matrix, FEATURES[:1], labels=(np.nan_to_num(matrix[:, 0]) > 0).astype(float), threads=1)
    quick = make_quick(Predictor(contract, xgboost.train({"nthread": 1}, data, 3), 1, golden=matrix[:20]))
    largest = float(np.nextafter(2.0**128 - 2.0**103, 0))
    np.testing.assert_array_equal(
        quick.predictor.score_matrix(np.array([[largest]])), quick.score(make_row_encoder(contract).encode([{"n0": largest}]))
    )
    with pytest.raises(xgboost.core.XGBoostError, match="inf"):
        quick.predictor.score_matrix(np.array([[2.0**128 - 2.0**103]]))
    with pytest.raises(SchemaMismatch, match="Infinite values in n0"):
        quick.score(np.array([[-(2.0**128) + 2.0**103]]))
    with pytest.raises(RowsRefused, match=r"expects a number below 3\.4e\+38"):
        make_row_encoder(contract).encode([{"n0": 1e39}])
