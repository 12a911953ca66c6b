"""The arms of a canary: independent groups, judged by the gate's looks; harm at once from sums over requests."""

import sys
from dataclasses import replace
from datetime import date
from math import inf

import numpy as np
import pandas as pd
import pytest

from perennial.compare.arms import ServedRows, describe_arm, measure_arms, say_missing
from perennial.metrics import enter_beside
from perennial.metrics.auc import auc_of_day
from perennial.metrics.panel import make_panel
from perennial.records.canaries import ServedArm
from perennial.records.requests import find_harm
from perennial.tasks import task_of
from tests.paths import ROOT
from tests.training_sets import amount_model, class_model, small_model

sys.path.insert(0, str(ROOT / "bench"))  # its modules are found beside the script, as Python finds them there

import canary as bench

DAYS = (date(2017, 1, 2), date(2017, 1, 9))


def served(entities, seed, *, noise=1.0, days=DAYS):
    rng = np.random.default_rng(seed)
    index = pd.MultiIndex.from_product([pd.to_datetime(list(days)), entities], names=["as_of", "entity_id"])
    risk = np.tile(rng.normal(size=len(entities)), len(days))
    labels = pd.Series((rng.random(len(index)) < 1 / (1 + np.exp(1 - 2 * risk))).astype(int), index)
    scores = pd.Series(1 / (1 + np.exp(-(risk + noise * rng.normal(size=len(index))))), index, name="score")
    return ServedRows(scores, labels)


def acted(model, way):
    return model.model_copy(update={"scoring": model.scoring.model_copy(update={"acted_on": way})})


def without_shocks(gain):
    return replace(gain, shocks=None)


def test_the_gain_is_the_difference_of_the_arms_own_auc():
    ours, theirs = served(range(400), 1), served(range(400, 600), 2, noise=3.0)
    found = measure_arms(small_model(), ours, theirs)
    expected = []
    for side in (theirs, ours):
        panel = make_panel(side.labels)
        values = panel.align(side.scores)
        expected.append([auc_of_day(panel, rows, values)[0] for rows in panel.two_class_days()])
    np.testing.assert_allclose(found.gains, np.subtract(*expected), atol=1e-12)
    assert found.estimate < -0.05


def test_errors_of_independent_arms_add_up():
    ours, theirs = served(range(400), 1), served(range(400, 600), 2)
    model = small_model()
    found = without_shocks(measure_arms(model, ours, theirs)).standard_error
    alone = [task_of(model).headline.single(side.scores, side.labels, 0.95).standard_error for side in (ours, theirs)]
    assert found == pytest.approx(float(np.hypot(*alone)), rel=0.02)


def test_the_stated_error_is_that_of_many_draws():
    drawn = [
        without_shocks(measure_arms(small_model(), served(range(200), n), served(range(200, 300), 999 + n))) for n in range(120)
    ]
    spread = np.std([each.estimate for each in drawn], ddof=1)
    assert spread == pytest.approx(np.mean([each.standard_error for each in drawn]), rel=0.2)


@pytest.mark.parametrize(("way", "sign"), [("raises", 1), ("lowers", -1)])
def test_where_scores_are_acted_on_what_came_true_is_compared(way, sign):
    ours, theirs = served(range(400), 1), served(range(400, 600), 2)
    found = measure_arms(acted(small_model(), way), ours, theirs)
    by_day = [side.labels.groupby(level="as_of").mean() for side in (theirs, ours)]
    np.testing.assert_allclose(found.gains, sign * (by_day[0] - by_day[1]), atol=1e-12)
    variance = sum(side.labels.groupby(level="entity_id").mean().var() / side.labels.index.levshape[1] for side in (ours, theirs))
    assert found.standard_error == pytest.approx(variance**0.5, rel=0.02)


def test_amounts_and_classes_are_compared_by_their_losses():
    ours, theirs = served(range(400), 1), served(range(400, 600), 2)
    for model in (amount_model("mae"), amount_model("gini"), amount_model("rmse", cap=3.0)):
        worse = replace(theirs, scores=theirs.scores[::-1].set_axis(theirs.scores.index))
        assert measure_arms(model, ours, theirs).estimate > measure_arms(model, ours, worse).estimate
    named = [ServedRows(spread(side.scores), side.labels.map({0: "no", 1: "yes"})) for side in (ours, theirs)]
    assert abs(measure_arms(class_model(), *named).estimate) < 0.1


def spread(scores):
    return pd.DataFrame({"no": 1 - scores, "yes": scores})


def test_an_entity_that_changes_arms_counts_once():
    ours, theirs = served(range(400), 1), served(range(300, 500), 2)
    assert 500 == len(measure_arms(small_model(), ours, theirs).influence)


def test_arms_without_a_day_in_common_are_not_compared():
    ours, theirs = served(range(400), 1, days=DAYS[:1]), served(range(400, 600), 2, days=DAYS[1:])
    assert measure_arms(small_model(), ours, theirs) is None


def test_an_arm_shows_rate_and_value_with_intervals():
    side = served(range(400), 1)
    beside = {"value": pd.Series(2.0, side.labels.index)}
    valued = ServedRows(enter_beside(side.scores, beside), enter_beside(side.labels, beside))
    model = small_model()
    found = describe_arm(task_of(model), valued, 0.95)
    assert found.rate.estimate == pytest.approx(side.labels.mean())
    assert found.value.estimate == pytest.approx(2 * side.labels.mean())
    assert found.value.high - found.value.low == pytest.approx(2 * (found.rate.high - found.rate.low))
    assert describe_arm(task_of(model), side, 0.95).value is None


def test_inputs_that_go_missing_are_named():
    assert "" == say_missing(0.3, 0.39)
    assert "45% of its inputs are missing, 30% when it began: more than 10% further" == say_missing(0.3, 0.45)


# A few lives; bench/canary.py has many
def test_a_canary_that_ranks_at_random_is_stopped_within_the_stated_rows():
    lives = [bench.live(bench.RANDOM, seed, weeks=8) for seed in range(4)]
    assert all(life.rows is not None and life.rows <= bench.ROWS_TO_STOP for life in lives)
    assert not any(life.was_better for life in lives)


def test_a_canary_that_is_no_better_lives_and_promotes_nobody():
    lives = [bench.live(bench.EQUAL, seed, entities=600, weeks=8) for seed in range(3)]
    assert [(False, None)] * 3 == [(life.was_better, life.stopped_in) for life in lives]


# Requests
def arm(name, **values):
    known = {
        "requests": 50,
        "rows": 1_000,
        "errors": 0,
        "inputs": 10_000,
        "missing": 100,
        "score_sum": 400.0,
        "score_squares": 200.0,
    }
    return ServedArm(name, **(known | {"seconds": 5.0, "second_squares": 0.6} | values))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, ""),
        ({"errors": 5}, ""),
        ({"errors": 80, "score_sum": 368.0}, "8.0% of its rows got no score, 0.0% of the champion's"),
        ({"missing": 900}, ""),
        ({"missing": 4_000}, "40% of its inputs are missing, 1% of the champion's"),
        ({"score_sum": 450.0, "score_squares": 250.0}, ""),
        ({"score_sum": 700.0, "score_squares": 500.0}, "its mean score is 0.7, the champion's 0.4"),
        ({"seconds": 15.0}, ""),
        ({"seconds": 25.0, "second_squares": 13.0}, "scoring takes 0.5 s in a request, the champion's 0.1 s"),
        ({"seconds": 25.0, "second_squares": 400.0}, ""),  # one long pause
    ],
)
def test_requests_of_a_canary_harm_when_more_than_chance_and_what_is_borne_speaks_against_them(values, said):
    assert said == find_harm([arm("champion"), arm("canary", **values)], max_shift=(0.5, 0.5))


def test_few_requests_say_nothing():
    assert "" == find_harm([arm("champion"), arm("canary", rows=99, errors=99)], max_shift=(0.5, 0.5))
    assert "" == find_harm([arm("champion")], max_shift=(0.5, 0.5))


def test_a_canary_that_gives_no_score_at_all_is_stopped():
    silent = arm("canary", errors=1_000, score_sum=0.0, score_squares=0.0)
    assert find_harm([arm("champion"), silent], max_shift=(inf, inf)).startswith("100.0% of its rows got no score")
