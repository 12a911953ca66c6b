"""What labels bring along for each row: what it weighs (`label.weight`), and what acting on it is worth (`label.value`).

Both become levels of the index of labels and scores, as clusters do, so that whatever is cut from them keeps them. A row that
weighs nothing is left out: it teaches nothing and judges nobody. Figures of rows are weighted means; what counts entities,
such as the first so many of a day, counts each of them once, whatever it weighs.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import TypeVar, cast

import numpy as np
import pandas as pd

from perennial.metrics.panel import VALUE, WEIGHT, Floats

CLUSTER, KEY = "cluster", ["as_of", "entity_id"]
Values = TypeVar("Values", bound=pd.Series | pd.DataFrame)
NOTHING_BESIDE: Mapping[str, pd.Series] = {}


def find_rows(index: pd.Index) -> pd.Index:
    """The index without what stands beside (as_of, entity_id)."""
    if index.nlevels == len(KEY):
        return index
    return pd.MultiIndex.from_arrays([index.get_level_values(name) for name in KEY], names=KEY)


def index_day(entities: pd.Index, as_of: date) -> pd.MultiIndex:
    """Rows of one day as figures want them, from its entities."""
    return pd.MultiIndex.from_product([[pd.Timestamp(as_of)], entities], names=KEY)


def read_beside(index: pd.Index) -> dict[str, pd.Series]:
    """The weights and values that stand in an index, by level."""
    return {name: pd.Series(index.get_level_values(name), find_rows(index)) for name in (WEIGHT, VALUE) if name in index.names}


def name_levels(index: pd.Index, beside: Mapping[str, pd.Series], carriers: pd.Index) -> pd.MultiIndex:
    """(as_of, entity_id), then weight and value where they are known, then whose evidence a row is."""
    rows = find_rows(index)
    levels = {name: beside[name].reindex(rows).to_numpy() for name in (WEIGHT, VALUE) if name in beside}
    arrays = [index.get_level_values(name) for name in KEY]
    return pd.MultiIndex.from_arrays([*arrays, *levels.values(), carriers], names=[*KEY, *levels, CLUSTER])


def weigh_index(index: pd.Index, beside: Mapping[str, pd.Series]) -> pd.MultiIndex:
    """The index with weights and values; entities, or their clusters, stay the last level."""
    return name_levels(index, beside, index.get_level_values(-1))


def enter_beside(values: Values, beside: Mapping[str, pd.Series]) -> Values:
    """The same values with weights and values of their rows in the index, without the rows that weigh nothing.

    Args:
        beside: `weight` and `value`, each indexed by (as_of, entity_id) and known for every row; either may be absent.
    """
    if not beside:
        return values
    widened = values.set_axis(weigh_index(values.index, beside))
    weighs = widened.index.get_level_values(WEIGHT) > 0 if WEIGHT in beside else slice(None)
    return cast("Values", widened[weighs])


def read_weights(index: pd.Index) -> Floats | None:
    """What rows weigh, in the order of the index; None where nothing is said of it."""
    return index.get_level_values(WEIGHT).to_numpy(dtype=np.float64) if WEIGHT in index.names else None


def average(values: pd.Series) -> float:
    """The mean, weighted where the index says what rows weigh."""
    weights = read_weights(values.index)
    return float(values.mean()) if weights is None else float(np.average(values.to_numpy(dtype=float), weights=weights))


def sum_weights(index: pd.Index) -> float:
    """What the rows weigh together: how many they are, where nothing is said of it."""
    weights = read_weights(index)
    return float(len(index)) if weights is None else float(weights.sum())
