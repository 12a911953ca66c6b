"""The figures of a comparison are those of perennial.metrics, turned so that more is better, and kept to what can be seen."""

from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest

from perennial import metrics
from perennial.compare.measures import compare_metrics, compare_segments
from perennial.compare.shocks import measure_gain
from perennial.records import Interval
from tests.harm_worlds import declare
from tests.unit.test_compare_superiority import make_contest

RULES = declare(confidence=0.8, precision_at_recall=0.6)
SEED = RULES.training.seed


@pytest.fixture(scope="module")
def contest():
    """The challenger sees something, the champion nothing, and both are probabilities."""
    drawn = make_contest(positive_score=0.05, model=RULES)
    champion = replace(drawn.champion, scores=drawn.champion.scores.clip(0.01, 0.99))
    return replace(drawn, champion=champion)


@pytest.fixture(scope="module")
def found(contest):
    return {metric.metric: metric for metric in compare_metrics(contest)}


def turn(loss):
    return Interval(-loss.estimate, -loss.high, -loss.low, loss.standard_error)


def test_the_auc_stands_first(found):
    assert next(iter(found)) == "auc"


VALUES = {
    "auc": metrics.mean_auc,
    "average_precision": metrics.average_precision,
    "log_loss": metrics.log_loss,
    "brier": metrics.brier,
    "precision_at_recall": partial(metrics.precision_at_recall, recall=0.6),
    "calibration_error": metrics.calibration_error,
}


@pytest.mark.parametrize("name", VALUES)
def test_each_figure_is_that_of_the_metric_of_its_name(contest, found, name):
    assert found[name].challenger == VALUES[name](contest.challenger.scores, contest.labels)
    assert found[name].champion == VALUES[name](contest.champion.scores, contest.labels)


@pytest.mark.parametrize(
    ("name", "difference"),
    [
        ("log_loss", partial(metrics.paired_loss_difference, loss="log_loss")),
        ("brier", partial(metrics.paired_loss_difference, loss="brier")),
    ],
)
def test_each_gain_is_the_paired_difference_at_the_confidence_of_the_model(contest, found, name, difference):
    paired = difference(contest.challenger.scores, contest.champion.scores, contest.labels, confidence=0.8)
    assert found[name].gain == turn(paired)


def test_the_gain_in_auc_is_that_of_the_test_with_the_shocks_of_as_ofs(contest, found):
    paired = metrics.paired_auc_difference(contest.challenger.scores, contest.champion.scores, contest.labels, confidence=0.8)
    looked_at = measure_gain(contest)
    assert found["auc"].gain == looked_at.interval(0.8)
    assert found["auc"].gain.estimate == pytest.approx(paired.estimate)
    assert found["auc"].gain.standard_error > paired.standard_error


@pytest.mark.parametrize(
    ("name", "metric", "is_loss"),
    [
        ("average_precision", metrics.prepare_average_precision, False),
        ("precision_at_recall", metrics.prepare_precision_at_recall(0.6), False),
        ("calibration_error", metrics.prepare_calibration_error, True),
    ],
)
def test_what_has_no_formula_is_drawn_with_the_seed_of_the_model(contest, found, name, metric, is_loss):
    both = (contest.challenger.scores, contest.champion.scores)
    drawn = metrics.paired_bootstrap_difference(metric, both, contest.labels, confidence=0.8, seed=SEED)
    assert found[name].gain == (turn(drawn) if is_loss else drawn)


def test_without_a_champion_there_are_figures_and_no_gains(contest):
    alone = compare_metrics(replace(contest, champion=None))
    assert {(metric.champion, metric.gain) for metric in alone} == {(None, None)}
    assert alone[0].challenger == metrics.mean_auc(contest.challenger.scores, contest.labels)


# Segments: of 260 entities the first 60 are positive on each of four days
def cut(contest, is_member):
    """A column with two values, `in` and nothing."""
    entity = contest.labels.index.get_level_values("entity_id")
    values = np.where(is_member(entity), "in", None)
    return replace(contest, segments=pd.DataFrame({"cut": values}, index=contest.labels.index, dtype="object"))


def test_segments_stand_in_the_order_of_their_values_with_those_that_lack_one(contest):
    found = compare_segments(cut(contest, lambda entity: entity % 2 == 0))
    assert [(each.segment, each.value, each.rows, each.positives) for each in found] == [
        ("cut", "(missing)", 520, 120),
        ("cut", "in", 520, 120),
    ]


def test_the_gain_within_a_segment_is_that_of_its_rows(contest):
    within = compare_segments(cut(contest, lambda entity: entity % 2 == 0))[1]
    rows = contest.labels.index.get_level_values("entity_id") % 2 == 0
    ours, theirs, labels = contest.challenger.scores[rows], contest.champion.scores[rows], contest.labels[rows]
    assert within.is_assessed
    assert within.gain == metrics.paired_auc_difference(ours, theirs, labels, confidence=0.8)


@pytest.mark.parametrize(("entities", "is_assessed"), [(30, True), (29, False)])
def test_thirty_entities_with_positives_are_the_fewest(contest, entities, is_assessed):
    within = compare_segments(cut(contest, lambda entity: (entity < entities) | (entity > 200)))[1]
    assert (within.positives, within.is_assessed, within.gain is not None) == (4 * entities, is_assessed, is_assessed)


@pytest.mark.parametrize(("positives", "is_assessed"), [(50, True), (49, False)])
def test_fifty_positives_are_the_fewest(contest, positives, is_assessed):
    """Forty entities, positive on their first days only until so many are counted."""
    entity, number = contest.labels.index.get_level_values("entity_id"), np.arange(len(contest.labels))
    kept = [place for place in number if entity[place] < 40][:positives]
    labels = pd.Series(np.isin(number, kept).astype(int), index=contest.labels.index)
    within = compare_segments(cut(replace(contest, labels=labels), lambda entity: (entity < 40) | (entity > 200)))[1]
    assert (within.positives, within.is_assessed) == (positives, is_assessed)


def test_a_segment_in_which_every_day_has_one_class_is_not_assessed(contest):
    within = compare_segments(cut(contest, lambda entity: entity < 60))[1]
    assert (within.positives, within.is_assessed, within.gain) == (240, False, None)


def test_without_a_champion_a_segment_is_assessed_and_has_no_gain(contest):
    within = compare_segments(cut(replace(contest, champion=None), lambda entity: entity % 2 == 0))[1]
    assert (within.is_assessed, within.gain) == (True, None)
