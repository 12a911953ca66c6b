"""Leak alarms: oracles ask a person or stop the training, in whatever form they come; drifting columns are named."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from perennial.errors import LeakSuspected
from perennial.records import Interval
from perennial.train.alarms import LeakRule, find_alarms, find_remarks, find_suspicions, find_unwritten, meet_oracles, rank_alone
from perennial.train.rows import gather_rows
from tests.training_sets import amount_model, class_model, make_amounts, make_classes, make_training_set, mondays, small_model

MODEL = small_model(max_feature_auc=0.8)
HONEST = make_training_set(mondays(6), entities=200, signal=0.8)
LABELS = HONEST.labels


def rows_with(**columns: object):
    return gather_rows(MODEL, replace(HONEST, features=HONEST.features.assign(**columns)))


def measured(error: float = 0.005, **aucs: float) -> dict[str, Interval]:
    return {name: Interval(auc, auc - 2 * error, auc + 2 * error, error) for name, auc in aucs.items()}


def meet(rows, rule: LeakRule = "refuse", model=MODEL) -> tuple[str, ...]:
    return meet_oracles(model, rows, rank_alone(rows), rule)


def few_positives(count: int, *, above: int):
    """One as_of of a hundred, of whom so many are positive and rank above so many of the others."""
    index = pd.MultiIndex.from_product([[pd.Timestamp("2017-03-27")], range(100)], names=["as_of", "entity_id"])
    ranks = np.r_[np.full(count, above + 0.5), np.arange(100 - count)]
    features, labels = pd.DataFrame({"few": ranks}, index), pd.Series((np.arange(100) < count).astype(int), index)
    return gather_rows(MODEL, replace(HONEST, features=features, labels=labels))


def count_weeks() -> np.ndarray:
    return pd.factorize(HONEST.features.index.get_level_values("as_of"))[0].astype(float)


def leak(labels):
    """A feature that knows what the labels say, in each form that was met."""
    codes = pd.Series(pd.factorize(labels, sort=True)[0], labels.index) if labels.dtype == "str" else labels  # of classes
    happened = codes > 0
    return {
        "the label itself": codes.astype(float),
        "the label upside down": -codes.astype(float),
        "null unless it happened": pd.Series(1.0, labels.index).where(happened),
        "a category": pd.Series(np.where(happened, "gone", "there"), labels.index).astype("category"),
    }


def spend():
    """Amounts of which three in five are nothing, as a model of the Gini learns them."""
    training = make_amounts(mondays(6))
    labels = training.labels.where(training.labels > training.labels.quantile(0.6), 0.0)
    return amount_model("gini", max_feature_auc=0.8), replace(training, labels=labels)


TASKS = {
    "binary": (MODEL, HONEST),
    "amounts": spend(),
    "classes": (class_model(max_feature_auc=0.8), make_classes(mondays(6))),
}


@pytest.mark.parametrize("task", TASKS)
def test_nothing_honest_stops_the_training(task):
    model, honest = TASKS[task]
    assert meet(gather_rows(model, honest), model=model) == ()


@pytest.mark.parametrize("form", leak(LABELS))
@pytest.mark.parametrize("task", TASKS)
def test_a_feature_that_knows_the_answer_stops_the_training(task, form):
    model, honest = TASKS[task]
    rows = gather_rows(model, replace(honest, features=honest.features.assign(leak=leak(honest.labels)[form])))
    with pytest.raises(LeakSuspected, match=r"over max_feature_auc = 0\.8 and .*: leak \([^,]*, at least [^)]*\)\. Does"):
        meet(rows, model=model)


def test_the_refusal_says_what_to_write_when_it_is_honest():
    with pytest.raises(LeakSuspected, match=r"\[training\.acknowledged_auc\] of models/lapse\.toml: leak = 1\.0"):
        meet(rows_with(leak=LABELS.astype(float)))


def test_where_nobody_serves_a_person_is_asked_with_features_aucs_and_keys():
    (sentence,) = meet(rows_with(leak=LABELS.astype(float)), "ask")
    assert sentence.startswith("Perhaps a leak: alone, these features reach an AUC over max_feature_auc = 0.8 ")
    assert "acknowledged: leak (1.000, at least 0.95" in sentence
    assert 'leave them out by training.exclude = ["leak"].' in sentence
    assert "approves, and writes under [training.acknowledged_auc] of models/lapse.toml: leak = 1.0. " in sentence


def test_what_a_person_has_to_write_is_read_from_what_was_asked():
    rows = gather_rows(MODEL, HONEST)
    asked = meet_oracles(MODEL, rows, measured(**{"strong": 0.95, "spend, net = 7": 0.93}), "ask")
    assert ["strong = 0.96", "spend, net = 7 = 0.94"] == find_unwritten(MODEL, ("Another reason.", *asked))
    assert ["spend, net = 7 = 0.94"] == find_unwritten(small_model(max_feature_auc=0.8, acknowledged_auc={"strong": 0.96}), asked)
    assert [] == find_unwritten(small_model(max_feature_auc=0.97), asked)


@pytest.mark.parametrize("rule", ["ask", "refuse"])
def test_five_positives_that_happen_to_rank_high_are_no_leak(rule):
    assert meet(few_positives(5, above=90), rule) == ()


def test_of_twenty_honest_features_none_is_a_leak_by_five_positives():
    """Each has an AUC of .70 among all there could be; by the estimates alone 98 of a hundred such starts would stop."""
    rng, labels = np.random.default_rng(7), np.arange(400) < 5
    index = pd.MultiIndex.from_product([[pd.Timestamp("2017-03-27")], range(400)], names=["as_of", "entity_id"])
    found = []
    for _ in range(20):
        features = pd.DataFrame(rng.normal(size=(400, 20)) + 0.742 * labels[:, None], index).add_prefix("x")
        rows = gather_rows(MODEL, replace(HONEST, features=features, labels=pd.Series(labels.astype(int), index)))
        found.append((bool(meet(rows)), max(auc.estimate for auc in rank_alone(rows).values()) > 0.8))
    assert [any(alarm for alarm, _ in found), sum(high for _, high in found) > 15] == [False, True]


def test_eight_positives_above_everybody_are_more_than_chance():
    (sentence,) = meet(few_positives(8, above=92), "ask")
    assert "few (1.000, at least 0.83" in sentence


def test_a_search_beside_a_champion_refuses_what_may_be_chance():
    with pytest.raises(LeakSuspected, match=r"few \(0\.958, at least 0\.7"):
        meet(few_positives(5, above=90), "refuse doubtful")


def test_what_may_be_chance_is_named_all_the_same():
    rows = few_positives(5, above=90)
    (sentence,) = find_alarms(MODEL, rows, rank_alone(rows))
    assert sentence == "Alone over max_feature_auc = 0.8 and not acknowledged, perhaps by chance: few (0.958)."


def test_an_acknowledged_feature_does_not_stop_the_training():
    model = small_model(max_feature_auc=0.8, acknowledged_auc={"strong": 0.86})
    assert meet_oracles(model, gather_rows(MODEL, HONEST), measured(strong=0.85, weak=0.6), "refuse doubtful") == ()


def test_acknowledged_features_are_named_all_the_same():
    model = small_model(max_feature_auc=0.8, acknowledged_auc={"strong": 0.86, "second": 0.83, "weak": 0.83})
    (sentence,) = find_alarms(model, gather_rows(MODEL, HONEST), measured(weak=0.6, second=0.81, strong=0.85))
    assert (
        sentence == "Alone over max_feature_auc = 0.8 and acknowledged: strong (0.850, up to 0.86), second (0.810, up to 0.83)."
    )


def test_an_acknowledged_feature_that_grew_weak_is_not_named():
    model = small_model(max_feature_auc=0.8, acknowledged_auc={"strong": 0.86})
    assert find_alarms(model, gather_rows(MODEL, HONEST), measured(strong=0.8)) == ()


def test_an_acknowledged_feature_stops_the_training_once_it_knows_more_than_was_found_honest():
    model = small_model(max_feature_auc=0.8, acknowledged_auc={"strong": 0.86})
    with pytest.raises(LeakSuspected, match=r"strong \(0\.930, .*strong = 0\.94"):
        meet_oracles(model, gather_rows(MODEL, HONEST), measured(strong=0.93), "refuse")


def test_acknowledging_one_feature_lets_no_other_pass():
    model = small_model(max_feature_auc=0.8, acknowledged_auc={"strong": 0.86})
    with pytest.raises(LeakSuspected, match=r": other \(0\.850, at least 0\.8"):
        meet_oracles(model, gather_rows(MODEL, HONEST), measured(strong=0.85, other=0.85), "refuse")


def test_a_category_of_its_own_for_every_entity_is_no_oracle():
    names = pd.Series([f"e{entity}" for _, entity in LABELS.index], LABELS.index).astype("category")
    assert rank_alone(rows_with(name=names))["name"].estimate == pytest.approx(0.5, abs=0.05)


def test_a_constant_ranks_like_chance():
    assert rank_alone(rows_with(flat=1.0))["flat"].estimate == 0.5


def test_a_column_that_counts_time_is_named():
    (sentence,) = find_suspicions(MODEL, rows_with(week=count_weeks()))
    assert (
        "2017-03-27 and 2017-05-01 can be told apart (AUC 1.00), mostly by week. From the first to the last: week (mean"
        in sentence
    )
    assert f"under [features.no_drift_trigger] of models/{MODEL.name}.toml" in sentence


def test_values_and_nulls_that_moved_are_said():
    weeks = np.asarray(count_weeks())
    plans = np.where(weeks == weeks.max(), "premium", "basic")
    (sentence,) = find_suspicions(MODEL, rows_with(plan=plans))
    assert "in 100%, then in 0%" in sentence or "in 0%, then in 100%" in sentence
    (sentence,) = find_suspicions(MODEL, rows_with(lost=np.where(weeks == weeks.max(), np.nan, 1.0)))
    assert "lost (null in 0%, then in 100%)" in sentence


def test_a_column_that_may_drift_raises_no_alarm():
    assert find_suspicions(MODEL, rows_with(tenure_days=count_weeks())) == ()


def test_a_column_that_is_null_everywhere_is_named():
    assert find_alarms(MODEL, rows_with(lost=np.nan), {}) == ("Null in every training row: lost.",)


def test_a_value_for_every_entity_is_named_with_what_to_do():
    entities = HONEST.features.index.get_level_values("entity_id")
    rows = rows_with(street=[f"Street {number}" for number in entities], town=[f"Town {number % 20}" for number in entities])
    assert find_alarms(MODEL, rows, {}) == find_remarks(rows)
    (sentence,) = find_remarks(rows)
    assert sentence.startswith("Nearly every entity has a value of its own in street: 200 values, and 100% of the rows")
    assert sentence.endswith("or leave street out under training.exclude.")


def test_a_few_rare_values_are_no_alarm():
    entities = HONEST.features.index.get_level_values("entity_id")
    assert () == find_remarks(rows_with(town=[f"Town {min(90, number)}" for number in entities]))
