"""As_ofs are a sample too: what is found of shocks, how it is pooled, and where it goes."""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from perennial.compare.harm.pair import make_pair
from perennial.compare.harm.segments import guard_segments
from perennial.compare.shocks import (
    PRIOR_AS_OFS,
    Shocks,
    Surplus,
    add_shocks,
    correlate_windows,
    find_shocks,
    measure_gain,
    pool_shocks,
)
from perennial.compare.superiority import look_or_refuse
from perennial.metrics import DailyGain, paired_auc_by_day
from perennial.records import Look
from perennial.tasks.binary import PRIOR_SHOCK
from tests.unit.test_compare_harm_segments import ENTITY
from tests.unit.test_compare_superiority import AS_OFS, make_contest

HORIZON = 28


def weeks(count, first=0):
    return tuple(date(2017, 1, 2) + timedelta(weeks=week) for week in range(first, first + count))


def months(count):
    """So far apart that no two label windows overlap."""
    return tuple(date(2017, 1, 2) + timedelta(weeks=4 * month) for month in range(count))


def draw_gain(days, *, shock=0.0, entities=2_000, error=0.003, seed=1):
    """Gains around 0: entities of their own on every as_of, and what is common to all of them."""
    rng = np.random.default_rng(seed)
    influence = rng.standard_normal((entities, len(days))) * error / np.sqrt(entities)
    influence -= influence.mean(axis=0)
    gains = rng.normal(0, error, len(days)) + rng.normal(0, shock, len(days))
    return DailyGain(days, gains, influence, {"carry a positive label": entities // 10})


def test_the_surplus_is_the_variance_of_the_gains_less_that_of_the_entities_plus_what_neighbours_share():
    influence = np.array([[0.1, 0.1, 0.0], [-0.1, -0.1, 0.0], [0.0, 0.0, 0.1], [0.0, 0.0, -0.1]])
    gain = DailyGain(weeks(3), np.array([0.0, 0.3, 0.6]), influence, {"carry a positive label": 2})
    covariance = 4 / 3 * np.array([[0.02, 0.02, 0.0], [0.02, 0.02, 0.0], [0.0, 0.0, 0.02]])
    assert gain.within == pytest.approx(covariance)
    assert gain.surplus == pytest.approx(0.09 - 4 / 3 * 0.02 + 4 / 3 * 0.02 / 3)


@pytest.mark.parametrize("shock", [0.0, 0.006])
def test_the_surplus_is_the_variance_of_the_shocks_on_average(shock):
    found = [draw_gain(months(16), shock=shock, seed=seed).surplus for seed in range(200)]
    assert np.mean(found) == pytest.approx(shock**2, abs=3e-6)


def test_one_as_of_says_nothing_of_shocks():
    assert np.isnan(draw_gain(weeks(1)).surplus)
    assert pool_shocks([Surplus(weeks(1), float("nan"))], prior=PRIOR_SHOCK, horizon_days=HORIZON) == Shocks(
        PRIOR_SHOCK**2, PRIOR_AS_OFS
    )


def test_windows_share_less_the_further_apart_their_as_ofs_are():
    assert correlate_windows(weeks(5), 28)[0].tolist() == [1, 0.75, 0.5, 0.25, 0]
    assert correlate_windows(weeks(3), 7).tolist() == np.eye(3).tolist()


def test_before_anything_is_known_the_prior_stands():
    assert pool_shocks([], prior=PRIOR_SHOCK, horizon_days=HORIZON) == Shocks(PRIOR_SHOCK**2, PRIOR_AS_OFS)


def test_a_pair_counts_by_its_as_ofs_beside_the_prior():
    """Thirteen as_ofs of windows that do not overlap are as much as the prior: 12 degrees of freedom each."""
    found = pool_shocks([Surplus(months(13), 0.01**2)], prior=PRIOR_SHOCK, horizon_days=HORIZON)
    assert found.variance == pytest.approx((PRIOR_SHOCK**2 + 0.01**2) / 2)
    assert found.as_ofs == PRIOR_AS_OFS + 12
    assert found.deviation == pytest.approx(np.sqrt((PRIOR_SHOCK**2 + 0.01**2) / 2))


def test_pairs_are_weighed_by_their_as_ofs_and_one_below_zero_counts_against_one_above():
    pairs = [Surplus(months(4), -3e-6), Surplus(months(10), 4e-6)]
    variance = (3 * -3e-6 + 9 * 4e-6) / 12
    worth = 9
    expected = (PRIOR_AS_OFS * PRIOR_SHOCK**2 + worth * variance) / (PRIOR_AS_OFS + worth)
    assert pool_shocks(pairs, prior=PRIOR_SHOCK, horizon_days=HORIZON).variance == pytest.approx(expected)


def test_no_shocks_are_less_than_none():
    found = pool_shocks([Surplus(months(13), -1.0)], prior=PRIOR_SHOCK, horizon_days=HORIZON)
    assert found.variance == pytest.approx(PRIOR_SHOCK**2 / 2)


def test_pairs_on_the_same_as_ofs_are_worth_no_more_than_these():
    one = pool_shocks([Surplus(months(5), 1e-4)], prior=PRIOR_SHOCK, horizon_days=HORIZON)
    many = pool_shocks([Surplus(months(5), 1e-4)] * 20, prior=PRIOR_SHOCK, horizon_days=HORIZON)
    assert (many.as_ofs, many.variance) == (one.as_ofs, pytest.approx(one.variance))


def test_neighbours_that_share_a_window_differ_by_less_than_the_shocks_do():
    """Four weeks correlate .583 on average: the surplus is .417 of the variance, and they are worth 3 * .417 as_ofs."""
    found = pool_shocks([Surplus(weeks(4), 1e-4)], prior=PRIOR_SHOCK, horizon_days=HORIZON)
    worth = 3 * (1 - 3.5 / 6)
    assert found.as_ofs == pytest.approx(PRIOR_AS_OFS + worth)
    expected = (PRIOR_AS_OFS * PRIOR_SHOCK**2 + worth * 1e-4 / (1 - 3.5 / 6)) / (PRIOR_AS_OFS + worth)
    assert found.variance == pytest.approx(expected)


def test_a_ledger_full_of_pairs_finds_the_shocks_that_are_there():
    pairs = [draw_gain(months(40), shock=0.008, seed=seed) for seed in range(12)]
    found = pool_shocks([Surplus(pair.as_ofs, pair.surplus) for pair in pairs], prior=PRIOR_SHOCK, horizon_days=HORIZON)
    without_prior = (found.variance * found.as_ofs - PRIOR_AS_OFS * PRIOR_SHOCK**2) / (found.as_ofs - PRIOR_AS_OFS)
    assert np.sqrt(without_prior) == pytest.approx(0.008, abs=0.0005)


# Where they go
def test_shocks_are_part_of_covariance_error_and_degrees_of_freedom():
    gain = draw_gain(weeks(4))
    shocked = add_shocks(gain, Shocks(0.005**2, 13), HORIZON)
    added = 0.005**2 * correlate_windows(weeks(4), HORIZON)
    assert shocked.covariance == pytest.approx(gain.covariance + added)
    assert shocked.standard_error**2 == pytest.approx(gain.standard_error**2 + added.mean())
    assert shocked.standard_error == pytest.approx(np.sqrt(shocked.covariance.mean()))
    within, between = gain.standard_error**2, added.mean()
    freedom = (within + between) ** 2 / (within**2 / gain.degrees_of_freedom + between**2 / 12)
    assert shocked.degrees_of_freedom == pytest.approx(freedom)
    assert shocked.shock == pytest.approx(0.005)


def test_without_shocks_nothing_is_added():
    gain = draw_gain(weeks(4))
    assert (gain.shock, gain.covariance.tolist()) == (0.0, gain.within.tolist())
    assert add_shocks(gain, Shocks(0.0, 13), HORIZON).degrees_of_freedom == pytest.approx(gain.degrees_of_freedom)


def test_the_first_as_ofs_keep_their_part_of_the_shocks():
    shocked = add_shocks(draw_gain(weeks(6)), Shocks(0.005**2, 13), HORIZON)
    assert shocked.first(4).shocks.tolist() == shocked.shocks[:4, :4].tolist()
    assert shocked.first(4).shock_freedom == 12


def test_the_interval_of_a_gain_is_the_normal_one():
    gain = draw_gain(weeks(4))
    found = gain.interval(0.95)
    assert found.high - found.estimate == pytest.approx(1.959964 * gain.standard_error)
    assert found.estimate - found.low == pytest.approx(1.959964 * gain.standard_error)


def test_a_look_rests_on_shocks_and_keeps_what_it_saw_of_them():
    contest = make_contest()
    daily = paired_auc_by_day(contest.challenger.scores, contest.champion.scores, contest.labels)
    look = look_or_refuse(contest)[-1]
    assert look.surplus == pytest.approx(daily.surplus)
    assert look.shock == pytest.approx(find_shocks(daily, contest).deviation)
    assert look.standard_error == pytest.approx(measure_gain(contest).standard_error)
    assert look.standard_error > daily.standard_error


def test_what_earlier_pairs_saw_counts_and_looks_that_did_not_measure_it_do_not():
    contest = make_contest()
    wild = Look(months(30), 0.0, 0.01, 1.0, 0.0005, 3.0, surplus=0.03**2)
    unmeasured = Look(months(30), 0.0, 0.01, 1.0, 0.0005, 3.0)
    alone, taught = measure_gain(contest).shock, measure_gain(replace(contest, earlier=(wild,))).shock
    assert taught > 2 * alone
    assert measure_gain(replace(contest, earlier=(unmeasured,))).shock == alone


def test_the_auc_of_a_segment_is_less_certain_by_the_shocks_of_all_rows():
    contest = make_contest(earlier=(Look(months(40), 0.0, 0.01, 1.0, 0.0005, 3.0, surplus=0.05**2),))
    is_in = (ENTITY < 40) | (ENTITY >= 150)
    segments = pd.DataFrame({"cut": np.where(is_in, "in", "out")}, index=contest.labels.index)
    pair = make_pair(replace(contest, segments=segments), contest.champion)
    asked = next(each for each in guard_segments(pair) if each.name == "auc, cut = in")
    rows = contest.labels.index[is_in]
    plain = paired_auc_by_day(contest.challenger.scores[rows], contest.champion.scores[rows], contest.labels[rows])
    shocks = pair.shocks.variance * correlate_windows(AS_OFS, HORIZON).mean()
    assert asked.evidence.standard_error**2 == pytest.approx(plain.standard_error**2 + shocks)
    assert asked.evidence.carriers - 1 == pytest.approx(add_shocks(plain, pair.shocks, HORIZON).mix_freedom(39))
