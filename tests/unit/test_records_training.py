"""Parts of a training set."""

import numpy as np
import pandas as pd
import pytest

from tests.training_sets import make_training_set, mondays

DAYS = mondays(5)
ROWS = make_training_set(DAYS, entities=3)


@pytest.mark.parametrize("chosen", [DAYS, DAYS[1:3], (DAYS[0], DAYS[4]), (), (DAYS[3], DAYS[2])])
def test_a_part_holds_the_rows_of_its_days_in_their_order(chosen):
    part = ROWS.rows_of(chosen)
    wanted = ROWS.features.index.get_level_values("as_of").isin(pd.to_datetime(list(chosen)))
    pd.testing.assert_frame_equal(part.features, ROWS.features[wanted])
    pd.testing.assert_series_equal(part.labels, ROWS.labels[wanted])
    pd.testing.assert_frame_equal(part.segments, ROWS.segments[wanted])


def test_days_that_stand_together_are_no_copy():
    together, apart = (ROWS.rows_of(days).features["other"].to_numpy() for days in (DAYS[1:], DAYS[::2]))
    whole = ROWS.features["other"].to_numpy()
    assert (np.shares_memory(together, whole), np.shares_memory(apart, whole)) == (True, False)
