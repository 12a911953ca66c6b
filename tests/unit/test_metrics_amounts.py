"""Losses and Ginis of amounts against scikit-learn, closed forms, and the jackknife of entities."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import (
    mean_absolute_error,
    mean_pinball_loss,
    mean_poisson_deviance,
    mean_squared_error,
    mean_tweedie_deviance,
    roc_auc_score,
)

from perennial.compare.superiority import FEWEST_ENTITIES
from perennial.errors import ConfigError, MetricNotFinite, MisalignedScores, OneClassLabels
from perennial.metrics import (
    absolute_loss,
    gini_with_interval,
    mean_gini,
    mean_loss,
    mean_loss_with_interval,
    paired_gini_by_day,
    paired_gini_difference,
    paired_loss_by_day,
    paired_mean_loss_difference,
    paired_rmse_difference,
    pinball_loss,
    poisson_deviance,
    rmse,
    rmse_with_interval,
    squared_loss,
    tweedie_deviance,
)
from perennial.metrics.amounts import estimate_loss, estimate_rmse
from perennial.metrics.gini import estimate_gini, gini_within
from perennial.metrics.panel import make_amounts
from tests.amounts import agree, leave_out_entities, make_world

CAP = 6.0
LOSSES = {
    "absolute": (absolute_loss, mean_absolute_error),
    "squared": (squared_loss(), mean_squared_error),
    "capped": (squared_loss(CAP), lambda y, p: mean_squared_error(y.clip(upper=CAP), p.clip(upper=CAP))),
    "pinball": (pinball_loss(0.9), lambda y, p: mean_pinball_loss(y, p, alpha=0.9)),
    "poisson": (poisson_deviance, mean_poisson_deviance),
    "tweedie": (tweedie_deviance(), lambda y, p: mean_tweedie_deviance(y, p, power=1.5)),
}
MEASURES = {
    **{name: lambda p, y, loss=loss: mean_loss(p, y, loss) for name, (loss, _) in LOSSES.items()},
    "rmse": lambda p, y: rmse(p, y, cap=CAP),
    "gini": mean_gini,
}
ESTIMATES = {
    **{name: lambda rows, p, loss=loss: estimate_loss(rows, p, loss) for name, (loss, _) in LOSSES.items()},
    "rmse": lambda rows, p: estimate_rmse(rows, p, CAP),
    "gini": estimate_gini,
}


@pytest.fixture(scope="module")
def world():
    return make_world()


def by_day(measure, predictions, labels):
    """The definition: within each as_of, then averaged."""
    return np.mean([measure(labels.xs(day), predictions.xs(day)) for day in labels.index.unique("as_of")])


def panel_of(*rows):
    index = pd.MultiIndex.from_tuples([(pd.Timestamp(day), entity) for day, entity, *_ in rows], names=["as_of", "entity_id"])
    return pd.Series([row[2] for row in rows], index=index), pd.Series([row[3] for row in rows], index=index)


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_is_the_mean_over_as_ofs_of_scikit_learns(world, name):
    good, _, labels = world
    loss, expected = LOSSES[name]
    assert mean_loss(good, labels, loss) == pytest.approx(by_day(expected, good, labels), rel=1e-12)


def test_rmse_is_the_root_of_the_squares_of_all_as_ofs_together(world):
    good, _, labels = world
    assert rmse(good, labels) == pytest.approx(np.sqrt(by_day(mean_squared_error, good, labels)), rel=1e-12)
    assert rmse(good, labels) > by_day(lambda y, p: np.sqrt(mean_squared_error(y, p)), good, labels)


def test_the_gini_of_zeros_and_ones_is_twice_the_auc_less_one(world):
    good, _, labels = world
    auc = by_day(roc_auc_score, good, (labels > 0).astype(int))
    assert mean_gini(good, (labels > 0).astype(float)) == pytest.approx(2 * auc - 1, rel=1e-12)


def lorenz_gini(predictions, labels):
    """The definition by areas: what the first rows, lowest prediction first, hold of all, below the share of rows."""
    shares = np.cumsum(labels[np.argsort(predictions, kind="stable")]) / labels.sum()
    return 1 - 2 * np.mean(shares) + 1 / len(labels)


def test_the_gini_is_the_area_of_the_lorenz_curve_over_that_of_the_perfect_order():
    rng = np.random.default_rng(3)
    predictions, labels = rng.normal(size=40), rng.lognormal(size=40)
    expected = lorenz_gini(predictions, labels) / lorenz_gini(labels, labels)
    assert gini_within(predictions, labels).value == pytest.approx(expected, rel=1e-12)


def test_equal_predictions_are_worth_a_random_order_of_them():
    rng = np.random.default_rng(3)
    predictions, labels = rng.integers(0, 4, 12).astype(float), rng.lognormal(size=12)
    drawn = [gini_within(predictions + 1e-6 * rng.random(12), labels).value for _ in range(2_000)]
    assert gini_within(predictions, labels).value == pytest.approx(np.mean(drawn), abs=4 * np.std(drawn) / np.sqrt(2_000))


def test_the_worked_example_of_the_gini():
    assert gini_within(np.array([1.0, 3, 2]), np.array([0.0, 1, 5])).value == pytest.approx(0.2)


@pytest.mark.parametrize("name", MEASURES)
def test_influence_values_are_those_of_leaving_out_entities(world, name):
    good, _, labels = world
    rows = make_amounts(labels)
    found = ESTIMATES[name](rows, rows.align(good)).influence
    likeness, slope = agree(np.bincount(rows.entities, weights=found), leave_out_entities(MEASURES[name], good, labels))
    assert likeness >= 0.9999
    assert slope == pytest.approx(1, abs=0.02)
    assert found.sum() == pytest.approx(0, abs=1e-12)


def test_influence_values_of_a_gini_of_heavy_amounts_are_exact():
    rng = np.random.default_rng(5)
    predictions = rng.normal(size=200).round(1)
    labels = np.where(rng.random(200) < 0.8, 0, rng.lognormal(predictions, 2))
    without = np.array([gini_within(np.delete(predictions, i), np.delete(labels, i)).value for i in range(200)])
    assert gini_within(predictions, labels).influence == pytest.approx(199 / 200 * (without.mean() - without), abs=1e-13)


def test_a_row_that_holds_all_there_is_makes_the_gini_a_guess():
    found = gini_within(np.array([1.0, 2, 3, 4]), np.array([0.0, 0, 0, 9]))
    assert found.value == 1
    assert np.abs(found.influence).max() == pytest.approx(9 / 16)


@pytest.mark.parametrize("name", ["absolute", "capped", "pinball"])
def test_a_gain_by_day_is_the_difference_of_the_losses_with_its_interval(world, name):
    good, poor, labels = world
    loss = LOSSES[name][0]
    gain = paired_loss_by_day(good, poor, labels, loss)
    shown = paired_mean_loss_difference(good, poor, labels, loss)
    assert gain.estimate == pytest.approx(mean_loss(poor, labels, loss) - mean_loss(good, labels, loss), rel=1e-12)
    assert (gain.estimate, gain.standard_error) == pytest.approx((-shown.estimate, shown.standard_error), rel=1e-12)
    assert gain.influence.sum(axis=0) == pytest.approx(0, abs=1e-12)


def test_a_gain_in_gini_by_day_is_the_difference_of_the_ginis_with_its_interval(world):
    good, poor, labels = world
    gain, shown = paired_gini_by_day(good, poor, labels), paired_gini_difference(good, poor, labels)
    assert gain.estimate == pytest.approx(mean_gini(good, labels) - mean_gini(poor, labels), rel=1e-12)
    assert gain.estimate > 0
    assert (gain.estimate, gain.standard_error) == pytest.approx((shown.estimate, shown.standard_error), rel=1e-12)
    assert gain.influence.sum(axis=0) == pytest.approx(0, abs=1e-12)


def test_the_gains_of_each_as_of_are_told_apart(world):
    good, poor, labels = world
    gain = paired_loss_by_day(good, poor, labels, absolute_loss)
    expected = [
        mean_absolute_error(labels.xs(day), poor.xs(day)) - mean_absolute_error(labels.xs(day), good.xs(day))
        for day in labels.index.unique("as_of")
    ]
    assert gain.estimate > 0
    assert gain.as_ofs == tuple(day.date() for day in labels.index.unique("as_of"))
    assert gain.gains == pytest.approx(expected, rel=1e-12)


def test_a_gain_counts_the_entities_that_lose_differently(world):
    good, _, labels = world
    entities = good.index.get_level_values("entity_id")
    ours = good.where(entities >= FEWEST_ENTITIES - 1, good + 1)
    assert paired_loss_by_day(ours, good, labels, absolute_loss).entities_by_group == {"lose differently under both": 29}
    beyond_the_cap = good.where(good < good.max(), good + 50)
    assert paired_loss_by_day(beyond_the_cap, good, labels, squared_loss(0.1)).entities_by_group.popitem()[1] == 0


def test_a_gain_in_gini_counts_who_is_ranked_differently_and_who_spent():
    ours, labels = panel_of(*(("2017-09-04", entity, entity, entity * (entity > 6)) for entity in range(10)))
    theirs = ours.where(ours.ne(0) & ours.ne(1), 1 - ours)
    groups = paired_gini_by_day(ours, theirs, labels).entities_by_group
    assert groups == {"are ranked differently by both": 2, "carry another label than the commonest": 3}


def test_rows_of_one_cluster_count_as_one_piece_of_evidence(world):
    good, poor, labels = world
    clusters = [good.index.get_level_values(0), good.index.get_level_values(1), good.index.get_level_values(1) // 5]
    clustered = [each.set_axis(pd.MultiIndex.from_arrays(clusters)) for each in (good, poor, labels)]
    for measure in (paired_gini_by_day, lambda *series: paired_loss_by_day(*series, absolute_loss)):
        assert measure(*clustered).influence.shape == (50, 4)
        assert measure(*clustered).estimate == pytest.approx(measure(good, poor, labels).estimate)


def test_shown_intervals_hold_the_figure_in_units_of_the_target(world):
    good, poor, labels = world
    found = (
        (rmse_with_interval(good, labels, cap=CAP), rmse(good, labels, cap=CAP)),
        (mean_loss_with_interval(good, labels, absolute_loss), mean_loss(good, labels, absolute_loss)),
        (gini_with_interval(good, labels), mean_gini(good, labels)),
    )
    assert all(interval.low < value == interval.estimate < interval.high for interval, value in found)
    difference = paired_rmse_difference(good, poor, labels)
    assert difference.estimate == pytest.approx(rmse(good, labels) - rmse(poor, labels), rel=1e-12)


def test_an_as_of_of_equal_labels_ranks_nobody():
    predictions, labels = panel_of(
        ("2017-09-04", 1, 1.0, 0.0), ("2017-09-04", 2, 2.0, 5.0), ("2017-09-11", 1, 1.0, 3.0), ("2017-09-11", 2, 2.0, 3.0)
    )
    assert mean_gini(predictions, labels) == 1
    assert len(paired_gini_by_day(predictions, -predictions, labels).as_ofs) == 1
    with pytest.raises(OneClassLabels, match="nothing to rank"):
        mean_gini(predictions, labels * 0)


def test_perfect_predictions_have_a_root_of_zero_for_sure(world):
    _, _, labels = world
    found = rmse_with_interval(labels, labels)
    assert (found.estimate, found.standard_error) == (0, 0)


@pytest.mark.parametrize("labels", [[1.0, np.nan], [1.0, np.inf], []], ids=str)
def test_labels_that_are_no_amounts_are_refused(labels):
    predictions, known = panel_of(*(("2017-09-04", entity, 1.0, label) for entity, label in enumerate(labels)))
    if not labels:
        known = pd.Series([], index=pd.MultiIndex.from_arrays([[], []]), dtype=float)
    with pytest.raises(MetricNotFinite, match="missing or infinite"):
        mean_loss(predictions, known, absolute_loss)


def test_predictions_of_other_rows_or_without_a_number_are_refused(world):
    good, _, labels = world
    with pytest.raises(MisalignedScores):
        mean_loss(good.iloc[1:], labels, absolute_loss)
    with pytest.raises(MetricNotFinite, match="1 of"):
        mean_gini(good.where(good.index != good.index[0]), labels)


@pytest.mark.parametrize("loss", [poisson_deviance, tweedie_deviance(1.2)])
def test_a_deviance_wants_labels_from_zero_and_predictions_above_it(world, loss):
    good, _, labels = world
    with pytest.raises(MetricNotFinite, match=r"0 labels lie below 0 and 1 of \d+ predictions"):
        mean_loss(good.where(good.index != good.index[0], 0.0), labels, loss)
    with pytest.raises(MetricNotFinite, match="1 labels lie below 0"):
        mean_loss(good, labels.where(good.index != good.index[0], -1.0), loss)


@pytest.mark.parametrize("make", [lambda: pinball_loss(1.0), lambda: pinball_loss(0.0), lambda: tweedie_deviance(2.0)])
def test_a_loss_without_meaning_is_refused(make):
    with pytest.raises(ConfigError, match="between"):
        make()
