"""Encoded rows, cut by as_of."""

import numpy as np
import pandas as pd

from perennial.train.rows import gather_rows
from tests.training_sets import make_training_set, mondays

DAYS = mondays(4)
ROWS = gather_rows("lapse", make_training_set(DAYS, entities=3))


def test_as_ofs_that_stand_together_are_looked_at_and_not_copied():
    assert np.shares_memory(ROWS.matrix, ROWS.on(DAYS[:3]).matrix)


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
