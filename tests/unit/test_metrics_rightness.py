"""How often the likeliest class is right, and calibration averaged over classes: by hand, and by leaving out entities."""

import numpy as np
import pandas as pd
import pytest

from perennial.metrics import (
    accuracy,
    accuracy_with_interval,
    calibration_error,
    class_calibration_error,
    class_calibration_with_interval,
    class_log_loss,
    macro_auc,
    paired_accuracy_difference,
    paired_class_calibration_difference,
    paired_class_loss_difference,
    paired_macro_auc_difference,
    reliability_bins,
    reliability_by_class,
)
from tests.amounts import leave_out_entities

DAYS, ENTITIES = 3, 200


@pytest.fixture(scope="module")
def world():
    """Both see tastes through noise of their own, and the second says everything twice as surely."""
    rng = np.random.default_rng(3)
    index = pd.MultiIndex.from_product(
        [pd.date_range("2017-09-04", periods=DAYS, freq="7D"), range(ENTITIES)], names=["as_of", "entity_id"]
    )
    taste = np.tile(rng.normal(size=(ENTITIES, 3)), (DAYS, 1))
    labels = pd.Series((taste + rng.gumbel(size=taste.shape)).argmax(axis=1), index=index)

    def see(noise, sureness):
        odds = np.exp(sureness * (taste + np.tile(noise * rng.normal(size=(ENTITIES, 3)), (DAYS, 1))))
        return pd.DataFrame(odds / odds.sum(axis=1, keepdims=True), index=index, columns=["a", "b", "c"])

    return see(0.1, 1), see(0.8, 2), labels


def find_first(scores, labels, capacity):
    """Day by day with a loop."""
    shares = []
    for day, rows in labels.groupby(level="as_of"):
        said = scores.xs(day, drop_level=False)
        first = said.max(axis=1).sort_values(ascending=False, kind="stable").index[:capacity]
        shares.append(np.mean(said.loc[first].to_numpy().argmax(axis=1) == rows.loc[first].to_numpy()))
    return np.mean(shares)


@pytest.mark.parametrize("capacity", [None, 20, 1000])
def test_the_share_that_is_right_is_that_of_the_first_of_each_day(world, capacity):
    good, _, labels = world
    assert accuracy(good, labels, capacity=capacity) == pytest.approx(find_first(good, labels, capacity))


def test_its_error_is_that_of_leaving_out_entities(world):
    good, poor, labels = world
    pulls = leave_out_entities(lambda ours, theirs, came: accuracy(ours, came) - accuracy(theirs, came), good, poor, labels)
    found = paired_accuracy_difference(good, poor, labels)
    expected = np.sqrt(ENTITIES / (ENTITIES - 1) * np.square(pulls).sum())
    assert found.standard_error == pytest.approx(expected, rel=0.01)
    assert found.estimate == pytest.approx(accuracy(good, labels) - accuracy(poor, labels))


def test_among_the_first_it_is_the_binomial_error_of_those_alone(world):
    good, _, labels = world
    found = accuracy_with_interval(good, labels, capacity=40)
    assert found.estimate > accuracy(good, labels)
    assert found.standard_error == pytest.approx(np.sqrt(found.estimate * (1 - found.estimate) / (40 * DAYS)), rel=0.35)


def test_calibration_is_averaged_over_classes(world):
    good, _, labels = world
    each = [calibration_error(good[name], (labels == code).astype(int)) for code, name in enumerate(good)]
    assert class_calibration_error(good, labels) == pytest.approx(np.mean(each))
    found = class_calibration_with_interval(good, labels, confidence=0.95, seed=7)
    assert found.low < class_calibration_error(good, labels) == found.estimate < found.high


def test_who_is_too_sure_is_calibrated_worse_beyond_chance(world):
    good, poor, labels = world
    found = paired_class_calibration_difference(good, poor, labels, confidence=0.95, seed=7)
    assert found.high < 0
    assert found == paired_class_calibration_difference(good, poor, labels, confidence=0.95, seed=7)
    same = paired_class_calibration_difference(good, good, labels, confidence=0.95, seed=7)
    assert (same.estimate, same.standard_error) == (0, 0)


def test_differences_are_those_of_the_figures(world):
    good, poor, labels = world
    loss, auc = paired_class_loss_difference(good, poor, labels), paired_macro_auc_difference(good, poor, labels)
    assert loss.estimate == pytest.approx(class_log_loss(good, labels) - class_log_loss(poor, labels))
    assert auc.estimate == pytest.approx(macro_auc(good, labels).auc.estimate - macro_auc(poor, labels).auc.estimate)
    assert loss.high < 0 < auc.low


def test_each_class_is_looked_at_as_a_yes_or_no_of_its_own(world):
    _, poor, labels = world
    found = reliability_by_class(poor, labels)
    assert [each.rows for each in found] == sorted((labels.value_counts()).tolist(), reverse=True)
    for each in found:
        said, came = poor[each.name], (labels == list(poor.columns).index(each.name)).astype(int)
        assert each.error == pytest.approx(calibration_error(said, came))
        assert each.mean_score == pytest.approx(said.mean())
        (whole,) = reliability_bins(said * 0 + said.mean(), came)
        assert each.share == whole.share
    assert np.mean([each.error for each in found]) == pytest.approx(class_calibration_error(poor, labels))
