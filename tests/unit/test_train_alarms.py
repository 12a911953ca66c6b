"""Leak alarms: oracles stop the training, in whatever form they come; drifting columns are named."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from perennial.errors import LeakSuspected
from perennial.train.alarms import find_alarms, find_remarks, find_suspicions, rank_alone, refuse_oracles
from perennial.train.rows import gather_rows
from tests.training_sets import make_training_set, mondays, small_model

MODEL = small_model(max_feature_auc=0.8)
HONEST = make_training_set(mondays(6), entities=200, signal=0.8)
LABELS = HONEST.labels


def rows_with(**columns: object):
    return gather_rows("lapse", replace(HONEST, features=HONEST.features.assign(**columns)))


def count_weeks() -> np.ndarray:
    return pd.factorize(HONEST.features.index.get_level_values("as_of"))[0].astype(float)


def test_honest_features_pass():
    refuse_oracles(MODEL, rank_alone(gather_rows("lapse", HONEST)))


@pytest.mark.parametrize(
    "leak",
    [
        pytest.param(LABELS.astype(float), id="the label itself"),
        pytest.param(-LABELS.astype(float), id="the label upside down"),
        pytest.param(pd.Series(1.0, LABELS.index).where(LABELS == 1), id="null unless it happened"),
        pytest.param(pd.Series(np.where(LABELS == 1, "gone", "there"), LABELS.index).astype("category"), id="a category"),
    ],
)
def test_a_feature_that_knows_the_answer_stops_the_training(leak):
    with pytest.raises(LeakSuspected, match=r"over max_feature_auc = 0\.8 and .*: leak \("):
        refuse_oracles(MODEL, rank_alone(rows_with(leak=leak)))


def test_the_refusal_says_what_to_write_when_it_is_honest():
    with pytest.raises(LeakSuspected, match=r"\[training\.acknowledged_auc\] of models/lapse\.toml: leak = 1\.0"):
        refuse_oracles(MODEL, rank_alone(rows_with(leak=LABELS.astype(float))))


def test_an_acknowledged_feature_does_not_stop_the_training():
    refuse_oracles(small_model(max_feature_auc=0.8, acknowledged_auc={"strong": 0.86}), {"strong": 0.85, "weak": 0.6})


def test_acknowledged_features_are_named_all_the_same():
    model = small_model(max_feature_auc=0.8, acknowledged_auc={"strong": 0.86, "second": 0.83, "weak": 0.83})
    (sentence,) = find_alarms(model, gather_rows("lapse", HONEST), {"weak": 0.6, "second": 0.81, "strong": 0.85})
    assert (
        sentence == "Alone over max_feature_auc = 0.8 and acknowledged: strong (0.850, up to 0.86), second (0.810, up to 0.83)."
    )


def test_an_acknowledged_feature_that_grew_weak_is_not_named():
    model = small_model(max_feature_auc=0.8, acknowledged_auc={"strong": 0.86})
    assert find_alarms(model, gather_rows("lapse", HONEST), {"strong": 0.8}) == ()


def test_an_acknowledged_feature_stops_the_training_once_it_knows_more_than_was_found_honest():
    model = small_model(max_feature_auc=0.8, acknowledged_auc={"strong": 0.86})
    with pytest.raises(LeakSuspected, match=r"strong \(0\.930\).*strong = 0\.94"):
        refuse_oracles(model, {"strong": 0.93})


def test_acknowledging_one_feature_lets_no_other_pass():
    with pytest.raises(LeakSuspected, match=r": other \(0\.850\)"):
        refuse_oracles(small_model(max_feature_auc=0.8, acknowledged_auc={"strong": 0.86}), {"strong": 0.85, "other": 0.85})


def test_a_category_of_its_own_for_every_entity_is_no_oracle():
    names = pd.Series([f"e{entity}" for _, entity in LABELS.index], LABELS.index).astype("category")
    assert rank_alone(rows_with(name=names))["name"] == pytest.approx(0.5, abs=0.05)


def test_a_constant_ranks_like_chance():
    assert rank_alone(rows_with(flat=1.0))["flat"] == 0.5


def test_a_column_that_counts_time_is_named():
    (sentence,) = find_suspicions(MODEL, rows_with(week=count_weeks()))
    assert "2017-03-27 and 2017-05-01 can be told apart (AUC 1.00), mostly by week" in sentence


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
