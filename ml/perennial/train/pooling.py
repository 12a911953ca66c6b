"""Which values of a text a model knows by name: the others share one place, for a few entities teach nothing about a value.

A text with one value per customer (a street, a telephone number) would otherwise give the logistic regression a column, and the
boosters a category, for every customer.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

FEWEST_ENTITIES = 5
"""That hold a value at some time; of fewer, each entity by itself would be what is learned."""
MOST_VALUES = 100
"""Known by name; the rows of a commoner value teach more. A hundred columns are what a logistic regression solves at ease."""
IDENTIFYING = 0.5
"""A larger share of rows with pooled values is a column that tells entities apart and little else."""


def pool_rare(column: pd.Series, entities: NDArray[np.intp]) -> tuple[tuple[str, ...], int]:
    """The values to know by name, sorted, and how many others there are.

    Args:
        entities: a number for the entity of each row.
    """
    codes, values = _number_values(column)
    known = codes >= 0
    most = int(entities.max(initial=0)) + 1
    pairs = np.unique(codes[known] * most + entities[known])
    holders = np.bincount(pairs // most, minlength=len(values))
    named = [(-count, str(value)) for count, value in zip(holders.tolist(), values, strict=True) if count >= FEWEST_ENTITIES]
    kept = sorted(value for _, value in sorted(named)[:MOST_VALUES])
    return tuple(kept), len(values) - len(kept)


def _number_values(column: pd.Series) -> tuple[NDArray[np.intp], NDArray[np.object_]]:
    """A number for the value of each row, -1 where there is none, and the values that occur."""
    if not isinstance(column.dtype, pd.CategoricalDtype):
        codes, values = pd.factorize(column.astype("object"))
        return codes, np.asarray(values, dtype=object)
    known = column.cat.codes.to_numpy()
    codes, places = pd.factorize(np.where(known < 0, -1, known), use_na_sentinel=False)
    is_known = places >= 0
    numbers = np.append(np.where(is_known, np.cumsum(is_known) - 1, -1), -1)
    return numbers[codes], column.cat.categories.to_numpy(dtype=object)[places[is_known]]
