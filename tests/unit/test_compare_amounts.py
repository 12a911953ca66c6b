"""The gate on amounts: the same test, the same guards' procedure, other figures and words."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from perennial.compare import compare
from perennial.compare.looks import TestPlan
from perennial.config import Model
from perennial.records import Interval, Outcome
from perennial.tasks import task_of
from perennial.tasks.measure import Worse
from tests.harm_worlds import DAYS, MODEL, cut_segments, enter

METRICS = ("mae", "rmse", "gini", "poisson", "tweedie", "pinball:0.9")


def declare(metric, *, cap=None, task="regression", **rules):
    declared = MODEL.model_dump(mode="python")
    declared["label"] |= {"task": task, "cap": cap}
    declared["training"]["metric"] = metric
    declared["promotion"] |= rules
    del declared["scoring"]["threshold"]
    return Model.model_validate(declared)


def draw_amounts(model, *, challenger, champion, zeros=0.0, entities=800, seed=1):
    """Lognormal amounts whose logarithm both see through noise of their own; more noise is a worse model."""
    rng = np.random.default_rng(seed)
    index = pd.MultiIndex.from_product([DAYS, range(entities)], names=["as_of", "entity_id"])
    level = rng.normal(size=entities)
    spent = rng.random(len(index)) >= zeros
    labels = pd.Series(np.exp(np.tile(level, len(DAYS)) + 0.5 * rng.normal(size=len(index)) + 3) * spent, index=index)

    def see(noise):
        seen = (level + noise * rng.normal(size=entities)) / (1 + noise**2)
        guessed = np.exp(np.tile(seen, len(DAYS)) + 3)
        _, _, quantile = model.metric.partition(":")
        unit = (labels / guessed).quantile(float(quantile)) if quantile else labels.mean() / guessed.mean()
        return pd.Series(guessed * unit, index=index)

    contest = enter(model, labels, see(challenger), see(champion), cut_segments(index, rng))
    return replace(contest, test=TestPlan(0.02, 13, 4, seed=7))


@pytest.mark.parametrize("metric", METRICS)
def test_what_predicts_better_is_promoted_and_the_other_way_round_is_not(metric):
    model = declare(metric, cap=500.0 if metric == "rmse" else None)
    better = compare(draw_amounts(model, challenger=0.1, champion=2.0))
    assert better.outcome == Outcome.PROMOTE, better.reasons
    title, verb = task_of(model).headline.title, task_of(model).headline.verb
    assert f"{verb} better by +" in better.reasons[0]
    assert title in better.reasons[0]
    worse = compare(draw_amounts(model, challenger=2.0, champion=0.1))
    assert worse.outcome == Outcome.REJECT, worse.reasons


@pytest.mark.parametrize("metric", METRICS)
def test_equal_recipes_are_not_promoted(metric):
    model = declare(metric, cap=500.0 if metric == "rmse" else None)
    found = [compare(draw_amounts(model, challenger=0.8, champion=0.8, seed=seed)).outcome for seed in range(5)]
    assert Outcome.PROMOTE not in found


def test_the_headline_comes_first_and_every_usual_figure_is_shown():
    verdict = compare(draw_amounts(declare("gini"), challenger=0.5, champion=0.6))
    assert [figure.metric for figure in verdict.metrics] == ["gini", "mae", "rmse", "bias"]
    assert all(figure.gain is not None for figure in verdict.metrics)


def test_sums_that_go_astray_are_harm():
    """The order is better, and everybody is promised a third more than came."""
    model = declare("gini")
    contest = draw_amounts(model, challenger=0.1, champion=2.0)
    inflated = replace(contest.challenger, scores=contest.challenger.scores * 1.33)
    verdict = compare(replace(contest, challenger=inflated))
    states = {guard.name: guard.state for guard in verdict.guards}
    assert states["bias"] == "veto"
    assert verdict.outcome == Outcome.REJECT


def test_guards_of_amounts_ask_about_sums_order_errors_and_segments():
    verdict = compare(draw_amounts(declare("mae"), challenger=0.5, champion=0.6))
    names = [guard.name for guard in verdict.guards]
    assert names[:3] == ["bias", "gini", "rmse"]
    assert "mae, income = low" in names
    assert "selection_rate_gap, income = low" in names
    assert not any(name.startswith("false_negative_rate_gap") for name in names), "an amount has no positives to be missed"


def test_what_is_acted_on_must_not_come_to_less():
    verdict = compare(draw_amounts(declare("gini", capacity=40), challenger=0.5, champion=0.6))
    assert {"value", "ndcg"} <= {figure.metric for figure in verdict.metrics}
    (guard,) = [guard for guard in verdict.guards if guard.name == "value"]
    assert guard.sentence.startswith("What the 40 that are acted on in a day come to goes from ")


@pytest.mark.parametrize("metric", METRICS)
def test_the_order_of_those_acted_on_is_shown_wherever_no_label_lies_below_0(metric):
    contest = draw_amounts(declare(metric, capacity=40, cap=500.0), challenger=0.5, champion=0.6)
    assert 0 < next(shown.challenger for shown in compare(contest).metrics if shown.metric == "ndcg") < 1
    if metric not in ("gini", "poisson", "tweedie"):
        lowered = compare(replace(contest, labels=contest.labels - 30))
        assert "ndcg" not in {shown.metric for shown in lowered.metrics}


def test_a_quantile_is_guarded_by_its_share_and_not_by_sums():
    names = [guard.name for guard in compare(draw_amounts(declare("pinball:0.9"), challenger=0.5, champion=0.6)).guards]
    assert names[:2] == ["coverage", "gini"]
    assert not {"bias", "rmse"} & set(names)


def test_squared_errors_without_a_cap_ask_a_person():
    without = compare(draw_amounts(declare("rmse"), challenger=0.1, champion=2.0))
    assert "label.cap" in without.doubts[0]
    assert not compare(draw_amounts(declare("rmse", cap=500.0), challenger=0.1, champion=2.0)).doubts


def test_the_floor_is_a_share_of_the_loss():
    task = task_of(declare("mae", min_gain=0.01))
    assert task.find_floor(50.0) == pytest.approx(0.5)
    assert task_of(declare("gini", min_gain=0.01)).find_floor(0.9) == pytest.approx(0.005)


def test_what_came_worse_is_told_as_a_share_by_the_better_end():
    assert task_of(declare("mae")).find_worse(10.0, Interval(13.0, 12.0, 14.0, 0.5)) == Worse(share=pytest.approx(0.2))
    assert task_of(declare("gini")).find_worse(0.8, Interval(0.5, 0.4, 0.6, 0.05)) == Worse(share=pytest.approx(0.25))


def test_without_a_capacity_or_a_threshold_the_first_tenth_is_acted_on():
    contest = draw_amounts(declare("mae"), challenger=0.1, champion=2.0, entities=795)
    radius = compare(contest).blast_radius
    assert "the action list of 80 " in radius.sentence


@pytest.mark.parametrize(
    ("metric", "labels", "found"),
    [
        ("mae", [0.0, 0.0, 3.0], "67% of the labels are 0"),
        ("mae", [0.0, 0.0, -3.0], "choose training.metric = 'rmse' with label.cap"),
        ("mae", [0.0, 0.0], None),
        ("pinball:0.5", [0.0, 0.0, 3.0], "67% of the labels are 0"),
        ("gini", [-1.0, 2.0], "must not lie below 0 where training.metric = 'gini' (choose 'mae', or 'rmse' with label.cap)"),
        ("gini", [-1.0, 0.0, 0.0], "(choose 'rmse' with label.cap)"),
        ("rmse", [1.0, float("inf")], "must be finite numbers, found [inf]"),
        ("rmse", [-1.0, 2.0], None),
        ("mae", [0.0, 2.0], None),
    ],
)
def test_labels_that_a_metric_cannot_judge_are_named(metric, labels, found):
    said = task_of(declare(metric)).find_wrong_labels(pd.Series(labels))
    assert said is None if found is None else found in said


@pytest.mark.parametrize(
    ("metric", "task", "cap", "said"),
    [
        ("roc_auc", "regression", None, "does not judge label.task = 'regression': write one of mae, rmse"),
        ("pinball:2", "regression", None, r"tweedie, pinball:0.9 \(or another share\)"),
        ("mae", "binary", None, "does not judge label.task = 'binary': write one of roc_auc"),
        (None, "binary", 10.0, "label.cap is for amounts"),
    ],
)
def test_a_metric_belongs_to_its_task(metric, task, cap, said):
    with pytest.raises(ValueError, match=said):
        declare(metric, task=task, cap=cap)


def test_a_threshold_of_a_probability_lies_between_0_and_1():
    declared = MODEL.model_dump(mode="python")
    declared["scoring"]["threshold"] = 3.0
    with pytest.raises(ValueError, match="is no probability"):
        Model.model_validate(declared)


def test_the_default_metric_is_that_of_the_task():
    assert declare(None).metric == "mae"
    assert declare(None, task="binary").metric == "roc_auc"


def test_metric_and_cap_of_amounts_are_part_of_what_a_version_is_made_by():
    assert declare("gini", cap=700.0).rulings.items() >= {"metric": "gini", "cap": "700"}.items()
    assert not {"metric", "cap"} & set(declare(None, task="binary").rulings), "versions of before stay what they are"


def test_labels_that_are_all_the_same_are_told_and_so_is_a_cap_below_them():
    task = task_of(declare("gini", cap=16.0))
    assert task.say_unlearnable(pd.Series([3.0, 3.0])) == "all 2 training labels are 3"
    assert "all 2 training labels come to label.cap = 16 or more" in task.say_unlearnable(pd.Series([16.0, 16.0]))


def test_a_cap_that_cuts_off_many_is_named():
    task = task_of(declare("gini", cap=16.0))
    assert "100% of the labels come to label.cap = 16 or more" in task.advise_on_labels(pd.Series([16.0] * 50))
    assert not task.advise_on_labels(pd.Series([16.0] + [3.0] * 49))


@pytest.mark.parametrize(
    ("metric", "said"), [("mae", "the median of its label"), ("gini", "the mean"), ("pinball:0.9", "0.9 quantile")]
)
def test_a_score_says_what_it_is(metric, said):
    answer = task_of(declare(metric, cap=700.0)).say_answer("household_id")
    assert said in answer
    assert "Amounts count up to 700." in answer
    assert "probability" not in answer


def test_scores_that_add_up_to_something_else_are_warned_of_when_nobody_serves_yet():
    contest = replace(draw_amounts(declare("gini"), challenger=0.5, champion=0.6), champion=None)
    assert not compare(contest).warnings
    swollen = replace(contest.challenger, scores=contest.challenger.scores * 1.5)
    verdict = compare(replace(contest, challenger=swollen))
    assert verdict.outcome == Outcome.PROMOTE, "somebody must serve"
    assert "1.50 times what came" in verdict.warnings[0]
    assert contest.task.remark_on(swollen.scores.iloc[:0], contest.labels.iloc[:0]) == (), "nobody was held out"


def test_scores_below_every_label_are_told_and_none_where_labels_lie_there_too():
    contest = replace(draw_amounts(declare("gini"), challenger=0.5, champion=0.6), champion=None)
    lowered = contest.challenger.scores.where(contest.challenger.scores.rank() > 4, -2.5)
    (said,) = compare(replace(contest, challenger=replace(contest.challenger, scores=lowered))).warnings
    assert f"4 of {len(lowered):,} scores lie below 0, the lowest at -2.5, and no label does" in said
    task = task_of(declare("mae"))
    assert task.remark_on(lowered, contest.labels - 1e6) == ()
