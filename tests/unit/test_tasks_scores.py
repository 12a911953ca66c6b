"""Scores of classes as frames: what is published of them, and fits that know other classes than their neighbours."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perennial.tasks import find_published, frame_scores, stack_scores
from perennial.tasks.scores import find_likeliest, parse_classes, write_classes

INDEX = pd.Index([7, 9], name="entity_id")


def test_a_number_is_published_as_it_is():
    scores = frame_scores(np.array([0.25, 0.75]), INDEX, None)
    assert scores.name == "score"
    assert find_published(scores).tolist() == [0.25, 0.75]


def test_of_classes_the_likeliest_is_published_and_of_equals_the_first_by_name():
    scores = frame_scores(np.array([[0.2, 0.5, 0.3], [0.4, 0.2, 0.4]]), INDEX, ("a", "b", "c"))
    assert find_published(scores).tolist() == [0.5, 0.4]
    assert find_likeliest(scores).tolist() == ["b", "a"]


def test_a_class_that_a_fit_does_not_know_is_one_that_it_never_says():
    older = frame_scores(np.array([[0.5, 0.5]]), INDEX[:1], ("a", "c"))
    newer = frame_scores(np.array([[0.2, 0.3, 0.5]]), INDEX[1:], ("a", "b", "c"))
    stacked = stack_scores([older, newer])
    assert list(stacked.columns) == ["a", "b", "c"]
    assert stacked.loc[7].tolist() == [0.5, 0.0, 0.5]
    assert stacked.loc[9].tolist() == [0.2, 0.3, 0.5]


def test_numbers_of_several_fits_stay_one_column():
    parts = [frame_scores(np.array([0.5]), INDEX[:1], None), frame_scores(np.array([0.1]), INDEX[1:], None)]
    assert stack_scores(parts).to_dict() == {7: 0.5, 9: 0.1}


@given(
    st.lists(st.text(min_size=1, max_size=5), min_size=2, max_size=4, unique=True),
    st.lists(st.floats(0, 1, allow_subnormal=False), min_size=4, max_size=4),
)
def test_probabilities_come_back_from_json_to_the_bit_whatever_classes_are_called(names, values):
    scores = pd.DataFrame([values[: len(names)]], columns=sorted(names), index=pd.Index([1], name="entity_id"))
    again = parse_classes(write_classes(scores))
    pd.testing.assert_frame_equal(again, scores, check_exact=True)


@pytest.mark.parametrize("texts", [[], ['{"b": 0.5, "a": 0.5}']])
def test_columns_are_sorted_by_name_and_no_row_is_fine(texts):
    found = parse_classes(pd.Series(texts, index=pd.Index(range(len(texts)), name="entity_id"), dtype=object))
    assert len(found) == len(texts)
    assert list(found.columns) == sorted(found.columns)
