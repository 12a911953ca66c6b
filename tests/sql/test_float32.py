"""On rows of the demo: what float32 changes of what the libraries learn, which is nothing where it may be taken."""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import text

from perennial.records import TrainingSet
from perennial.stores.warehouse import build_snapshot, columns, read_snapshot
from perennial.train.boosters import REGULARISED_DEFAULTS, fit_recipe
from perennial.train.inputs import Inputs
from perennial.train.rows import TrainingRows, gather_rows
from tests.drawn import declare, run_of

LAPSE = declare("lapse")
DAYS = [date(2017, 5, 1) + timedelta(days=14 * step) for step in range(8)]
ROUNDS, SEED = 40, 7


def read_days(session) -> TrainingSet:
    """Eight days of the sample; the label is whether a household comes to buy more often than not."""
    for day in DAYS:
        build_snapshot(session, LAPSE, run_of(LAPSE, day))
    session.execute(text("update ledger.snapshots set status = 'valid'"))
    frames = {pd.Timestamp(day): read_snapshot(session, LAPSE, day) for day in DAYS}
    rows = pd.concat(frames, names=["as_of"]).sort_index()
    texts = rows.select_dtypes(["object", "str"]).columns
    features = rows.astype(dict.fromkeys(texts, "category")).drop(columns=list(LAPSE.model.asides))
    strength = features["orders_28d"] + features["spend_28d"].rank(pct=True)
    labels = (strength > strength.median()).astype("int64").rename("label")
    return TrainingSet(features, labels, rows[[]], data_hash="sample")


def narrow(rows: TrainingRows, *, every: bool) -> TrainingRows:
    """Numbers as float32: those that it holds, or every one."""
    kept = tuple(
        column.astype(np.float32) if column.dtype == np.float64 and (every or columns._is_held(column)) else column
        for column in rows.inputs.columns
    )
    return replace(rows, inputs=Inputs(kept, rows.inputs.rows))


@pytest.fixture
def rows(sample) -> TrainingRows:
    return gather_rows(LAPSE.model, read_days(sample))


@pytest.mark.parametrize("algorithm", ["xgboost", "lightgbm"])
def test_columns_that_a_float32_holds_teach_the_same_to_the_bit(rows, algorithm):
    recipe, held = REGULARISED_DEFAULTS[algorithm], narrow(rows, every=False)
    kinds = {column.dtype.name for column in held.inputs.columns}
    assert {"float32"} <= kinds
    learned = [fit_recipe(recipe, ROUNDS, SEED, each).score_matrix(rows.matrix) for each in (rows, held)]
    assert learned[0].std() > 0.05
    assert learned[0].tobytes() == learned[1].tobytes()


def test_xgboost_learns_the_same_of_every_column_as_float32(rows):
    every = narrow(rows, every=True)
    learned = [
        fit_recipe(REGULARISED_DEFAULTS["xgboost"], ROUNDS, SEED, each).score_matrix(rows.matrix) for each in (rows, every)
    ]
    assert learned[0].tobytes() == learned[1].tobytes()
