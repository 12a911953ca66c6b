"""admit on drawn weeks: statistics as computed by hand, poison of three kinds, and quiet weeks."""

from dataclasses import replace
from datetime import date, timedelta
from math import inf, log, sqrt
from statistics import fmean, variance

import numpy as np
import pandas as pd
import pytest

from perennial.admit import admit, measure_as_of
from perennial.records import AsOfMeasures, Interval
from perennial.tasks import task_of
from tests.training_sets import LAPSE, SPEND, mondays, small_model

DAY = date(2017, 6, 5)
BEFORE = tuple(DAY - timedelta(weeks=week) for week in range(8, 0, -1))
SPREAD = (0.80, 0.82, 0.84, 0.86)  # mean .83, variance with ddof 1: .002 / 3
WEEKS = 40
CALIBRATION_ERROR = sqrt(1 / (1000 * 0.2 * 0.8))
BINARY = task_of(LAPSE)


def put(value, error=0.01):
    return Interval(value, value - 2 * error, value + 2 * error, error)


def measures(**changed):
    usual = {"auc": put(0.83), "calibration": put(0.0, CALIBRATION_ERROR), "log_loss": put(0.4)}
    found = {name: changed.pop(name, value) for name, value in usual.items()}
    return replace(AsOfMeasures(rows=1000, rarer=200, found=found, alone={"f": put(0.6)}), **changed)


def history(**columns):
    """Four weeks before, alike but for the given columns."""
    weeks = (measures(**dict(zip(columns, values, strict=True))) for values in zip(*columns.values(), strict=True))
    return dict(zip(BEFORE, weeks, strict=False))


QUIET = history(
    auc=[put(value) for value in SPREAD],
    calibration=[put(value) for value in (-0.1, 0.1, -0.1, 0.1)],
    log_loss=[put(value) for value in (0.39, 0.41, 0.39, 0.41)],
    alone=[{"f": put(value)} for value in (0.58, 0.60, 0.62, 0.60)],
)


def draw_week(week, *, rows=600, seed=7):
    """Scores that mean what they say, labels that follow them, a feature behind both and one that is noise."""
    rng = np.random.default_rng([seed, week])
    index = pd.MultiIndex.from_product([[pd.Timestamp(mondays(week + 1)[-1])], range(rows)], names=["as_of", "entity_id"])
    signal = rng.normal(size=rows)
    scores = pd.Series(1 / (1 + np.exp(-(1.3 * signal - 1.2))), index)
    labels = pd.Series((rng.random(rows) < scores).astype(int), index)
    colour = pd.Categorical(rng.choice(["blue", "red"], rows))
    return scores, labels, pd.DataFrame({"signal": signal, "noise": rng.normal(size=rows), "colour": colour}, index)


def look_at(week, poison=lambda _scores, labels, features: (labels, features)):
    """Week by week until this one, which is poisoned."""
    before = {mondays(other + 1)[-1]: measure_as_of(BINARY, *draw_week(other)) for other in range(week - 8, week)}
    scores, labels, features = draw_week(week)
    labels, features = poison(scores, labels, features)
    return admit(LAPSE, mondays(week + 1)[-1], measure_as_of(BINARY, scores, labels, features), before)


def flip(_scores, labels, features):
    chosen = np.random.default_rng(1).random(len(labels)) < 0.3
    return labels.where(~chosen, 1 - labels), features


def lose_half(_scores, labels, features):
    """Half of those to whom it happened look as if it had not."""
    lost = np.random.default_rng(1).random(len(labels)) < 0.5
    return labels.where(~lost, 0), features


def leak(_scores, labels, features):
    return labels, features.assign(noise=labels + np.random.default_rng(1).normal(size=len(labels), scale=0.7))


def beyond(admission):
    return {name for name, statistic in admission.statistics.items() if statistic.is_beyond}


# What is measured
def test_an_as_of_is_measured_as_by_hand():
    index = pd.MultiIndex.from_product([[pd.Timestamp(DAY)], list("abcd")], names=["as_of", "entity_id"])
    scores, labels = pd.Series([0.2, 0.6, 0.4, 0.8], index), pd.Series([0, 0, 1, 1], index)
    found = measure_as_of(BINARY, scores, labels, pd.DataFrame({"up": [1.0, 2, 3, 4], "down": [4.0, 3, 2, 1]}, index))
    assert found.found["auc"].estimate == 0.75  # of four pairs .6 stands above .4
    assert found.found["calibration"].estimate == pytest.approx(0.0)  # (2 + .5) / (4 + 1) = .5, and the mean score is .5
    assert found.found["log_loss"].estimate == pytest.approx(-(log(0.8) + log(0.4) + log(0.4) + log(0.8)) / 4)
    assert found.found["log_loss"].standard_error == pytest.approx(
        sqrt(variance([-log(0.8), -log(0.4), -log(0.4), -log(0.8)]) / 4)
    )
    assert {name: auc.estimate for name, auc in found.alone.items()} == {"up": 1.0, "down": 1.0}


def test_rows_without_a_score_are_left_out():
    scores, labels, features = draw_week(0)
    assert measure_as_of(BINARY, scores.iloc[:400], labels, features).rows == 400


def test_labels_of_one_class_measure_nothing():
    scores, labels, features = draw_week(0)
    assert measure_as_of(BINARY, scores, labels * 0, features) is None


def test_a_feature_without_values_is_not_ranked():
    scores, labels, features = draw_week(0)
    assert "noise" not in measure_as_of(BINARY, scores, labels, features.assign(noise=np.nan)).alone


# The statistics
def test_the_auc_is_compared_as_by_hand():
    found = admit(LAPSE, DAY, measures(auc=put(0.70)), QUIET).statistics["auc"]
    assert found.z == pytest.approx((0.70 - 0.83) / sqrt(0.01**2 + variance(SPREAD)))
    assert found.is_beyond


def test_a_better_auc_is_no_reason_to_rest():
    assert not admit(LAPSE, DAY, measures(auc=put(0.99)), QUIET).rests


@pytest.mark.parametrize("shift", [-0.7, 0.7])
def test_the_calibration_is_compared_as_by_hand_either_way(shift):
    found = admit(LAPSE, DAY, measures(calibration=put(shift, CALIBRATION_ERROR)), QUIET).statistics["calibration"]
    assert found.z == pytest.approx(shift / sqrt(variance([-0.1, 0.1, -0.1, 0.1]) + 1 / (1000 * 0.2 * 0.8)))
    assert found.is_beyond


def test_the_log_loss_is_compared_as_by_hand():
    found = admit(LAPSE, DAY, measures(log_loss=put(0.5)), QUIET).statistics["log_loss"]
    assert found.z == pytest.approx(0.1 / sqrt(0.01**2 + variance([0.39, 0.41, 0.39, 0.41])))
    assert found.is_beyond


def test_a_smaller_log_loss_is_no_reason_to_rest():
    assert not admit(LAPSE, DAY, measures(log_loss=put(0.2)), QUIET).rests


def test_the_feature_that_jumped_is_compared_with_its_own_history():
    found = admit(LAPSE, DAY, measures(alone={"f": put(0.75), "g": put(0.9)}), QUIET).statistics["feature"]
    assert found.feature == "f"  # g has no history
    assert found.z == pytest.approx(0.15 / sqrt(0.01**2 + variance([0.58, 0.60, 0.62, 0.60])))
    assert found.is_beyond


def test_a_feature_that_swings_by_itself_may_jump():
    swinging = history(alone=[{"f": put(value)} for value in (0.5, 0.6, 0.7, 0.6)])
    assert not admit(LAPSE, DAY, measures(alone={"f": put(0.75)}), swinging).rests


def test_the_limit_of_a_jump_is_the_models():
    assert not admit(small_model(max_jump=0.2), DAY, measures(alone={"f": put(0.75)}), QUIET).rests


def test_a_feature_that_nothing_learns_from_may_jump():
    assert not admit(small_model(exclude=("f",)), DAY, measures(alone={"f": put(0.9)}), QUIET).rests


def test_without_any_spread_any_distance_is_too_far():
    still = {day: measures(auc=put(0.8, 0.0)) for day in BEFORE[:4]}
    assert -inf == admit(LAPSE, DAY, measures(auc=put(0.79, 0.0)), still).statistics["auc"].z


def test_the_reason_names_what_lies_too_far_out():
    reason = admit(LAPSE, DAY, measures(auc=put(0.70)), QUIET).reason
    assert reason == (
        "Compared with the 4 as_ofs admitted before it, the AUC of the scores is 0.700 where it was 0.830 "
        f"(z {(0.70 - fmean(SPREAD)) / sqrt(0.0001 + variance(SPREAD)):+.1f})."
    )


# With nothing to compare with
@pytest.mark.parametrize(
    ("found", "before", "why"),
    [
        (None, QUIET, "no fit of that time has scored it, or all its labels are equal"),
        (measures(rarer=4), QUIET, "4 rows of a class, and at least 5 are needed"),
        (measures(rarer=3), QUIET, "3 rows of a class, and at least 5 are needed"),
        (
            measures(auc=put(0.1)),
            dict(list(QUIET.items())[:3]),
            "3 of the 8 as_ofs before it were admitted and scored by a fit of their time, and at least 4 are needed",
        ),
    ],
)
def test_an_as_of_that_cannot_be_compared_is_admitted_and_that_is_said(found, before, why):
    admission = admit(LAPSE, DAY, found, before)
    assert (admission.rests, admission.statistics) == (False, {})
    assert admission.reason == f"Admitted, with nothing to compare it with: {why}."


# Weeks
def test_no_quiet_week_rests():
    assert [] == [week for week in range(8, 8 + WEEKS) if look_at(week).rests]


@pytest.mark.parametrize("week", [8, 12, 20])
def test_flipped_labels_rest(week):
    assert {"auc", "log_loss"} <= beyond(look_at(week, flip))


@pytest.mark.parametrize("week", [8, 12, 20])
def test_labels_half_of_which_are_missing_rest(week):
    assert {"calibration"} <= beyond(look_at(week, lose_half))


@pytest.mark.parametrize("week", [8, 12, 20])
def test_a_leak_of_one_week_rests_for_its_jump_alone(week):
    found = look_at(week, leak)
    assert {"feature"} == beyond(found)
    assert found.statistics["feature"].feature == "noise"


# Amounts
def draw_amounts(week, *, rows=600, seed=7):
    """What households spend: a fifth nothing, the others skewed amounts around what was said of them."""
    rng = np.random.default_rng([seed, week])
    index = pd.MultiIndex.from_product([[pd.Timestamp(mondays(week + 1)[-1])], range(rows)], names=["as_of", "entity_id"])
    signal = rng.normal(size=rows)
    scores = pd.Series(40 * np.exp(0.6 * signal), index)
    labels = np.minimum(scores / 0.8 * (rng.random(rows) < 0.8) * np.exp(0.5 * rng.normal(size=rows) - 0.125), 700.0)
    return scores, labels, pd.DataFrame({"signal": signal, "noise": rng.normal(size=rows)}, index)


def look_at_amounts(week, poison=lambda labels: labels, model=SPEND, spoil=lambda _labels, features: features):
    task = task_of(model)
    before = {mondays(other + 1)[-1]: measure_as_of(task, *draw_amounts(other)) for other in range(week - 8, week)}
    scores, labels, features = draw_amounts(week)
    return admit(model, mondays(week + 1)[-1], measure_as_of(task, scores, poison(labels), spoil(labels, features)), before)


def shuffle(labels):
    return pd.Series(np.random.default_rng(1).permutation(labels), labels.index)


def in_cents(labels):
    return labels * 100


def judged_by(metric):
    return SPEND.model_copy(update={"training": SPEND.training.model_copy(update={"metric": metric})})


@pytest.mark.parametrize("metric", ["gini", "mae", "rmse"])
def test_no_quiet_week_of_amounts_rests(metric):
    assert [] == [week for week in range(8, 20) if look_at_amounts(week, model=judged_by(metric)).rests]


@pytest.mark.parametrize(("metric", "headline"), [("gini", "gini"), ("mae", "mae"), ("rmse", "mse")])
def test_amounts_of_somebody_else_rest_for_their_headline(metric, headline):
    found = look_at_amounts(9, shuffle, judged_by(metric))
    assert headline in beyond(found)
    assert next(iter(found.statistics)) == headline


@pytest.mark.parametrize("week", [8, 12, 20])
@pytest.mark.parametrize("metric", ["gini", "mae", "rmse"])
def test_a_leak_of_one_week_of_amounts_rests_for_its_jump_alone(metric, week):
    def know(labels, features):
        return features.assign(noise=np.log1p(labels) + np.random.default_rng(1).normal(size=len(labels), scale=2.0))

    found = look_at_amounts(week, model=judged_by(metric), spoil=know)
    assert {"feature"} == beyond(found)
    assert found.statistics["feature"].feature == "noise"


@pytest.mark.parametrize("factor", [100, 0.01])
def test_amounts_in_another_unit_rest_for_their_sum(factor):
    found = look_at_amounts(9, lambda labels: labels * factor).statistics["calibration"]
    assert found.is_beyond
    assert found.value == pytest.approx(log(factor), abs=0.1)


def test_the_reason_names_amounts_in_their_unit():
    assert "the mean squared error of the scores is " in look_at_amounts(9, in_cents).reason


def test_amounts_that_add_up_to_nothing_have_no_calibration_and_are_looked_at_all_the_same():
    found = look_at_amounts(9, lambda labels: -labels, judged_by("mae"))
    assert "calibration" not in found.statistics
    assert found.rests


def test_a_feature_that_ranks_amounts_is_told_by_half_of_one_more_than_its_gini():
    scores, labels, features = draw_amounts(9)
    flags = (labels > 30).astype(int)
    amounts, classes = (measure_as_of(task_of(model), scores, flags, features).alone["noise"] for model in (SPEND, LAPSE))
    assert amounts.estimate == pytest.approx(classes.estimate)
