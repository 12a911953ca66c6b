"""Who stays under test."""

from datetime import UTC, date, datetime

import numpy as np
import pytest

from perennial.compare import choose_shadows
from perennial.compare.shadows import measure_promise
from perennial.records import Contest, Look


def make_contest(number, estimate=None, error=0.004):
    """Under test, with one look or none."""
    as_ofs = (date(2017, 9, 4), date(2017, 9, 11))
    looks = () if estimate is None else (Look(as_ofs, estimate, error, 0.3, 1e-5, 4.1),)
    moment = datetime(2017, 11, 1, tzinfo=UTC)
    return Contest(number, "lapse", number, 1, 0.0005, 16, 4, "open", date(2017, 11, 1), moment, looks)


def numbers(contests):
    return [contest.contest_id for contest in contests]


def test_those_stay_whose_gain_stands_out_most():
    contenders = [make_contest(1, 0.004), make_contest(2, 0.001), make_contest(3, 0.009), make_contest(4, 0.006)]
    assert numbers(choose_shadows(contenders, 2)) == [3, 4]


def test_a_small_gain_that_is_well_known_stands_out_more_than_a_large_one_that_is_not():
    assert numbers(choose_shadows([make_contest(1, 0.010, 0.008), make_contest(2, 0.006, 0.002)], 1)) == [2]


def test_all_stay_while_there_is_room():
    contenders = [make_contest(1, -0.002), make_contest(2, 0.001)]
    assert choose_shadows(contenders, 3) == tuple(contenders)


def test_of_equals_the_older_stays():
    assert numbers(choose_shadows([make_contest(7, 0.005), make_contest(8, 0.005)], 1)) == [7]


def test_one_that_was_never_looked_at_ranks_between_a_gain_and_a_loss():
    contenders = [make_contest(1, -0.001), make_contest(2), make_contest(3, 0.001)]
    assert numbers(choose_shadows(contenders, 2)) == [2, 3]
    assert numbers(choose_shadows(contenders, 1)) == [3]


def test_no_room_means_that_nobody_stays():
    assert choose_shadows([make_contest(1, 0.01)], 0) == ()


def test_without_an_error_nothing_is_promised():
    assert measure_promise(np.array([0.01, 0.01]), np.array([0.0, 0.005])) == pytest.approx([0.0, 2.0])
