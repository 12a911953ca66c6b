"""P-values, Holm's procedure and its intervals, by hand."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from perennial.compare.harm.costs import Timed, compare_times
from perennial.compare.harm.evidence import HolmAnswer, Sampled, answer_all

LOSS = Sampled(estimate=-0.010, standard_error=0.002, tolerated=0.004, carriers=1000)


def test_the_p_value_is_that_of_the_loss_beyond_what_is_borne():
    """.010 lost, .004 borne: .006 beyond, three standard errors."""
    assert LOSS.p_value == pytest.approx(stats.norm.sf(3), rel=0.05)


def test_few_carriers_make_the_evidence_weaker():
    assert replace(LOSS, carriers=31).p_value == pytest.approx(stats.t.sf(3, 30))


@pytest.mark.parametrize(("estimate", "p_value"), [(0.0, 1.0), (-0.004, 1.0), (-0.005, 0.0)])
def test_a_loss_without_error_is_assessed_as_it_stands(estimate, p_value):
    assert Sampled(estimate, 0.0, 0.004, 1000).p_value == p_value


def test_the_smallest_p_value_is_tested_at_a_share_of_the_level():
    """.10 / 4, then / 3, then / 2: .024 and .03 pass, .06 does not, and ends it for .07 too."""
    found = answer_all([0.06, 0.024, 0.07, 0.03], 0.10)
    assert found == (HolmAnswer(False, 0.05), HolmAnswer(True, 0.025), HolmAnswer(False, 0.05), HolmAnswer(True, 0.1 / 3))


def test_one_that_stops_the_procedure_protects_those_after_it():
    """.05 alone would pass at .10 / 1; the .04 before it did not pass at .10 / 3."""
    assert [answer.is_harm for answer in answer_all([0.04, 0.05, 0.05], 0.10)] == [False, False, False]


def test_a_p_value_at_its_level_is_harm_and_one_above_is_not():
    assert [answer.is_harm for answer in answer_all([0.05, 0.10], 0.10)] == [True, True]
    assert [answer.is_harm for answer in answer_all([0.0501, 0.10], 0.10)] == [False, False]


def test_no_question_has_no_answer():
    assert answer_all([], 0.10) == ()


EVIDENCE = st.builds(
    Sampled,
    estimate=st.floats(-0.1, 0.1),
    standard_error=st.floats(0.001, 0.05),
    tolerated=st.floats(0, 0.05),
    carriers=st.integers(30, 500),
)


@given(st.lists(EVIDENCE, min_size=1, max_size=12))
def test_an_interval_lies_wholly_beyond_what_is_borne_exactly_when_harm_is_found(evidence):
    answers = answer_all([each.p_value for each in evidence], 0.10)
    beyond = [each.interval(answer.level).high < -each.tolerated for each, answer in zip(evidence, answers, strict=True)]
    assert beyond == [answer.is_harm for answer in answers]


def test_the_interval_of_a_single_question_is_students_at_the_level_on_each_side():
    interval = replace(LOSS, carriers=31).interval(0.10)
    reach = stats.t.ppf(0.90, 30) * 0.002
    assert (interval.low, interval.high) == pytest.approx((-0.010 - reach, -0.010 + reach))


def test_timings_are_assessed_by_how_many_pairs_exceed_the_ratio():
    """Ten of eleven pairs beyond four times: 12 of 2^11 ways to throw as many heads."""
    timed = compare_times([2.0] + [5.0] * 10, [1.0] * 11, tolerated=3)
    assert timed.p_value == pytest.approx(12 / 2**11)
    assert timed.estimate == pytest.approx(-4)


def test_one_pause_of_the_machine_moves_neither_the_estimate_nor_the_interval():
    steady = [1.0 + n / 100 for n in range(15)]
    paused = [*steady[:-1], 60.0]
    before, after = (compare_times(ours, [1.0] * 15, tolerated=3) for ours in (steady, paused))
    assert before.estimate == after.estimate
    assert before.interval(0.01).high == after.interval(0.01).high
    assert after.p_value > 0.9


def test_a_champion_that_nobody_waits_for_is_not_the_measure_of_speed():
    """Fifty times as slow, but .1 s: .4 of the quarter of a second that goes unnoticed."""
    assert compare_times([0.1] * 9, [0.002] * 9, tolerated=3).estimate == pytest.approx(0.6)


@given(st.lists(st.floats(0.1, 20), min_size=9, max_size=21), st.sampled_from([0.10, 0.02, 0.005, 0.002]))
def test_the_interval_of_timings_agrees_with_their_test(ratios, level):
    timed = Timed(tuple(ratios), 3.0)
    assert (timed.interval(level).high < -3.0) == (timed.p_value <= level)


def test_too_few_timings_for_the_level_say_nothing():
    assert Timed((9.0,) * 9, 3.0).interval(0.0001).high == 1.0
