"""Size and time of the challenger, on figures that a test writes."""

from dataclasses import replace

import numpy as np
import pytest

from perennial.compare.harm.costs import Timed, guard_costs
from perennial.compare.harm.guards import answer
from perennial.compare.harm.pair import make_pair
from tests.harm_worlds import declare
from tests.unit.test_compare_superiority import make_contest

MB = 1_000_000
CONTEST = make_contest(model=declare())


def ask(ours=None, theirs=None, our_seconds=(), their_seconds=()):
    """The answers to both questions at level .10: size, time."""
    challenger = replace(CONTEST.challenger, size_bytes=ours, seconds_per_1000_rows=tuple(our_seconds))
    champion = replace(CONTEST.champion, size_bytes=theirs, seconds_per_1000_rows=tuple(their_seconds))
    contest = replace(CONTEST, challenger=challenger, champion=champion)
    return answer(tuple(guard_costs(make_pair(contest, champion))), 0.10)


# Size
@pytest.mark.mltest("O6")
@pytest.mark.parametrize(
    ("ours", "theirs", "state"),
    [
        (40 * MB, 10 * MB, "held"),
        (40 * MB + 1, 10 * MB, "veto"),
        (40 * MB, 5 * MB, "held"),
        (44 * MB, 11 * MB, "held"),
        (44 * MB + 1, 11 * MB, "veto"),
        (None, 10 * MB, "not assessed"),
        (10 * MB, None, "not assessed"),
    ],
    ids=["four times", "more", "of what nobody notices", "of eleven", "and more", "ours unknown", "theirs unknown"],
)
def test_a_model_may_be_four_times_as_large_as_the_champion_or_as_ten_megabytes(ours, theirs, state):
    size, _ = ask(ours, theirs)
    assert (size.name, size.state, size.tolerated) == ("model_size", state, 3)


def test_the_size_is_a_gain_without_error():
    gain = ask(15 * MB, 20 * MB)[0].gain
    assert (gain.estimate, gain.low, gain.high, gain.standard_error) == (0.25, 0.25, 0.25, 0.0)


def test_a_size_that_is_not_known_says_so():
    assert ask()[0].sentence == "Not assessed: the size of the model, which is not known of both."


@pytest.mark.parametrize(
    ("theirs", "said"),
    [
        (10 * MB, "The model's files hold 50.00 MB, the champion's 10.00 MB: 5.0 times as much"),
        (10 * MB - 1, "the champion's 10.00 MB (counted as 10 MB: nobody notices less): 5.0 times as much"),
    ],
    ids=["as it is", "as what nobody notices"],
)
def test_a_small_champion_counts_as_ten_megabytes_and_is_said_to(theirs, said):
    assert said in ask(50 * MB, theirs)[0].sentence


# Time
def test_nine_timings_are_the_fewest():
    _, time = ask(our_seconds=[1.0] * 8, their_seconds=[1.0] * 9)
    assert (time.name, time.state, time.tolerated, time.gain) == ("scoring_time", "not assessed", 3, None)
    assert time.sentence == "Not assessed: the scoring time, on 8 timings of each; 9 are the fewest."
    assert ask(our_seconds=[1.0] * 9, their_seconds=[1.0] * 9)[1].state == "held"


@pytest.mark.parametrize(
    ("theirs", "said"),
    [(0.25, "the champion 0.250 s: 8.0"), (0.2, "the champion 0.200 s (counted as 0.25 s: nobody notices less): 8.0")],
    ids=["as it is", "as what nobody notices"],
)
def test_a_quick_champion_counts_as_a_quarter_of_a_second_and_is_said_to(theirs, said):
    _, time = ask(our_seconds=[2.0] * 11, their_seconds=[theirs] * 11)
    assert said in time.sentence
    assert time.gain.estimate == pytest.approx(-7)


@pytest.mark.mltest("O6")
def test_a_time_is_said_with_the_limits_of_its_ratio():
    """Of eleven ratios from 4.5 to 5.5 nine must agree at level .10: the third from either end."""
    _, time = ask(our_seconds=np.linspace(4.5, 5.5, 11), their_seconds=[1.0] * 11)
    assert time.sentence == (
        "Scoring 1,000 rows takes 5.000 s, the champion 1.000 s: 5.0 times [4.7, 5.3] as long, wholly beyond the 4 times that "
        "is borne."
    )


# The sign test
RATIOS = (1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7, 1.8)


@pytest.mark.parametrize(
    ("tolerated", "ways"),
    [(0.05, 1 + 9), (0.0, 1 + 9), (-0.5, 1), (0.75, 512 - 1), (0.8, 512), (3.0, 512)],
    ids=["eight of nine", "none at the limit itself", "all", "one", "one at the limit", "none"],
)
def test_a_p_value_counts_the_ways_to_throw_at_least_so_many_heads(tolerated, ways):
    assert Timed(RATIOS, tolerated).p_value == pytest.approx(ways / 2**9)


def test_the_estimate_is_the_median_turned_into_a_gain():
    assert Timed(RATIOS, 3.0).estimate == pytest.approx(1 - 1.4)


@pytest.mark.parametrize(
    ("level", "low", "high"),
    [(1 / 2**9, -0.8, 0.0), (10 / 2**9, -0.7, -0.1), (46 / 2**9, -0.6, -0.2), (0.5 / 2**9, -0.8, 1.0)],
    ids=["all of nine", "eight", "seven", "no number of nine is enough"],
)
def test_the_interval_leaves_out_as_many_ratios_as_the_level_allows(level, low, high):
    found = Timed(RATIOS, 3.0).interval(level)
    assert (found.low, found.high) == pytest.approx((low, high))


@pytest.mark.parametrize("level", [0.10, 0.0001])
def test_the_standard_error_is_that_of_a_median_by_the_median_deviation(level):
    """Deviations 0, .1, .1, .2, .2, .3, .3, .4, .4: their median is .2."""
    assert Timed(RATIOS, 3.0).interval(level).standard_error == pytest.approx(1.4826 * 1.2533 * 0.2 / 3)
