"""Rows that weigh differently: against scikit-learn, against rows that stand so often, and against the jackknife of entities."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score
from sklearn.metrics import log_loss as sklearn_log_loss

from perennial.errors import MisalignedScores
from perennial.metrics import (
    absolute_loss,
    accuracy,
    add_clusters,
    average_precision,
    bias_size,
    brier,
    calibration_error,
    class_log_loss,
    coverage_gap,
    enter_beside,
    log_loss,
    macro_auc,
    mean_auc,
    mean_gini,
    mean_loss,
    ndcg_at,
    paired_accuracy_difference,
    paired_auc_by_day,
    paired_auc_difference,
    paired_bias_size_difference,
    paired_class_loss_by_day,
    paired_class_loss_difference,
    paired_gini_by_day,
    paired_loss_by_day,
    paired_loss_difference,
    paired_macro_auc_by_day,
    paired_macro_auc_difference,
    paired_mean_loss_difference,
    precision_at_recall,
    reliability_bins,
    rmse,
    squared_loss,
    total_bias,
    value_at,
)
from perennial.train.pictures import average_tenths

FIGURES = {
    "auc": mean_auc,
    "log_loss": log_loss,
    "brier": brier,
    "average_precision": average_precision,
    "precision_at_recall": lambda scores, labels: precision_at_recall(scores, labels, recall=0.7),
    "gini": mean_gini,
    "mae": lambda scores, labels: mean_loss(scores, labels, absolute_loss),
    "rmse": rmse,
    "total_bias": total_bias,
    "bias": bias_size,
    "coverage": lambda scores, labels: coverage_gap(scores, labels, quantile=0.8),
}
DIFFERENCES = {
    "auc": (mean_auc, paired_auc_difference),
    "log_loss": (log_loss, paired_loss_difference),
    "bias": (bias_size, paired_bias_size_difference),
    "mse": (
        lambda scores, labels: mean_loss(scores, labels, squared_loss()),
        lambda *rows: paired_mean_loss_difference(*rows, squared_loss()),
    ),
}
BY_DAY = {
    "auc": (mean_auc, paired_auc_by_day, 1),
    "gini": (mean_gini, paired_gini_by_day, 1),
    "mae": (
        lambda scores, labels: mean_loss(scores, labels, absolute_loss),
        lambda *rows: paired_loss_by_day(*rows, absolute_loss),
        -1,
    ),
}


def average_macro(scores, codes):
    return macro_auc(scores, codes).auc.estimate


OF_CLASSES = {
    "macro_auc": average_macro,
    "log_loss": class_log_loss,
    "accuracy": accuracy,
}
CLASS_DIFFERENCES = {
    "macro_auc": (average_macro, paired_macro_auc_difference),
    "log_loss": (class_log_loss, paired_class_loss_difference),
    "accuracy": (accuracy, paired_accuracy_difference),
}
CLASSES_BY_DAY = {
    "macro_auc": (average_macro, lambda *rows: paired_macro_auc_by_day(*rows)[0], 1),
    "log_loss": (class_log_loss, paired_class_loss_by_day, -1),
}


@pytest.fixture(scope="module")
def rows():
    """120 entities on three as_ofs with whole weights, some of them 0: (ours, theirs, labels, weights)."""
    rng = np.random.default_rng(4)
    index = pd.MultiIndex.from_product(
        [pd.to_datetime(["2017-09-04", "2017-09-11", "2017-09-18"]), range(120)], names=["as_of", "entity_id"]
    )
    risk = rng.normal(size=len(index))
    labels = pd.Series((risk + rng.normal(size=len(index)) > 0.5).astype(int), index=index)
    ours, theirs = (
        pd.Series(1 / (1 + np.exp(0.7 - risk - rng.normal(size=len(index)) * noise)), index=index).round(2).clip(0.01, 0.99)
        for noise in (0.5, 1.0)
    )
    return ours, theirs, labels, pd.Series(rng.integers(0, 5, len(index)).astype(float), index=index)


@pytest.fixture(scope="module")
def class_rows(rows):
    """The same rows with one of three classes each: (ours, theirs, codes, weights)."""
    rng, index = np.random.default_rng(8), rows[2].index
    taste = np.tile(rng.normal(size=(120, 3)), (3, 1))
    codes = pd.Series((taste + rng.gumbel(size=taste.shape)).argmax(axis=1), index=index)
    odds = [np.exp(taste + rng.normal(size=taste.shape) * noise) for noise in (0.5, 1.0)]
    ours, theirs = (pd.DataFrame(each / each.sum(axis=1, keepdims=True), index, columns=list("abc")) for each in odds)
    return ours, theirs, codes, rows[3]


def weigh(values, weights):
    return enter_beside(values, {"weight": weights})


def repeat(values, weights):
    """Every row as often as it weighs, each copy an entity of its own."""
    copied = values.loc[values.index.repeat(weights.astype(int))]
    days = copied.index.get_level_values("as_of")
    return copied.set_axis(pd.MultiIndex.from_arrays([days, range(len(copied))], names=["as_of", "entity_id"]))


@pytest.mark.parametrize("figure", FIGURES)
def test_a_row_counts_as_often_as_it_weighs(rows, figure):
    ours, _, labels, weights = rows
    found = FIGURES[figure](weigh(ours, weights), weigh(labels, weights))
    assert found == pytest.approx(FIGURES[figure](repeat(ours, weights), repeat(labels, weights)), abs=1e-12)


def test_weighted_figures_equal_scikit_learns(rows):
    ours, _, labels, weights = rows
    first = labels.index.get_level_values("as_of") == labels.index[0][0]
    day, scores, shares = labels[first], ours[first], weights[first] * np.pi
    found = [each(weigh(scores, shares), weigh(day, shares)) for each in (mean_auc, average_precision, log_loss, brier)]
    theirs = (roc_auc_score, average_precision_score, sklearn_log_loss, brier_score_loss)
    assert found == pytest.approx([each(day, scores, sample_weight=shares) for each in theirs])


@pytest.mark.parametrize("figure", OF_CLASSES)
def test_a_row_of_classes_counts_as_often_as_it_weighs(class_rows, figure):
    ours, _, codes, weights = class_rows
    found = OF_CLASSES[figure](weigh(ours, weights), weigh(codes, weights))
    assert found == pytest.approx(OF_CLASSES[figure](repeat(ours, weights), repeat(codes, weights)), abs=1e-12)
    assert found != pytest.approx(OF_CLASSES[figure](ours, codes), abs=1e-3), "weights change it, or the test says nothing"


def test_the_weighted_macro_auc_equals_scikit_learns(class_rows):
    ours, _, codes, weights = class_rows
    weights = (weights + 1) * np.pi
    by_day = [
        [roc_auc_score(codes.xs(day) == code, ours.xs(day).iloc[:, code], sample_weight=weights.xs(day)) for code in range(3)]
        for day in codes.index.unique("as_of")
    ]
    assert average_macro(weigh(ours, weights), weigh(codes, weights)) == pytest.approx(np.mean(by_day))


def leave_out(figure, values):
    """Pseudo-values of entities: what the figure loses without each."""
    entities = values[0].index.get_level_values("entity_id")
    without = np.array([figure(*(each[entities != entity] for each in values)) for entity in range(120)])
    return 119 / 120 * (without.mean() - without)


@pytest.mark.parametrize("name", DIFFERENCES)
def test_the_error_of_a_weighted_difference_is_that_of_the_jackknife(rows, name):
    figure, difference = DIFFERENCES[name]
    too_high = rows[0] ** 0.5, rows[1] ** 0.6, rows[2]  # a bias about 0 has a larger error than it says
    ours, theirs, labels = (weigh(each, rows[3] ** 1.5) for each in too_high)
    pulls = leave_out(lambda *kept: figure(kept[0], kept[2]) - figure(kept[1], kept[2]), (ours, theirs, labels))
    error = np.sqrt(120 / 119 * np.square(pulls).sum())
    assert difference(ours, theirs, labels).standard_error == pytest.approx(error, rel=0.03)


@pytest.mark.parametrize("name", BY_DAY)
def test_weighted_influence_values_are_those_of_leaving_out_entities(rows, name):
    figure, by_day, sign = BY_DAY[name]
    ours, theirs, labels = (weigh(each, rows[3] + 1) for each in rows[:3])
    found = by_day(ours, theirs, labels)
    pulls = leave_out(lambda *kept: sign * (figure(kept[0], kept[2]) - figure(kept[1], kept[2])), (ours, theirs, labels))
    assert found.estimate == pytest.approx(sign * (figure(ours, labels) - figure(theirs, labels)))
    assert np.corrcoef(found.influence.mean(axis=1), pulls)[0, 1] >= 0.999
    assert found.influence.sum(axis=0) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("name", CLASS_DIFFERENCES)
def test_the_error_of_a_weighted_difference_of_classes_is_that_of_the_jackknife(class_rows, name):
    figure, difference = CLASS_DIFFERENCES[name]
    ours, theirs, codes = (weigh(each, class_rows[3] ** 1.5) for each in class_rows[:3])
    pulls = leave_out(lambda *kept: figure(kept[0], kept[2]) - figure(kept[1], kept[2]), (ours, theirs, codes))
    error = np.sqrt(120 / 119 * np.square(pulls).sum())
    assert difference(ours, theirs, codes).standard_error == pytest.approx(error, rel=0.05)


@pytest.mark.parametrize("name", CLASSES_BY_DAY)
def test_weighted_influence_values_of_classes_are_those_of_leaving_out_entities(class_rows, name):
    figure, by_day, sign = CLASSES_BY_DAY[name]
    ours, theirs, codes = (weigh(each, class_rows[3] + 1) for each in class_rows[:3])
    found = by_day(ours, theirs, codes)
    pulls = leave_out(lambda *kept: sign * (figure(kept[0], kept[2]) - figure(kept[1], kept[2])), (ours, theirs, codes))
    assert found.estimate == pytest.approx(sign * (figure(ours, codes) - figure(theirs, codes)))
    assert np.corrcoef(found.influence.mean(axis=1), pulls)[0, 1] >= 0.999
    assert found.influence.sum(axis=0) == pytest.approx(0, abs=1e-12)


def test_the_picture_that_a_training_draws_weighs_its_rows(rows):
    ours, _, labels, weights = rows
    means, realised = average_tenths(weigh(ours, weights + 1), weigh(labels, weights + 1))
    lowest = np.argsort(ours.to_numpy(), kind="stable")[:36]
    assert means[0] == pytest.approx(np.average(ours.iloc[lowest], weights=weights.iloc[lowest] + 1))
    assert realised[0] == pytest.approx(np.average(labels.iloc[lowest], weights=weights.iloc[lowest] + 1))
    assert len(means) == len(realised) == 10


def test_equal_weights_are_none(rows):
    ours, theirs, labels, _ = rows
    even = pd.Series(3.0, index=labels.index)
    plain = paired_gini_by_day(ours, theirs, labels)
    weighed = paired_gini_by_day(*(weigh(each, even) for each in (ours, theirs, labels)))
    assert weighed.influence == pytest.approx(plain.influence, abs=1e-14)
    assert calibration_error(weigh(ours, even), weigh(labels, even)) == pytest.approx(calibration_error(ours, labels))


def test_a_picture_of_calibration_weighs_its_rows(rows):
    ours, _, labels, weights = rows
    kept = weights[weights > 0]
    lowest = reliability_bins(weigh(ours, weights), weigh(labels, weights))[0]
    inside = ours[kept.index] <= ours[kept.index].quantile(0.1)
    assert lowest.share.estimate == pytest.approx(np.average(labels[kept.index][inside], weights=kept[inside]))
    assert lowest.rows == inside.sum()


def test_clusters_stand_beside_weights(rows):
    ours, theirs, labels, weights = rows
    clusters = pd.Series((labels.index.get_level_values("entity_id") // 2).astype(str), index=labels.index)
    weighed = [weigh(each, weights + 1) for each in (ours, theirs, labels)]
    pairs = paired_auc_by_day(*(add_clusters(each, clusters) for each in weighed))
    assert pairs.gains == pytest.approx(paired_auc_by_day(*weighed).gains)
    assert len(pairs.influence) == 60


def test_those_acted_on_are_counted_whatever_they_weigh_and_are_worth_what_is_said_of_them(rows):
    ours, _, labels, weights = rows
    worth = 10 * labels - 2.5
    beside = {"weight": weights + 1, "value": worth}
    scores, told = (enter_beside(each.astype(float), beside) for each in (ours, labels))
    strict = ours + np.linspace(0, 1e-6, len(ours))
    best = strict.groupby(level="as_of").nlargest(5).droplevel(0).index
    assert value_at(enter_beside(strict, beside), told, k=5) == pytest.approx(worth[best].sum() / 3)
    assert value_at(strict, labels, k=5) == pytest.approx(labels[best].sum() / 3)
    assert ndcg_at(scores, told, k=5) == pytest.approx(ndcg_at(ours, labels, k=5))


def test_a_level_that_nobody_knows_is_refused(rows):
    labels = rows[2]
    index = pd.MultiIndex.from_arrays([*labels.index.levels[0:0], *zip(*[(*each, 0, 1) for each in labels.index], strict=True)])
    with pytest.raises(MisalignedScores, match="expected \\(as_of, entity_id\\)"):
        mean_auc(labels.set_axis(index), labels.set_axis(index))
