"""Worlds of amounts, and influence values by leaving out one entity after the other."""

import numpy as np
import pandas as pd


def make_world(*, entities=250, days=4, zeros=0.6, seed=7):
    """Labels and two predictions of entities whose amounts persist; many spend nothing, and some rows are missing."""
    rng = np.random.default_rng(seed)
    dates = pd.date_range("2017-09-04", periods=days, freq="7D")
    index = pd.MultiIndex.from_product([dates, range(entities)], names=["as_of", "entity_id"])
    level = np.tile(rng.normal(size=entities), days)
    amounts = np.exp(0.8 * level + 0.8 * rng.normal(size=len(index)))
    labels = pd.Series(np.where(rng.random(len(index)) < zeros, 0.0, amounts), index=index)
    good, poor = (
        pd.Series(np.exp(0.6 * level + error * np.tile(rng.normal(size=entities), days) - 0.8).round(2) + 0.01, index=index)
        for error in (0.3, 0.6)
    )
    is_there = rng.random(len(index)) < 0.9
    return good[is_there], poor[is_there], labels[is_there]


def leave_out_entities(measure, *series):
    """The jackknife: by how much each entity pulls a figure, from the figure without its rows."""
    entity = series[0].index.get_level_values("entity_id")
    every = np.unique(entity)
    without = np.array([measure(*(each[entity != left_out] for each in series)) for left_out in every])
    return (len(every) - 1) / len(every) * (without.mean() - without)


def agree(found, expected):
    """Correlation of influence values, and the slope of one on the other."""
    return np.corrcoef(found, expected)[0, 1], float(found @ expected / (expected @ expected))
