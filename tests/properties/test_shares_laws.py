"""What holds for the contributions of every booster, whatever its depth, gaps and categories."""

import tracemalloc

import lightgbm
import numpy as np
import pytest
import xgboost
from hypothesis import given, settings
from hypothesis import strategies as st

from perennial.predictor import Feature, as_dmatrix, shap_tables
from perennial.predictor import shares as tables_of
from perennial.predictor.native import contribute_every, contribute_native
from perennial.predictor.shap_tables import make_tables, share_paths
from perennial.predictor.shares import TOLERANCE, make_shares, trust_shares
from perennial.predictor.trees import Decision, Forest, Tree, UnreadTrees

FEATURES = (
    *(Feature(name=f"n{place}") for place in range(5)),
    *(Feature(name=f"c{place}", kind="category", categories=tuple("abcdefghijklmnopqrstuvwxyz")) for place in range(2)),
)
OBJECTIVES = {"xgboost": ["binary:logistic", "reg:squarederror", "count:poisson"], "lightgbm": ["binary", "l2", "poisson"]}


def draw_rows(rng, rows=300):
    """Numbers with ties, gaps and values beyond single precision, and two categories of 3 and 26 codes."""
    matrix = np.column_stack([rng.normal(size=(rows, 4)), rng.integers(-2, 3, rows) / 10, rng.integers(0, 3, rows)])
    matrix = np.column_stack([matrix, rng.integers(0, 26, rows)])
    matrix[rng.random(matrix.shape) < rng.choice([0, 0.2], len(FEATURES))] = np.nan
    return matrix


def draw_labels(rng, matrix):
    signal = np.nan_to_num(matrix)
    return (signal[:, 0] * signal[:, 1] + signal[:, 4] * 5 + (signal[:, 6] % 5 == 2) + rng.normal(size=len(matrix)) > 0.3) * 1.0


def fit(algorithm, matrix, labels, *, depth, objective, **others):
    if algorithm == "xgboost":
        parameters = {"objective": objective, "max_depth": depth, "nthread": 1, "min_child_weight": 0, "max_cat_to_onehot": 4}
        return xgboost.train({**parameters, **others}, as_dmatrix(matrix, FEATURES, labels=labels, threads=1), 8)
    parameters = {"objective": objective, "max_depth": depth, "num_leaves": 1 << min(depth, 5), "min_data_in_leaf": 2}
    parameters |= {"min_data_per_group": 2, "cat_smooth": 1, "num_threads": 1, "verbosity": -1, **others}
    return lightgbm.train(parameters, lightgbm.Dataset(matrix, labels, categorical_feature=[5, 6]), 8)


def predict_margin(booster, matrix):
    if isinstance(booster, xgboost.Booster):
        return booster.predict(as_dmatrix(matrix, FEATURES, threads=1), output_margin=True)
    return booster.predict(matrix, raw_score=True, num_threads=1)


@pytest.mark.parametrize("algorithm", ["xgboost", "lightgbm"])
@given(seed=st.integers(0, 2**32 - 1), depth=st.integers(1, 9), kind=st.integers(0, 2))
@settings(deadline=None, max_examples=30)
def test_tables_say_what_the_library_says_and_add_up_to_the_margin(algorithm, seed, depth, kind):
    rng = np.random.default_rng(seed)
    rows, unseen = draw_rows(rng), draw_rows(rng)
    unseen[0] = np.nan
    booster = fit(algorithm, rows, draw_labels(rng, rows), depth=depth, objective=OBJECTIVES[algorithm][kind])
    (shares,) = make_shares(booster)
    found = shares.contribute(unseen)
    np.testing.assert_allclose(found, contribute_native(booster, unseen, FEATURES, threads=1), rtol=0, atol=TOLERANCE)
    np.testing.assert_allclose(found.sum(axis=1) + shares.base, predict_margin(booster, unseen), rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize(("algorithm", "objective"), [("xgboost", "multi:softprob"), ("lightgbm", "multiclass")])
@given(seed=st.integers(0, 2**32 - 1), depth=st.integers(1, 7), classes=st.integers(2, 5))
@settings(deadline=None, max_examples=15)
def test_tables_of_classes_say_of_each_what_the_library_says(algorithm, objective, seed, depth, classes):
    rng = np.random.default_rng(seed)
    rows, unseen = draw_rows(rng), draw_rows(rng)
    labels = (draw_labels(rng, rows) + rng.integers(0, classes, len(rows))) % classes
    booster = fit(algorithm, rows, labels, depth=depth, objective=objective, num_class=classes)
    shares = make_shares(booster)
    found = np.array([each.contribute(unseen) for each in shares])
    np.testing.assert_allclose(found, contribute_every(booster, unseen, FEATURES, threads=1), rtol=0, atol=TOLERANCE)
    margins = found.sum(axis=2).T + [each.base for each in shares]
    np.testing.assert_allclose(margins, predict_margin(booster, unseen), rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("algorithm", ["xgboost", "lightgbm"])
def test_a_row_says_the_same_alone_and_among_many(algorithm):
    rng = np.random.default_rng(3)
    rows = draw_rows(rng, 9000)
    booster = fit(algorithm, rows, draw_labels(rng, rows), depth=6, objective=OBJECTIVES[algorithm][0])
    (shares,) = make_shares(booster)
    np.testing.assert_array_equal(shares.contribute(rows)[-2:-1], shares.contribute(rows[-2:-1]))


@pytest.mark.parametrize("algorithm", ["xgboost", "lightgbm"])
def test_trees_that_ask_nothing_say_nothing_of_any_feature(algorithm):
    rows = draw_rows(np.random.default_rng(8))
    booster = fit(algorithm, rows, np.full(len(rows), 0.7), depth=3, objective=OBJECTIVES[algorithm][1])
    (shares,) = make_shares(booster)
    assert not shares.contribute(rows).any()
    np.testing.assert_allclose(predict_margin(booster, rows), shares.base, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("algorithm", ["xgboost", "lightgbm"])
def test_codes_beyond_those_of_the_training_go_where_the_library_sends_them(algorithm):
    rng = np.random.default_rng(9)
    rows = draw_rows(rng)
    booster = fit(algorithm, rows, draw_labels(rng, rows), depth=5, objective=OBJECTIVES[algorithm][0])
    rows[:, 5:] += 20
    (shares,) = make_shares(booster)
    found = shares.contribute(rows)
    np.testing.assert_allclose(found, contribute_native(booster, rows, FEATURES, threads=1), rtol=0, atol=TOLERANCE)


def grow_tree(depth: int, features: int) -> Tree:
    """A whole tree, each level of which asks another feature, or one that was asked before."""
    inner, nodes = (1 << depth) - 1, (2 << depth) - 1
    levels = [place.bit_length() - 1 for place in range(1, inner + 1)]
    decisions = [*(Decision(level % features, 0.1 * level, "left") for level in levels), *[None] * (1 << depth)]
    left = np.array([2 * node + 1 if node < inner else -1 for node in range(nodes)])
    covers = np.array([2.0 ** -((node + 1).bit_length()) for node in range(nodes)])
    return Tree(tuple(decisions), left, np.where(left < 0, -1, left + 1), covers, np.linspace(-1, 1, nodes))


def test_what_making_tables_takes_beside_them_does_not_grow_with_the_trees(monkeypatch):
    monkeypatch.setattr(shap_tables, "WORK_BYTES", 2**18)
    beside = []
    for trees in (4, 16):
        tracemalloc.start()
        try:
            tables = make_tables(Forest((grow_tree(6, 6),) * trees, 0.0, np.float32))
            beside.append(tracemalloc.get_traced_memory()[1] - sum(table.shares.nbytes for table in tables))
        finally:
            tracemalloc.stop()
    assert beside[1] < 1.5 * beside[0]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=9), st.floats(-5, 5))
@settings(deadline=None, max_examples=40)
def test_shares_of_a_leaf_add_up_to_what_it_says_of_a_row_less_what_it_says_of_all(path, value):
    told = share_paths(np.array([value]), np.array([path]))[0].sum(axis=1)
    expected = np.full(1 << len(path), -value * np.prod(path))
    expected[-1] += value
    np.testing.assert_allclose(told, expected, atol=1e-12)


@pytest.mark.parametrize(
    ("algorithm", "others", "cause"),
    [
        ("xgboost", {"booster": "dart"}, "boosts with dart"),
        ("lightgbm", {"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.5}, "averages its trees"),
        ("lightgbm", {"linear_tree": True}, "linear trees"),
        ("lightgbm", {"zero_as_missing": True}, "zeros as missing"),
    ],
)
def test_what_tables_do_not_cover_is_left_to_the_library_which_the_log_says(algorithm, others, cause, caplog):
    rng = np.random.default_rng(5)
    rows = draw_rows(rng)
    booster = fit(algorithm, rows, draw_labels(rng, rows), **{"depth": 3, "objective": OBJECTIVES[algorithm][0], **others})
    with pytest.raises(UnreadTrees, match=cause):
        make_shares(booster)
    with caplog.at_level("INFO"):
        assert trust_shares(booster, rows, np.zeros((1, *rows.shape)), "toy") is None
    assert "reasons of toy come from the library, not from tables: " in caplog.text
    assert cause in caplog.text


def grow_chain(levels: int, features: int) -> Tree:
    """Each level has a leaf on its left, and asks another feature, or one that was asked before."""
    decisions = [each for level in range(levels) for each in (Decision(level % features, float(-level), "left"), None)]
    left = [each for level in range(levels) for each in (2 * level + 1, -1)]
    right = [each for level in range(levels) for each in (2 * level + 2, -1)]
    covers = [each for level in range(levels) for each in (float(levels + 1 - level), 1.0)]
    ends = [np.append(each, end) for each, end in ((left, -1), (right, -1), (covers, 1.0))]
    return Tree((*decisions, None), *ends, np.arange(2.0 * levels + 1))


@pytest.mark.parametrize(
    ("tree", "most_bytes", "cause"),
    [
        (grow_chain(15, 15), 2**28, "a leaf lies below 15 features, more than 14"),
        (grow_chain(14, 14), 2**20, "tables would take more than 1 MB"),
        (grow_chain(3000, 3), 2**28, "more levels than Python steps down"),
    ],
    ids=["deep", "large", "endless"],
)
def test_trees_of_which_tables_would_be_too_deep_or_too_large_are_left_to_the_library(
    tree, most_bytes, cause, monkeypatch, caplog
):
    monkeypatch.setattr(tables_of, "TABLE_BYTES", most_bytes)
    monkeypatch.setattr(tables_of, "read_forests", lambda _: (Forest((tree,), 0.0, np.float64),))
    with caplog.at_level("INFO"):
        assert trust_shares(None, np.zeros((1, 15)), np.zeros((1, 1, 15)), "toy") is None
    assert cause in caplog.text


def test_tables_of_classes_share_the_memory_of_one(monkeypatch):
    forest = Forest((grow_chain(8, 8),), 0.0, np.float64)
    size = sum(table.shares.nbytes for table in make_tables(forest))
    monkeypatch.setattr(tables_of, "TABLE_BYTES", 2 * size)
    monkeypatch.setattr(tables_of, "read_forests", lambda classes: (forest,) * classes)
    assert 2 == len(make_shares(2))
    with pytest.raises(UnreadTrees, match="tables would take more than"):
        make_shares(3)


def test_tables_that_differ_from_the_library_are_not_used(caplog):
    rng = np.random.default_rng(6)
    rows = draw_rows(rng)
    booster = fit("xgboost", rows, draw_labels(rng, rows), depth=3, objective="binary:logistic")
    expected = contribute_every(booster, rows, FEATURES, threads=1)
    assert trust_shares(booster, rows, expected, "toy") is not None
    expected[0, 0, 0] += 1e-3
    assert trust_shares(booster, rows, expected, "toy") is None
    assert "on the golden rows the tables differ by 0.001 (allowed" in caplog.text
