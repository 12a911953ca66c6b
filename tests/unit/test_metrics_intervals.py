"""Clustered figures against scikit-learn and against a large bootstrap of entities."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import brier_score_loss, roc_auc_score
from sklearn.metrics import log_loss as sklearn_log_loss

from perennial.errors import MetricNotFinite, MisalignedScores, OneClassLabels
from perennial.metrics import auc_with_interval, brier, log_loss, mean_auc, paired_auc_difference, paired_loss_difference
from perennial.metrics.auc import _auc_and_influence
from perennial.metrics.panel import make_panel


@pytest.fixture(scope="module")
def world():
    """250 entities on four weekly as_ofs; their risk persists, so that an entity's rows are alike."""
    rng = np.random.default_rng(7)
    entities, days = 250, pd.to_datetime(["2017-09-04", "2017-09-11", "2017-09-18", "2017-09-25"])
    index = pd.MultiIndex.from_product([days, range(entities)], names=["as_of", "entity_id"])
    risk = np.tile(rng.normal(size=entities), len(days))
    labels = pd.Series((risk + rng.normal(size=len(index)) > 1).astype(int), index=index)
    good = pd.Series(1 / (1 + np.exp(1.5 - risk - np.tile(rng.normal(size=entities), 4) * 0.5)), index=index)
    poor = pd.Series(1 / (1 + np.exp(1.5 - risk - np.tile(rng.normal(size=entities), 4) * 0.8)), index=index)
    return good.round(3), poor.round(3), labels


def resampled_entities(labels, replicates):
    """For each replicate the positions of the rows of entities drawn with replacement."""
    rng = np.random.default_rng(11)
    entity = labels.index.get_level_values("entity_id").to_numpy()
    rows_of = [np.flatnonzero(entity == each) for each in np.unique(entity)]
    for _ in range(replicates):
        yield np.concatenate([rows_of[each] for each in rng.integers(0, len(rows_of), len(rows_of))])


def auc_by_day(scores, labels):
    """By comparing every pair: the definition, quick enough for a bootstrap of a small world."""
    days = labels.index.get_level_values("as_of").to_numpy()
    scores, positive = scores.to_numpy(), labels.to_numpy() == 1
    return np.mean([pairwise_auc(scores[(days == day) & positive], scores[(days == day) & ~positive]) for day in np.unique(days)])


def row_log_losses(scores, labels):
    return -np.log(np.where(labels == 1, scores, 1 - scores))


def pairwise_auc(positives, negatives):
    above = positives[:, None] - negatives
    return (above > 0).mean() + (above == 0).mean() / 2


def test_the_auc_is_the_mean_over_as_ofs_of_scikit_learns(world):
    good, _, labels = world
    by_day = [roc_auc_score(labels.xs(day), good.xs(day)) for day in labels.index.levels[0]]
    assert mean_auc(good, labels) == pytest.approx(np.mean(by_day), abs=1e-12)


def test_losses_equal_scikit_learns(world):
    good, _, labels = world
    assert log_loss(good, labels) == pytest.approx(sklearn_log_loss(labels, good), abs=1e-12)
    assert brier(good, labels) == pytest.approx(brier_score_loss(labels, good), abs=1e-12)


def test_the_standard_error_of_an_auc_is_that_of_a_bootstrap_of_entities(world):
    good, _, labels = world
    drawn = [auc_by_day(good.iloc[rows], labels.iloc[rows]) for rows in resampled_entities(labels, 400)]
    assert auc_with_interval(good, labels).standard_error == pytest.approx(np.std(drawn), rel=0.12)


def test_the_standard_error_of_a_paired_difference_is_that_of_a_bootstrap_of_entities(world):
    good, poor, labels = world
    drawn = [
        auc_by_day(good.iloc[rows], labels.iloc[rows]) - auc_by_day(poor.iloc[rows], labels.iloc[rows])
        for rows in resampled_entities(labels, 400)
    ]
    assert paired_auc_difference(good, poor, labels).standard_error == pytest.approx(np.std(drawn), rel=0.12)


def test_the_standard_error_of_a_loss_difference_is_that_of_a_bootstrap_of_entities(world):
    good, poor, labels = world
    drawn = [
        row_log_losses(good.iloc[rows], labels.iloc[rows]).mean() - row_log_losses(poor.iloc[rows], labels.iloc[rows]).mean()
        for rows in resampled_entities(labels, 400)
    ]
    assert paired_loss_difference(good, poor, labels).standard_error == pytest.approx(np.std(drawn), rel=0.12)


def test_rows_of_one_entity_count_as_one_piece_of_evidence(world):
    good, _, labels = world
    as_if_independent = pd.MultiIndex.from_arrays([labels.index.get_level_values("as_of"), range(len(labels))])
    clustered = auc_with_interval(good, labels)
    naive = auc_with_interval(good.set_axis(as_if_independent), labels.set_axis(as_if_independent))
    assert clustered.estimate == pytest.approx(naive.estimate)
    assert clustered.standard_error > 1.15 * naive.standard_error


def test_influence_values_sum_to_zero(world):
    good, _, labels = world
    panel = make_panel(labels)
    assert _auc_and_influence(panel, panel.align(good))[1].sum() == pytest.approx(0, abs=1e-12)


def test_the_interval_widens_with_the_confidence(world):
    good, _, labels = world
    at_95, at_99 = (auc_with_interval(good, labels, confidence=confidence) for confidence in (0.95, 0.99))
    assert at_99.low < at_95.low < at_95.estimate < at_95.high < at_99.high
    assert (at_95.high - at_95.low) / at_95.standard_error == pytest.approx(2 * 1.959964, abs=1e-5)


def test_a_model_against_itself_gains_nothing_for_sure(world):
    good, _, labels = world
    gain = paired_auc_difference(good, good, labels)
    assert (gain.estimate, gain.standard_error) == (0, 0)


def panel_of(*rows):
    index = pd.MultiIndex.from_tuples([(pd.Timestamp(day), entity) for day, entity, *_ in rows], names=["as_of", "entity_id"])
    return pd.Series([row[2] for row in rows], index=index), pd.Series([row[3] for row in rows], index=index)


def test_an_as_of_with_one_class_is_left_out():
    scores, labels = panel_of(
        ("2017-09-04", 1, 0.9, 1),
        ("2017-09-04", 2, 0.1, 0),
        ("2017-09-11", 1, 0.2, 0),
        ("2017-09-11", 2, 0.3, 0),
    )
    assert mean_auc(scores, labels) == 1


def test_ties_count_half():
    scores, labels = panel_of(("2017-09-04", 1, 0.5, 1), ("2017-09-04", 2, 0.5, 0))
    assert mean_auc(scores, labels) == 0.5


def test_labels_of_one_class_cannot_be_ranked():
    scores, labels = panel_of(("2017-09-04", 1, 0.9, 0), ("2017-09-04", 2, 0.1, 0))
    with pytest.raises(OneClassLabels, match="both classes"):
        mean_auc(scores, labels)


def test_a_score_that_is_not_a_number_is_an_error_and_no_verdict():
    scores, labels = panel_of(("2017-09-04", 1, np.nan, 1), ("2017-09-04", 2, 0.1, 0))
    with pytest.raises(MetricNotFinite, match="1 of 2 scores"):
        mean_auc(scores, labels)


def test_one_entity_has_no_standard_error():
    scores, labels = panel_of(("2017-09-04", 1, 0.9, 1), ("2017-09-11", 1, 0.1, 0))
    with pytest.raises(MetricNotFinite, match="1 entities"):
        paired_loss_difference(scores, scores, labels)


def test_scores_of_other_rows_are_misaligned(world):
    good, _, labels = world
    with pytest.raises(MisalignedScores, match="999 rows stand against 1000"):
        mean_auc(good.iloc[1:], labels)


def test_labels_with_a_row_twice_are_refused(world):
    good, _, labels = world
    with pytest.raises(MisalignedScores, match="occur twice"):
        mean_auc(good, pd.concat([labels, labels.iloc[:1]]))
