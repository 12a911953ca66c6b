"""Fairlearn's figures of both models for every value of a segment column."""

from __future__ import annotations

from collections.abc import Collection

import pandas as pd
from fairlearn.metrics import MetricFrame, false_negative_rate, selection_rate

from perennial.compare.harm.pair import Scored, ScoredPair

SELECTED, MISSED = "selection_rate", "false_negative_rate"
BEFORE, AFTER = "champion", "challenger"


def figure_rates(pair: ScoredPair, values: pd.Series, wanted: Collection[str]) -> pd.DataFrame:
    """Columns selection_rate and false_negative_rate, indexed by (model, value); empty when no value is wanted.

    Rows that agree are counted together and weighed: fairlearn walks through its rows, and its values, in Python. A value
    without positives would get a false-negative rate of 0: want only those that have some.
    """
    counts = pd.concat([_count(pair, values, pair.theirs_listed, BEFORE), _count(pair, values, pair.ours, AFTER)])
    counts = counts[counts["value"].isin(wanted)]
    if counts.empty:
        return pd.DataFrame()
    weights = {"sample_weight": counts["count"].to_numpy()}
    frame = MetricFrame(
        metrics={SELECTED: selection_rate, MISSED: false_negative_rate},
        y_true=counts["label"].to_numpy(),
        y_pred=counts["selected"].to_numpy(),
        control_features=counts["model"].to_numpy(),
        sensitive_features=counts["value"].to_numpy(),
        sample_params={SELECTED: weights, MISSED: weights},
    )
    figures: pd.DataFrame = frame.by_group
    return figures


def _count(pair: ScoredPair, values: pd.Series, side: Scored, model: str) -> pd.DataFrame:
    rows = pd.DataFrame(
        {"value": values.to_numpy(), "label": pair.carriers.astype(int), "selected": side.is_selected.astype(int)}
    )
    return rows.value_counts().reset_index(name="count").assign(model=model)
