"""The sequential test: what is spent when, how high the boundary lies, and that all looks together keep to alpha."""

import itertools
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from perennial.compare import TestPlan
from perennial.compare.boundaries import find_boundary, relate_looks, widen
from perennial.compare.looks import has_error_left, is_lost, is_won, take_look
from perennial.compare.spending import cap_information, measure_information, project_variance, spend
from perennial.compare.superiority import look_again
from perennial.metrics import DailyGain, paired_loss_by_day, squared_loss

ALPHA = 0.02
GROUPS = {"carry a positive label": 500, "carry a negative label": 2_000}
PLAN = TestPlan(alpha=ALPHA, final=8, overlap=4, seed=7)
DAYS = tuple(date(2017, 1, 2) + timedelta(weeks=week) for week in range(8))
OVERLAP = np.array([1, 0.48, 0.25, 0.10, 0, 0, 0, 0])


def correlate(as_ofs=8):
    weeks = np.arange(as_ofs)
    return OVERLAP[np.abs(weeks[:, None] - weeks)]


def make_gain(covariance, *, gain=0.0, entities=4000):
    """Influences whose covariance is exactly the given one."""
    as_ofs = len(covariance)
    drawn = np.random.default_rng(3).standard_normal((entities, as_ofs))
    drawn -= drawn.mean(axis=0)
    plain = np.linalg.solve(np.linalg.cholesky(drawn.T @ drawn), drawn.T).T
    influence = np.sqrt((entities - 1) / entities) * plain @ np.linalg.cholesky(covariance).T
    days = tuple(date(2017, 1, 2) + timedelta(weeks=week) for week in range(as_ofs))
    return DailyGain(days, np.full(as_ofs, gain), influence, GROUPS)


def take_looks(gain, counts, plan=PLAN):
    looks = []
    for count in counts:
        looks.append(take_look(gain.first(count), looks, plan))
    return looks


def share_of_crossings(boundaries, counts, covariance, *, draws=400_000, gain=0.0):
    """Brute force: errors drawn as_of by as_of, looks taken at the means."""
    noise = np.random.default_rng(11).standard_normal((draws, len(covariance))) @ np.linalg.cholesky(covariance).T + gain
    heights = [np.sqrt(covariance[:count, :count].mean()) * height for height, count in zip(boundaries, counts, strict=True)]
    means = noise.cumsum(axis=1)[:, np.array(counts) - 1] / np.array(counts)
    return (means > np.array(heights)).any(axis=1).mean()


@pytest.mark.parametrize("counts", [(4, 5, 6, 7, 8), (4, 6, 8), (7, 8)], ids=str)
def test_all_looks_together_cross_as_often_as_alpha_says(counts):
    looks = take_looks(make_gain(correlate()), counts)
    crossed = share_of_crossings([look.boundary for look in looks], counts, correlate())
    assert crossed == pytest.approx(ALPHA, rel=0.05)


def test_each_look_spends_what_it_may():
    counts = (4, 5, 6, 7, 8)
    looks = take_looks(make_gain(correlate()), counts)
    boundaries = [look.boundary for look in looks]
    crossed = [share_of_crossings(boundaries[:seen], counts[:seen], correlate()) for seen in range(1, 6)]
    assert crossed == pytest.approx([look.spent for look in looks], rel=0.12)


def test_boundaries_made_for_independent_increments_would_cross_another_number_of_times():
    """Label windows overlap: looks correlate more than the square root of their information says."""
    plain = relate_looks(np.eye(8), (4, 8))
    overlapping = relate_looks(correlate(), (4, 8))
    assert plain[0, 1] == pytest.approx(np.sqrt(0.5))
    assert overlapping[0, 1] > plain[0, 1] + 0.02


def test_a_single_look_at_all_as_ofs_is_the_normal_quantile_widened_by_the_entities():
    gain = make_gain(correlate())
    look = take_look(gain, (), PLAN)
    assert (look.information, look.spent) == (1.0, ALPHA)
    assert look.boundary == pytest.approx(widen(norm.isf(ALPHA), gain.degrees_of_freedom), abs=0.01)


def test_a_boundary_far_out_is_as_exact_as_a_near_one():
    assert find_boundary(np.ones((1, 1)), (), 2e-5, seed=1) == pytest.approx(norm.isf(2e-5), abs=0.01)


def test_the_same_looks_have_the_same_boundaries():
    gain = make_gain(correlate())
    assert take_looks(gain, (4, 5, 6)) == take_looks(gain, (4, 5, 6))


def test_few_entities_push_the_boundary_out():
    assert widen(3.3, 40) > widen(3.3, 400) > 3.3


def test_nothing_is_spent_before_and_all_of_alpha_at_the_end():
    assert (spend(ALPHA, 0.0), spend(ALPHA, 1.0)) == (0.0, ALPHA)
    assert spend(ALPHA, 0.5) == ALPHA / 8


def test_information_is_the_squared_ratio_of_the_last_error_to_this_one():
    known = measure_information(correlate(4), final=8, overlap=4, former=0.0)
    assert known == pytest.approx(correlate(8).mean() / correlate(4).mean())


def test_the_projected_variance_of_the_as_ofs_known_is_their_own():
    assert project_variance(correlate(8), 8, 4) == pytest.approx(correlate(8).mean())


def test_information_grows_at_every_look_and_is_whole_at_the_last_only():
    """A heavy as_of makes the mean less certain; its look spends a little nevertheless."""
    covariance = np.diag([1.0, 1, 1, 1, 40, 1, 1, 1])
    known = [look.information for look in take_looks(make_gain(covariance), (4, 5, 6, 7, 8))]
    assert known == sorted(set(known))
    assert known[-2] < known[-1] == 1.0


def test_as_ofs_that_cancel_each_other_leave_something_to_spend_for_the_looks_to_come():
    covariance = np.full((4, 4), -0.33)
    np.fill_diagonal(covariance, 1.0)
    assert measure_information(covariance, final=8, overlap=4, former=0.0) < 1


@pytest.mark.parametrize(("former", "known"), [(0.0, 2 / 3), (0.5, 2 / 3), (0.7, 0.703), (0.9999, 0.999901)])
def test_as_ofs_that_seem_to_know_everything_hold_no_more_than_their_share(former, known):
    """Two of three whose windows do not overlap hold two thirds; what was known before is known, and a little more."""
    cancelling = np.array([[1.0, -0.9], [-0.9, 1.0]])
    assert measure_information(cancelling, final=3, overlap=1, former=former) == pytest.approx(known)


@pytest.mark.parametrize(("overlap", "most"), [(1, 4 / 16), (4, (59 / 256) / (11 / 16))])
def test_windows_that_overlap_let_the_first_as_ofs_hold_more(overlap, most):
    """Sums of 16 and 4 triangles of half-width 4: 16 + 2 (15 * .75 + 14 * .5 + 13 * .25) and 4 + 2 (3 * .75 + 2 * .5 + .25)."""
    assert cap_information(4, 16, overlap) == pytest.approx(most)


def test_all_as_ofs_hold_everything():
    assert cap_information(16, 16, 4) == 1


def test_information_that_jumps_under_lognormal_losses_leaves_every_boundary_finite_and_every_look_its_error():
    """A few entities carry everything, so that the estimated covariance leaps from look to look."""
    for seed in range(40):
        rng = np.random.default_rng(seed)
        influence = rng.choice([-1, 1], (60, 8)) * rng.lognormal(0, 3, (60, 8))
        influence -= influence.mean(axis=0)
        looks = take_looks(DailyGain(DAYS, rng.normal(size=8), influence, GROUPS), (4, 5, 6, 7, 8))
        spent = [0.0, *(look.spent for look in looks)]
        assert all(0 < later - before for before, later in itertools.pairwise(spent))
        assert spent[-1] == ALPHA
        assert all(np.isfinite([look.boundary, look.lower]).all() and look.boundary > norm.isf(ALPHA) for look in looks)


def make_lognormal_contest(seed, *, entities=200, as_ofs=16):
    """Two equal models of amounts, four fifths of them 0, that each err by something of their own for every entity."""
    rng = np.random.default_rng(seed)
    level, shape = rng.normal(size=(entities, 1)), (entities, as_ofs)
    amounts = np.exp(2 * (0.8 * level + 0.6 * rng.normal(size=shape)))
    labels = np.where(rng.random(shape) < 0.8, 0, amounts)
    index = pd.MultiIndex.from_product([pd.date_range("2017-01-02", periods=as_ofs, freq="7D"), range(entities)])
    ours, theirs = (0.2 * np.exp(1.6 * level + rng.normal(size=(entities, 1)) + 0.2 * rng.normal(size=shape)) for _ in range(2))
    return (pd.Series(values.T.ravel(), index=index) for values in (ours, theirs, labels))


@pytest.mark.parametrize("seed", [8, 23])
def test_unbounded_losses_of_lognormal_amounts_leave_every_boundary_finite(seed):
    """Without a limit, information leaps from .58 to .996 at the seventh as_of of world 23; the last boundary is infinite."""
    plan = TestPlan(alpha=0.0005, final=16, overlap=4, seed=7)
    gain = paired_loss_by_day(*make_lognormal_contest(seed), squared_loss())
    looks = take_looks(gain, range(4, 17), plan)
    known = [look.information for look in looks]
    assert known == sorted(set(known))
    assert all(look.information <= min(1, len(look.as_ofs) / 16 + 0.1) for look in looks)
    assert looks[-1].spent == plan.alpha
    assert all(np.isfinite([look.boundary, look.lower]).all() and look.boundary >= norm.isf(plan.alpha) for look in looks)


def test_a_look_that_adds_nothing_to_the_one_before_is_as_high_as_one_alone_with_its_error():
    """Nobody who stayed below 2 at the same look can reach anything now: next to no draw crosses for the first time."""
    same = np.ones((2, 2))
    assert find_boundary(same, (2.0,), 1e-9, seed=1) == pytest.approx(norm.isf(1e-9))


def test_a_boundary_is_never_higher_than_that_of_a_look_alone():
    for error in (1e-6, 1e-3, 0.02):
        assert find_boundary(np.eye(3), (9.0, 9.0), error, seed=1) <= norm.isf(error)


def test_without_error_left_nobody_looks():
    looks = tuple(take_looks(make_gain(correlate()), (4, 5)))
    spent_all = (*looks[:-1], replace(looks[-1], spent=ALPHA))
    assert look_again(make_gain(correlate(6)), spent_all, PLAN) == spent_all
    assert len(look_again(make_gain(correlate(6)), looks, PLAN)) == 3
    assert has_error_left(PLAN, ())
    assert not has_error_left(replace(PLAN, alpha=0.0), ())


@pytest.mark.parametrize(("former", "known"), [(0.0, 0.01), (0.5, 0.505)])
def test_as_ofs_that_tell_nothing_new_spend_a_hundredth_of_what_is_left(former, known):
    heavy = np.array([[1.0, 0.0], [0.0, 10_000.0]])
    assert measure_information(heavy, final=200_000, overlap=1, former=former) == pytest.approx(known)


def test_predictors_that_rank_alike_are_looked_at_and_never_win():
    gain = make_gain(correlate())
    alike = DailyGain(gain.as_ofs, np.zeros(8), np.zeros_like(gain.influence), GROUPS)
    looks = take_looks(alike, (4, 5, 8))
    assert [look.lower for look in looks] == [0.0, 0.0, 0.0]
    assert not is_won(looks[-1].lower, looks[-1].estimate, 0.0)


def test_a_look_after_one_without_any_error_is_a_first_look():
    gain = make_gain(correlate(5))
    influence = gain.influence.copy()
    influence[:, :4] = 0
    looks = take_looks(DailyGain(gain.as_ofs, gain.gains, influence, GROUPS), (4, 5))
    assert np.isfinite(looks[-1].boundary)
    assert looks[-1].boundary > norm.isf(ALPHA)


def test_after_the_last_look_nothing_is_looked_at_any_more():
    """A winner waits for a person's answer while more as_ofs mature: nothing is left to spend."""
    gain = make_gain(correlate())
    plan = TestPlan(alpha=ALPHA, final=6, overlap=4, seed=7)
    looks = tuple(take_looks(gain, (4, 6), plan))
    assert look_again(gain, looks, plan) == looks


def test_it_is_won_above_zero_and_at_the_floor():
    assert is_won(1e-9, 0.008, 0.008)
    assert not is_won(0.0, 0.009, 0.008)
    assert not is_won(0.001, 0.0079, 0.008)


def test_it_is_lost_below_the_floor_only():
    assert list(is_lost(np.array([0.0079, 0.008]), 0.008)) == [True, False]
