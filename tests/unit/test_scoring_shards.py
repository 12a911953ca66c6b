"""How a day is cut into shards."""

import pytest
from pydantic import ValidationError

from perennial.config.serving import Scoring
from perennial.stores.warehouse.publishing.shards import cut_part


@pytest.mark.parametrize(
    ("asked", "rows", "shards"),
    [(1, 10**7, 1), (3, 10, 3), ("auto", 0, 1), ("auto", 250_000, 1), ("auto", 250_001, 2), ("auto", 10**7, 16)],
)
def test_a_model_says_in_how_many_shards_a_day_is_scored(asked, rows, shards):
    assert shards == Scoring(shards=asked).count_shards(rows)


@pytest.mark.parametrize("asked", [0, 65, "many", True])
def test_a_number_of_shards_that_is_none_is_refused(asked):
    with pytest.raises(ValidationError):
        Scoring(shards=asked)


@pytest.mark.parametrize(("rows", "shards"), [(1000, 3), (5, 8), (0, 2), (7, 7)])
def test_shards_hold_every_row_once(rows, shards):
    parts = [cut_part(rows, shards, number) for number in range(shards)]
    ends = [rows if part.rows is None else part.passed + part.rows for part in parts]
    assert [0, *ends[:-1]] == [part.passed for part in parts]
    assert (rows, None) == (ends[-1], parts[-1].rows)
