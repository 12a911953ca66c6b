"""Probabilities of several classes against scikit-learn and the jackknife of entities."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from perennial.errors import MetricNotFinite, MisalignedScores, OneClassLabels
from perennial.metrics import (
    class_log_loss,
    class_log_loss_with_interval,
    macro_auc,
    paired_class_loss_by_day,
    paired_macro_auc_by_day,
)
from tests.amounts import agree, leave_out_entities

NAMES = ["dairy", "bakery", "produce", "gifts"]


@pytest.fixture(scope="module")
def world():
    """250 entities on three as_ofs; the last class is that of four entities only."""
    rng = np.random.default_rng(7)
    index = pd.MultiIndex.from_product(
        [pd.date_range("2017-09-04", periods=3, freq="7D"), range(250)], names=["as_of", "entity_id"]
    )
    taste = np.tile(rng.normal([0, 0.5, 0.5, -1], size=(250, 4)), (3, 1))
    labels = (taste[:, :3] + rng.gumbel(size=(750, 3))).argmax(axis=1)
    labels = pd.Series(np.where(np.tile(np.arange(250) < 4, 3), 3, labels), index=index)
    good, poor = (soften(taste + error * np.tile(rng.normal(size=(250, 4)), (3, 1)), index) for error in (0.3, 0.9))
    is_there = rng.random(750) < 0.9
    return good[is_there], poor[is_there], labels[is_there]


def soften(utilities, index):
    odds = np.exp(utilities)
    return pd.DataFrame(odds / odds.sum(axis=1, keepdims=True), index=index, columns=NAMES)


def by_day(measure, scores, labels):
    return np.mean([measure(labels.xs(day), scores.xs(day)) for day in labels.index.unique("as_of")])


def test_the_log_loss_is_the_mean_over_as_ofs_of_scikit_learns(world):
    good, _, labels = world
    expected = by_day(lambda y, p: log_loss(y, p, labels=range(4)), good, labels)
    assert class_log_loss(good, labels) == pytest.approx(expected, rel=1e-9)


def test_a_sure_mistake_costs_no_more_than_the_bound(world):
    good, _, labels = world
    sure = pd.DataFrame(np.eye(4)[(labels + 1) % 4], index=labels.index, columns=NAMES)
    assert class_log_loss(sure, labels) == pytest.approx(-np.log(1e-4))
    assert class_log_loss_with_interval(good, labels).low > 0


def test_the_macro_auc_averages_the_classes_that_enough_entities_carry_and_names_the_others(world):
    good, _, labels = world
    found = macro_auc(good, labels)
    expected = np.mean([by_day(lambda y, p, k=k: roc_auc_score(y == k, p.iloc[:, k]), good, labels) for k in range(3)])
    assert found.auc.estimate == pytest.approx(expected, rel=1e-12)
    assert found.dropped == ("gifts",)
    assert found.auc.low < found.auc.estimate < found.auc.high


@pytest.mark.parametrize("measure", [paired_class_loss_by_day, lambda *pair: paired_macro_auc_by_day(*pair)[0]])
def test_gains_and_their_influence_are_those_of_leaving_out_entities(world, measure):
    good, poor, labels = world
    gain = measure(good, poor, labels)
    likeness, slope = agree(
        gain.influence.mean(axis=1), leave_out_entities(lambda *series: measure(*series).estimate, good, poor, labels)
    )
    assert gain.estimate > 0
    assert likeness >= 0.999
    assert slope == pytest.approx(1, abs=0.03)
    assert gain.influence.sum(axis=0) == pytest.approx(0, abs=1e-12)


def test_a_gain_is_the_difference_of_the_figures_and_counts_entities(world):
    good, poor, labels = world
    loss, (auc, dropped) = paired_class_loss_by_day(good, poor, labels), paired_macro_auc_by_day(good, poor, labels)
    assert loss.estimate == pytest.approx(class_log_loss(poor, labels) - class_log_loss(good, labels))
    assert auc.estimate == pytest.approx(macro_auc(good, labels).auc.estimate - macro_auc(poor, labels).auc.estimate)
    assert (dropped, loss.entities_by_group["lose differently under both"]) == (("gifts",), 250)
    assert min(auc.entities_by_group.values()) >= 30
    assert "carry a positive label of class dairy" in auc.entities_by_group


def test_a_model_gains_nothing_on_itself(world):
    good, _, labels = world
    same = paired_class_loss_by_day(good, good, labels)
    assert not same.gains.any()
    assert not same.influence.any()
    assert not paired_macro_auc_by_day(good, good, labels)[0].influence.any()


def test_reordering_rows_changes_nothing(world):
    good, poor, labels = world
    order = np.random.default_rng(1).permutation(len(labels))
    before = paired_class_loss_by_day(good, poor, labels)
    after = paired_class_loss_by_day(good.iloc[order], poor.iloc[order[::-1]], labels.iloc[order])
    assert before.influence == pytest.approx(after.influence, abs=1e-12)


def test_a_class_that_no_column_stands_for_is_named(world):
    good, _, labels = world
    with pytest.raises(MetricNotFinite, match=r"1 of .* labels are no codes from 0 to 3"):
        class_log_loss(good, labels.where(labels.index != labels.index[0], 4))


def test_probabilities_that_do_not_add_up_and_other_rows_or_classes_are_refused(world):
    good, _, labels = world
    with pytest.raises(MetricNotFinite, match="add up to 1"):
        class_log_loss(good * 1.1, labels)
    with pytest.raises(MisalignedScores, match="rows stand against"):
        macro_auc(good.iloc[1:], labels)
    with pytest.raises(MisalignedScores, match="same classes"):
        paired_class_loss_by_day(good[NAMES[::-1]], good, labels)


def test_classes_that_too_few_entities_carry_leave_nothing_to_rank(world):
    good, _, labels = world
    few = labels.index.get_level_values("entity_id") < 25
    with pytest.raises(OneClassLabels, match="No class has 30 entities"):
        macro_auc(good[few], labels[few])
