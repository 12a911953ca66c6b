"""Encoded rows, cut by as_of."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pandas as pd

from perennial.predictor import expand_inputs
from perennial.records import SearchHistory
from perennial.train import find_search
from perennial.train.guards import has_folds
from perennial.train.pooling import FEWEST_ENTITIES, MOST_VALUES
from perennial.train.rows import describe_features, gather_rows
from tests.training_sets import make_training_set, mondays, small_model, small_plan

DAYS = mondays(4)
MODEL = small_model()
ROWS = gather_rows(MODEL, make_training_set(DAYS, entities=3))


def test_as_ofs_that_stand_together_are_looked_at_and_not_copied():
    assert np.shares_memory(ROWS.inputs.columns[0], ROWS.on(DAYS[:3]).inputs.columns[0])


def test_as_ofs_that_stand_together_are_exactly_the_chosen_ones():
    part = ROWS.on(DAYS[1:3])
    assert list(pd.to_datetime(list(DAYS[1:3]))) == list(part.index.get_level_values("as_of").unique())
    assert np.array_equal(ROWS.matrix[3:9], part.matrix, equal_nan=True)
    assert np.array_equal(ROWS.labels[3:9], part.labels)


def test_as_ofs_that_lie_apart_keep_their_order():
    part = ROWS.on((DAYS[3], DAYS[0]))
    assert np.array_equal(np.concatenate([ROWS.matrix[:3], ROWS.matrix[9:]]), part.matrix, equal_nan=True)


def test_an_as_of_without_rows_gives_none():
    assert 0 == len(ROWS.on((mondays(9)[8],)).labels)


# What asks about rows without fitting
PLAN = small_plan(MODEL)
MANY = make_training_set(PLAN.training, entities=400)
BROAD = replace(MANY, features=pd.DataFrame({f"f{place}": MANY.features["strength"] for place in range(100)}))
MATRIX_BYTES = BROAD.features.size * 8


def measure_peak(ask):
    tracemalloc.start()
    answer = ask()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return answer, peak


def test_features_are_described_as_those_that_are_encoded():
    training = make_training_set(DAYS, entities=3)
    assert ROWS.features == describe_features(MODEL, training)
    assert ROWS.features[:1] == describe_features(MODEL, training, only=[ROWS.features[0].name])


def test_asking_whether_to_search_encodes_no_matrix():
    choice, peak = measure_peak(lambda: find_search(MODEL, BROAD, SearchHistory()))
    assert (None, True) == (choice.recipe, peak < MATRIX_BYTES / 2)


def test_asking_for_folds_encodes_no_matrix():
    found, peak = measure_peak(lambda: has_folds(MODEL, BROAD, PLAN))
    assert (True, True) == (found, peak < MATRIX_BYTES / 2)


# Rare values
WIDE = make_training_set(DAYS[:2], entities=6 * MOST_VALUES)
ENTITIES = WIDE.features.index.get_level_values("entity_id")


def gather_text(values):
    training = replace(WIDE, features=pd.DataFrame({"text": pd.Categorical(values)}, index=WIDE.features.index))
    rows = gather_rows(MODEL, training)
    return rows.features[0], rows


def test_a_value_of_few_entities_shares_a_place_with_the_others_however_often_it_stands_there():
    values = np.where(ENTITIES < FEWEST_ENTITIES - 1, "few", np.where(ENTITIES < 10, "enough", "many"))
    feature, rows = gather_text(values)
    assert (("enough", "many"), 1) == (feature.categories, feature.pooled)
    assert {"few": 2.0, "enough": 0.0, "many": 1.0} == dict(zip(values, rows.matrix[:, 0], strict=True))


def test_one_value_per_entity_is_one_column():
    feature, rows = gather_text([f"Street {number}" for number in ENTITIES])
    assert ((), 6 * MOST_VALUES, (2 * 6 * MOST_VALUES, 1)) == (
        feature.categories,
        feature.pooled,
        expand_inputs(rows.matrix, rows.features).shape,
    )


def test_of_many_values_the_most_held_are_known():
    feature, _ = gather_text([f"town {number // 5:03}" for number in ENTITIES])
    assert (MOST_VALUES, 20, "town 000") == (len(feature.categories), feature.pooled, feature.categories[0])


def test_without_a_rare_value_nothing_is_pooled_and_a_missing_one_is_none():
    values = pd.Series(np.where(ENTITIES % 2, "odd", "even")).where(ENTITIES > 0).to_numpy()
    feature, rows = gather_text(values)
    assert (("even", "odd"), 0, True) == (feature.categories, feature.pooled, np.isnan(rows.matrix[0, 0]))
