"""What the platform asks of classes: labels, versions that know other classes, guards, days and words."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import log_loss

from perennial.admit import measure_as_of
from perennial.compare import compare
from perennial.compare.clusters import sum_by_cluster
from perennial.compare.harm import assess_harm
from perennial.compare.looks import TestPlan
from perennial.compare.measures import compare_metrics
from perennial.errors import OneClassLabels
from perennial.records import Interval, Outcome
from perennial.tasks import task_of
from perennial.tasks.classes import find_rare, find_right
from perennial.tasks.measure import Worse
from tests.harm_worlds import DAYS, MODEL, cut_segments, enter
from tests.training_sets import class_model

NAMES = np.array(["bakery", "dairy", "gifts", "produce"])
TASK = task_of(class_model())
RANKED = task_of(class_model("macro_auc"))


def draw(*, noise=0.3, entities=400, seed=1, eyes=1, known=NAMES):
    """Scores that see tastes through noise, and labels of four classes, `gifts` being that of few."""
    rng = np.random.default_rng(seed)
    index = pd.MultiIndex.from_product([DAYS, range(entities)], names=["as_of", "entity_id"])
    taste = np.tile(rng.normal([0.3, 0.2, -1.5, 0], [1, 1, 0.3, 1], size=(entities, 4)), (len(DAYS), 1))
    labels = pd.Series(NAMES[(taste + rng.gumbel(size=taste.shape)).argmax(axis=1)], index, dtype="str")
    return labels, see(taste, index, noise=noise, seed=seed + eyes, known=known)


def see(taste, index, *, noise, seed, known=NAMES):
    rng = np.random.default_rng(seed)
    entities = len(taste) // index.get_level_values("as_of").nunique()
    seen = taste + np.tile(noise * rng.normal(size=(entities, 4)), (len(taste) // entities, 1))
    odds = pd.DataFrame(np.exp(seen / np.sqrt(1 + noise**2)), index=index, columns=NAMES)[list(known)]
    return odds.div(odds.sum(axis="columns"), axis="index")


LABELS, SCORES = draw()


# Labels


@pytest.mark.parametrize(("labels", "said"), [(["a", "b"], None), (["a", ""], "found ['']"), (["a", None], "found [nan]")])
def test_labels_are_names(labels, said):
    found = TASK.find_wrong_labels(pd.Series(labels, dtype="str"))
    assert found is None if said is None else said in found


def test_a_day_says_which_classes_came_and_which_are_rare():
    labels = pd.concat([LABELS, pd.Series("cards", LABELS.index[:3])]).iloc[3:]
    assert TASK.describe_labels(LABELS).startswith("1600 labels of 4 classes: ")
    assert "give such classes one name together in labels.sql" in TASK.advise_on_labels(labels.groupby(level=[0, 1]).last())
    assert find_rare(LABELS) == {}
    assert TASK.advise_on_labels(LABELS) == ""


def test_a_log_loss_judges_any_row_and_an_auc_needs_classes_that_enough_entities_carry():
    few = LABELS[LABELS.index.get_level_values("entity_id") < 20]
    assert (TASK.can_judge(few), RANKED.can_judge(few)) == (True, False)
    assert (TASK.can_judge(LABELS), RANKED.can_judge(LABELS)) == (True, True)


# Versions that know other classes


def test_a_class_that_a_version_does_not_know_costs_the_bound():
    narrow = draw(known=["bakery", "dairy", "produce"])[1]
    is_known = LABELS != "gifts"
    expected = np.where(is_known, -np.log(narrow.reindex(columns=NAMES).fillna(1).to_numpy()[range(1600), _code(LABELS)]), 9.2103)
    assert TASK.loss.value(narrow, LABELS) == pytest.approx(expected.mean(), abs=1e-4)
    assert TASK.loss.value(SCORES, LABELS) == pytest.approx(log_loss(LABELS, SCORES, labels=NAMES))


def _code(labels):
    return pd.Index(NAMES).get_indexer(pd.Index(labels.astype(object)))


def test_two_versions_are_compared_over_the_classes_of_both():
    narrow = draw(known=["bakery", "dairy", "produce"])[1]
    gain = TASK.headline.gain(SCORES, narrow, LABELS)
    assert gain.estimate == pytest.approx(TASK.loss.value(narrow, LABELS) - TASK.loss.value(SCORES, LABELS))
    assert gain.low > 0
    assert TASK.headline.by_day(SCORES, narrow, LABELS).estimate == pytest.approx(gain.estimate)


def test_an_unseen_class_is_named():
    narrow = draw(known=["bakery", "dairy", "produce"])[1]
    (sentence,) = TASK.doubt_scores(narrow, LABELS)
    assert f"gifts ({(LABELS == 'gifts').sum()} rows)" in sentence
    assert sentence in TASK.remark_on(narrow, LABELS)
    assert TASK.doubt_scores(SCORES, LABELS) == ()


# Figures


def test_what_is_published_is_asked_whether_it_came():
    said, came = TASK.pair_rows(SCORES, LABELS)
    assert said.to_numpy() == pytest.approx(SCORES.to_numpy().max(axis=1))
    assert came.tolist() == find_right(SCORES, LABELS).tolist()
    assert TASK.average(SCORES, LABELS) == (pytest.approx(said.mean()), pytest.approx(came.mean()))
    assert sum(each.rows for each in TASK.cut_bins(SCORES, LABELS)) == 1600


@pytest.mark.parametrize("task", [TASK, RANKED])
def test_the_headline_comes_first_wherever_figures_are_listed(task):
    listed = task.list_figures(SCORES, LABELS)
    assert next(iter(listed)) == next(iter(task.realise(SCORES, LABELS, 0.95))) == task.headline.name
    assert set(listed) == {"log_loss", "macro_auc", "accuracy", "calibration_error"}
    assert all(found.low < found.estimate < found.high for found in listed.values())
    assert set(task.turns) == set(task.measure_day(SCORES, LABELS))
    assert listed["accuracy"].estimate == pytest.approx(find_right(SCORES, LABELS).mean())


def test_of_few_entities_a_macro_auc_is_unknown_and_the_loss_is_not():
    few = LABELS.index.get_level_values("entity_id") < 20
    found = TASK.list_figures(SCORES[few], LABELS[few])
    assert np.isnan(found["macro_auc"].estimate)
    assert found["log_loss"].estimate > 0
    with pytest.raises(OneClassLabels):
        RANKED.headline.value(SCORES[few], LABELS[few])


def test_a_day_that_is_all_right_has_no_calibration():
    right = SCORES.idxmax(axis="columns").astype("str")
    assert np.isnan(TASK.measure_day(SCORES, right)["calibration"].estimate)


def test_a_day_of_labels_that_were_shuffled_looks_unlike_the_others():
    day = LABELS.xs(DAYS[0], drop_level=False)
    scores, features = SCORES.loc[day.index], pd.DataFrame({"x": np.arange(len(day), dtype=float)}, day.index)
    sound = measure_as_of(TASK, scores, day, features)
    shuffled = measure_as_of(TASK, scores, pd.Series(np.random.default_rng(1).permutation(day), day.index, dtype="str"), features)
    assert shuffled.found["log_loss"].estimate > sound.found["log_loss"].high
    assert abs(shuffled.found["calibration"].estimate) > abs(sound.found["calibration"].estimate)
    assert sound.rarer == len(day) - day.value_counts().max()


def test_where_nobody_was_scored_nothing_is_said_and_nothing_fails():
    """As by a first champion for which history was too short."""
    labels, scores = LABELS.iloc[:0], pd.Series(dtype=float, index=LABELS.index[:0])
    assert (TASK.remark_on(scores, labels), TASK.doubt_scores(scores, labels), TASK.can_judge(labels)) == ((), (), False)
    assert np.isnan(TASK.average(scores, labels)).all()
    assert np.isnan(TASK.average_labels(labels))
    assert all(np.isnan(found.estimate) for found in TASK.list_figures(scores, labels).values())
    found = contest()
    lonely = replace(found, champion=None, labels=labels, challenger=replace(found.challenger, scores=scores))
    assert compare(replace(lonely, segments=found.segments.iloc[:0])).outcome == Outcome.PROMOTE


# The gate


def test_the_floor_is_a_share_of_the_loss_and_of_a_macro_auc_as_of_an_auc():
    assert TASK.find_floor(2.0) == pytest.approx(0.02)
    assert RANKED.find_floor(0.9) == pytest.approx(0.005)


def test_what_came_worse_is_told_by_the_better_end():
    assert TASK.find_worse(1.0, Interval(1.4, 1.2, 1.6, 0.1)) == Worse(share=pytest.approx(0.2))
    assert RANKED.find_worse(0.8, Interval(0.6, 0.5, 0.7, 0.05)) == Worse(points=pytest.approx(0.1))


def contest(metric="log_loss", *, ours=0.1, theirs=2.0, known=NAMES, seed=1, entities=800, **rules):
    declared = MODEL.model_dump(mode="python")
    declared["label"] |= {"task": "multiclass"}
    declared["training"]["metric"] = metric
    declared["promotion"] |= rules
    del declared["scoring"]["threshold"]
    model = type(MODEL).model_validate(declared)
    labels, challenger = draw(noise=ours, seed=seed, entities=entities, known=known)
    champion = draw(noise=theirs, seed=seed, entities=entities, eyes=500)[1]
    entered = enter(model, labels, challenger, champion, cut_segments(labels.index, np.random.default_rng(seed)))
    return replace(entered, test=TestPlan(0.02, 13, 4, seed=7))


@pytest.mark.parametrize("metric", ["log_loss", "macro_auc"])
def test_what_says_classes_better_is_promoted_and_the_other_way_round_is_not(metric):
    better = compare(contest(metric, capacity=100))
    assert better.outcome == Outcome.PROMOTE, better.reasons
    assert better.metrics[0].metric == metric
    assert {guard.name for guard in better.guards} >= {"calibration", "accuracy"}
    worse = compare(contest(metric, ours=2.0, theirs=0.1))
    assert worse.outcome == Outcome.REJECT, worse.reasons


def test_what_those_acted_on_are_worth_is_shown_and_guarded():
    """A right class is worth 9, and a wrong one costs 1, by the champion."""
    found = contest(capacity=100, ours=2.0, theirs=0.1)
    label = found.model.label.model_copy(update={"value": "margin"})
    worth = 10.0 * find_right(found.champion.scores, found.labels) - 1
    told = sum_by_cluster(replace(found, model=found.model.model_copy(update={"label": label}), beside={"value": worth}))
    shown = {figure.metric: figure for figure in compare_metrics(told)}["value"]
    assert shown.champion == pytest.approx(1000 * TASK.figures.accuracy.value(*find_first(found)) - 100)
    assert shown.gain.high < 0
    (guard,) = [each for each in assess_harm(told).guards if each.name == "value"]
    assert guard.sentence.startswith("What the 100 that are acted on in a day come to goes from")
    assert "value" not in {measure.name for measure in told.task.out_of_fold}


def find_first(found):
    """The champion's hundred of each day, and what came."""
    ranks = found.champion.scores.max(axis=1).groupby(level="as_of").rank(ascending=False, method="first")
    return found.champion.scores[ranks <= 100], found.labels[ranks <= 100]


@pytest.mark.parametrize("metric", ["log_loss", "macro_auc"])
def test_equal_recipes_are_not_promoted(metric):
    verdicts = [compare(contest(metric, ours=0.8, theirs=0.8, seed=seed)) for seed in range(3)]
    assert Outcome.PROMOTE not in [verdict.outcome for verdict in verdicts]
    assert all(verdict.metrics[0].gain.estimate != 0 for verdict in verdicts)


def test_a_challenger_that_does_not_know_a_class_waits_for_a_person():
    verdict = compare(contest(known=["bakery", "dairy", "produce"]))
    assert "came out as classes that no fit had seen: gifts" in " ".join(verdict.doubts)
    assert any("gifts" in sentence for sentence in verdict.warnings)


def test_where_no_class_has_enough_entities_the_macro_auc_is_left_out_and_its_guard_not_assessed():
    """Forty entities, each always of the same class."""
    found = contest(entities=40)
    always = pd.Series(np.tile(np.repeat(NAMES, 10), len(DAYS)), found.labels.index, dtype="str")
    verdict = compare(replace(found, labels=always))
    assert [figure.metric for figure in verdict.metrics] == ["log_loss", "accuracy", "calibration_error"]
    (guard,) = [each for each in verdict.guards if each.name == "macro_auc"]
    assert guard.state == "not assessed"
    assert "which these labels leave undefined" in guard.sentence
