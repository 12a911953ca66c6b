"""Rows as JSON has them become the matrix that a frame of them becomes, or are refused by name and type, never by value."""

import json
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perennial.predictor import Feature, RowEncoder, RowsRefused, encode

FEATURES = (
    Feature(name="spend", median=50.0),
    Feature(name="channel", kind="category", categories=("app", "store", "web")),
    Feature(name="town", kind="category", categories=("a", "b"), pooled=3),
)
ENCODER = RowEncoder.of(FEATURES)
ROW = {"spend": 1.5, "channel": "web", "town": "a"}
TEXTS = st.sampled_from(["app", "store", "web", "kiosk", "a", "b", "", "WEB"]) | st.none()


@given(
    st.lists(
        st.tuples(st.none() | st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**70), 2**70), TEXTS, TEXTS),
        min_size=1,
        max_size=20,
    )
)
def test_rows_become_the_matrix_of_their_frame_to_the_bit(values):
    rows = [dict(zip(ROW, row, strict=True)) for row in values]
    frame = pd.DataFrame(
        {
            "spend": np.array([math.nan if row["spend"] is None else float(row["spend"]) for row in rows]),
            "channel": pd.Series([row["channel"] for row in rows], dtype="object"),
            "town": pd.Series([row["town"] for row in rows], dtype="object"),
        }
    )
    np.testing.assert_array_equal(encode(frame, FEATURES), ENCODER.encode(json.loads(json.dumps(rows))))


def test_the_order_of_names_and_true_or_false_do_not_matter():
    assert [[1.0, 2.0, 2.0]] == ENCODER.encode([{"town": "zz", "channel": "web", "spend": True}]).tolist()


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ({**ROW, "spend": "secret-7"}, "row 0: feature spend expects a number or null, found a text"),
        ({**ROW, "spend": [1]}, "row 0: feature spend expects a number or null, found a list"),
        ({**ROW, "spend": math.inf}, "row 0: feature spend expects a finite number; null says that it is not known"),
        ({**ROW, "spend": 10**400}, "row 0: feature spend expects a finite number; null says that it is not known"),
        ({**ROW, "channel": 3}, "row 0: feature channel expects a text or null, found a number"),
        ({**ROW, "channel": False}, "row 0: feature channel expects a text or null, found true or false"),
        ({**ROW, "channel": {"x": 1}}, "row 0: feature channel expects a text or null, found an object"),
        ({"spend": 1}, "row 0: lacks channel, town (null says that a value is not known)"),
        ({**ROW, "Spend": 1}, "row 0: Spend: no feature of this version"),
        (7, "row 0: expected an object of features, found a number"),
        ([ROW], "row 0: expected an object of features, found a list"),
    ],
)
def test_what_a_model_does_not_read_is_named_and_not_repeated(row, problem):
    with pytest.raises(RowsRefused) as refused:
        ENCODER.encode([row])
    assert (problem,) == refused.value.problems
    assert "secret-7" not in str(refused.value)


def test_a_long_list_of_problems_ends():
    with pytest.raises(RowsRefused) as refused:
        ENCODER.encode([{**ROW, "spend": "x"}] * 1000)
    assert (21, "there may be more") == (len(refused.value.problems), refused.value.problems[-1])


def test_names_that_nobody_declared_are_cut_short():
    with pytest.raises(RowsRefused) as refused:
        ENCODER.encode([ROW | {"x" * 100_000 + str(number): 1 for number in range(50)}])
    assert len(str(refused.value)) < 2500
