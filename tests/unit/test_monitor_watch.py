"""Scores that do not mean what they say are named, and chance is not."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from perennial.monitor import watch_calibration
from perennial.records import Interval, MaturedRate

FIRST, HORIZON, BUDGET = date(2017, 1, 2), timedelta(days=28), 0.02


def publish(*shares, said=0.18, rows=2_000, first=FIRST, every=7):
    """Weekly publications of which so large shares came true."""
    days = [first + timedelta(days=every * number) for number in range(len(shares))]
    return [
        MaturedRate(day, rows, round(rows * share), said, day + timedelta(days=30))
        for day, share in zip(days, shares, strict=True)
    ]


def watch(rates):
    return watch_calibration(rates, horizon=HORIZON, budget=BUDGET)


def test_what_comes_true_as_said_is_not_named():
    assert watch(publish(*[0.18] * 52)) is None


def test_a_small_distance_is_borne_for_ever():
    assert watch(publish(*[0.20] * 52, rows=1_000_000)) is None


@pytest.mark.parametrize(("came_true", "needed"), [(0.34, 2), (0.07, 1)])
def test_a_model_that_is_far_off_is_named_within_the_first_publications(came_true, needed):
    alarm = watch(publish(*[came_true] * 5))
    assert (alarm.mean_score, alarm.publications) == (pytest.approx(0.18), needed)
    assert alarm.realised_rate == pytest.approx(came_true)


def test_the_sentence_says_what_was_said_and_what_came_true():
    alarm = watch(publish(*[0.34] * 5))
    assert alarm.sentence == ("The scores of 2017-01-02 to 2017-01-30 said 0.180 on average, and 0.340 came true.")


def test_overlapping_label_windows_are_not_counted_twice():
    """Four publications of one month share most of their labels: they say hardly more than one."""
    assert watch(publish(*[0.34] * 4)) is None
    assert watch(publish(0.34, 0.34, every=28)) is not None


def test_a_late_change_is_seen_as_soon_as_an_early_one():
    late = publish(*[0.18] * 40, *[0.34] * 5)
    assert watch(late[:-1]) is None
    assert watch(late).first_as_of == late[40].as_of


def test_after_an_alarm_the_watch_begins_anew_with_what_is_published_later():
    wrong, alarm = publish(*[0.34] * 5), watch(publish(*[0.34] * 5))
    meanwhile = publish(*[0.34] * 4, first=FIRST + timedelta(days=35))  # before anybody knew
    repaired = publish(*[0.18] * 20, first=alarm.known_on)
    assert watch([*wrong, *meanwhile, *repaired]) == alarm


def test_a_second_alarm_follows_when_nothing_was_repaired():
    assert watch(publish(*[0.34] * 20)).first_as_of > watch(publish(*[0.34] * 5)).known_on


def test_the_order_of_publications_does_not_matter():
    rates = publish(*[0.34] * 5)
    assert watch(rates[::-1]) == watch(rates)


def test_a_few_expected_outcomes_say_nothing():
    assert watch([replace(rate, rows=50, positives=40) for rate in publish(*[0.34] * 20)]) is None


def test_a_smaller_budget_names_later():
    rates = publish(*[0.28] * 52, rows=1_000)
    early, late = (watch_calibration(rates[:20], horizon=HORIZON, budget=budget) for budget in (0.2, 0.0001))
    assert early is not None
    assert late is None or late.as_of > early.as_of


def add_up(*biases, error=0.02, every=7):
    """Weekly publications whose sums came out so: 1.5 said half too much."""
    days = [FIRST + timedelta(days=every * number) for number in range(len(biases))]
    return [
        MaturedRate(day, 2_000, None, 30.0, day + timedelta(days=30), 30.0 / bias, Interval(bias, 0, 0, error * bias))
        for day, bias in zip(days, biases, strict=True)
    ]


def test_sums_that_agree_are_not_named_and_a_small_distance_is_borne():
    assert watch(add_up(*[1.0] * 52)) is None
    assert watch(add_up(*[1.1] * 52)) is None


@pytest.mark.parametrize("bias", [2.0, 0.5])
def test_sums_that_are_far_off_are_named_with_both_means(bias):
    alarm = watch(add_up(*[bias] * 9))
    assert (alarm.mean_score, alarm.realised_rate) == (pytest.approx(30), pytest.approx(30 / bias))
    assert alarm.sentence.endswith(f"said 30 on average, and {30 / bias:.4g} came true.")


@pytest.mark.parametrize("error", [0.5, float("nan")])
def test_sums_that_are_hardly_known_say_nothing(error):
    assert watch(add_up(*[2.0] * 9, error=error)) is None
