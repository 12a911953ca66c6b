"""Nothing that is doubled, held out, unlabelled or infinite reaches a library."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from perennial.errors import (
    ColumnContractBroken,
    ConfigError,
    GrainViolated,
    LabelsIncomplete,
    MisalignedScores,
    OneClassLabels,
    RowsSeenInTraining,
    SchemaMismatch,
    SnapshotMissing,
)
from perennial.train.guards import check_training_set
from perennial.train.rows import gather_rows
from tests.training_sets import make_training_set, mondays, small_model, small_plan

MODEL = small_model()
PLAN = small_plan(MODEL)
TRAINING = make_training_set(PLAN.training, entities=20)


def test_the_planned_rows_pass():
    check_training_set(MODEL, TRAINING, PLAN)


def test_a_row_that_occurs_twice_is_refused():
    doubled = replace(
        TRAINING,
        features=pd.concat([TRAINING.features, TRAINING.features.iloc[:1]]),
        labels=pd.concat([TRAINING.labels, TRAINING.labels.iloc[:1]]),
    )
    with pytest.raises(GrainViolated, match="1 rows of the training set occur twice"):
        check_training_set(MODEL, doubled, PLAN)


def test_labels_of_other_rows_are_refused():
    with pytest.raises(MisalignedScores):
        check_training_set(MODEL, replace(TRAINING, labels=TRAINING.labels.iloc[::-1]), PLAN)


def test_rows_of_the_holdout_are_refused():
    with pytest.raises(RowsSeenInTraining, match="2017-07-10"):
        check_training_set(MODEL, make_training_set((*PLAN.training, PLAN.holdout[0]), entities=20), PLAN)


def test_rows_within_the_embargo_are_refused():
    with pytest.raises(RowsSeenInTraining, match="2017-06-19"):
        check_training_set(MODEL, make_training_set(mondays(13), entities=20), PLAN)


def test_a_planned_as_of_without_rows_is_named():
    with pytest.raises(SnapshotMissing, match="2017-03-27"):
        check_training_set(MODEL, make_training_set(PLAN.training[1:], entities=20), PLAN)


def test_a_missing_label_is_refused():
    labels = TRAINING.labels.astype("float64").where(np.arange(len(TRAINING.labels)) > 0)
    with pytest.raises(LabelsIncomplete, match="1 of 240"):
        check_training_set(MODEL, replace(TRAINING, labels=labels), PLAN)


def test_a_label_other_than_0_or_1_is_refused():
    with pytest.raises(ColumnContractBroken, match="must be 0 or 1"):
        check_training_set(MODEL, replace(TRAINING, labels=TRAINING.labels * 2), PLAN)


@pytest.mark.parametrize("value", [0, 1])
def test_labels_of_one_class_are_refused(value):
    with pytest.raises(OneClassLabels):
        check_training_set(MODEL, replace(TRAINING, labels=TRAINING.labels * 0 + value), PLAN)


@pytest.mark.mltest("D4")
def test_a_segment_among_the_inputs_is_refused():
    with pytest.raises(ConfigError, match="income"):
        check_training_set(MODEL, replace(TRAINING, features=TRAINING.features.assign(income=1.0)), PLAN)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("recency", "age"),
        ("acknowledged_auc", {"strength": 0.9, "age": 0.9}),
        ("exclude", ("age", "other")),
        ("monotone", {"age": "increasing"}),
    ],
)
def test_a_named_feature_that_does_not_exist_is_refused(key, value):
    with pytest.raises(ConfigError, match=rf"models/lapse\.toml: training\.{key} names age, which is no feature"):
        check_training_set(small_model(**{key: value}), TRAINING, PLAN)


def test_a_category_cannot_be_monotone():
    with pytest.raises(ConfigError, match=r"training\.monotone names colour, which is a category"):
        check_training_set(small_model(monotone={"colour": "increasing"}), TRAINING, PLAN)


def test_a_model_that_excludes_everything_is_refused():
    with pytest.raises(ConfigError, match="leaves no feature to learn from"):
        check_training_set(small_model(exclude=tuple(TRAINING.features.columns)), TRAINING, PLAN)


@pytest.mark.mltest("O5")
def test_an_infinite_value_is_refused():
    features = TRAINING.features.assign(strength=np.inf)
    with pytest.raises(SchemaMismatch, match="strength"):
        gather_rows(MODEL, replace(TRAINING, features=features))
