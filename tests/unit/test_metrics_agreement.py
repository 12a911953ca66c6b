"""How alike two scorings of the same rows are: by rank, at the top, and in their mean."""

import math

import pandas as pd
import pytest

from perennial.metrics import mean_shift, rank_correlation, top_tenth_overlap


def score(*values):
    return pd.Series(values, index=pd.RangeIndex(len(values), name="entity_id"), dtype=float)


RISING = score(*range(20))


@pytest.mark.parametrize(
    ("ours", "theirs", "correlation"),
    [
        ((1, 2, 3, 4), (10, 20, 30, 400), 1.0),
        ((1, 2, 3, 4), (4, 3, 2, 1), -1.0),
        ((1, 2, 3, 4), (1, 2, 4, 3), 0.8),  # 1 - 6 * 2 / (4 * 15)
        ((1, 1, 3, 4), (1, 2, 3, 4), math.sqrt(0.9)),  # the first two share rank 1.5: 4.5 / sqrt(4.5 * 5)
        ((1, 1, 1, 1), (1, 2, 3, 4), 1.0),
        ((1, 2, 3, 4), (0.5, 0.5, 0.5, 0.5), 1.0),
    ],
    ids=["the same order", "turned", "one pair", "ties", "ours says nothing", "theirs says nothing"],
)
def test_ranks_correlate_as_by_hand(ours, theirs, correlation):
    assert rank_correlation(score(*ours), score(*theirs)) == pytest.approx(correlation)


def test_rows_are_matched_by_their_names_and_not_by_their_places():
    assert rank_correlation(RISING, RISING[::-1]) == pytest.approx(1.0)
    assert top_tenth_overlap(RISING, RISING[::-1]) == 1.0


@pytest.mark.parametrize(
    ("ours", "overlap"),
    [
        (RISING, 1.0),
        (RISING.replace({18.0: 0.5}), 0.5),
        (-RISING, 0.0),
    ],
    ids=["both stay", "one of two", "none"],
)
def test_the_share_of_their_top_tenth_that_is_ours_too_is_counted(ours, overlap):
    assert top_tenth_overlap(ours, RISING) == overlap


def test_the_top_tenth_is_rounded_up_to_whole_rows():
    """Of 11 rows two are the top tenth: one of theirs stays."""
    theirs = score(*range(11))
    assert top_tenth_overlap(theirs.replace({9.0: -1.0}), theirs) == 0.5


def test_of_equal_scores_the_first_in_the_index_counts_as_higher():
    equal = score(*[0.5] * 10)
    assert top_tenth_overlap(equal.replace(0.5, 0.7), equal[::-1]) == 1.0
    last = equal.copy()
    last.iloc[-1] = 0.6
    assert top_tenth_overlap(last, equal) == 0.0


def test_of_no_rows_all_stay():
    assert top_tenth_overlap(score(), score()) == 1.0


@pytest.mark.parametrize(
    ("ours", "theirs", "scale", "shift"),
    [
        ((0.3, 0.3), (0.2, 0.2), 0.2, 0.5),
        ((0.1, 0.1), (0.2, 0.2), 0.2, -0.5),
        ((-1.0,), (-2.0,), -2.0, 0.5),
        ((0.0,), (0.0,), 0.0, 0.0),
        ((-0.1,), (0.0,), 0.0, -1.0),
        ((2.0, 0.0), (-2.0, 2.0), 4.0, 0.25),
    ],
    ids=["up", "down", "up from below 0", "both 0", "from 0", "in spreads"],
)
def test_the_mean_shifts_from_theirs_to_ours(ours, theirs, scale, shift):
    assert mean_shift(score(*ours), score(*theirs), scale=scale) == pytest.approx(shift)


def test_the_shift_of_a_mean_is_the_ratio_less_1_to_the_bit():
    """As the ledger has said it from the beginning; the difference as a share has other last bits."""
    assert (0.35 - 0.3) / 0.3 != 0.35 / 0.3 - 1 == mean_shift(score(0.35), score(0.3), scale=0.3)
