"""From a frame of features to the matrix that a model reads, in the model's own order and with its own category lists."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api import types

from perennial.errors import SchemaMismatch
from perennial.predictor.contract import Feature

Matrix = NDArray[np.float64]


def encode(frame: pd.DataFrame, features: Sequence[Feature]) -> Matrix:
    """One row per row of `frame`, one float64 column per feature, in the order of `features`.

    Numbers stay as they are, booleans become 0 and 1, a category becomes its position in the sorted list.
    A missing value, and a category that the training never saw, becomes NaN; where rare values were pooled, what it never saw
    belongs to them.

    Raises:
        SchemaMismatch: columns are missing, retyped or infinite; the message names all of them.
    """
    missing = [feature.name for feature in features if feature.name not in frame.columns]
    if missing:
        raise SchemaMismatch(f"The frame lacks {', '.join(missing)}: the model was trained with {len(features)} features.")
    retyped = [
        _describe_type(frame[feature.name], feature) for feature in features if not _has_kind(frame[feature.name], feature)
    ]
    if retyped:
        raise SchemaMismatch(f"Columns changed their type since the training: {'; '.join(retyped)}.")
    matrix = np.empty((len(frame), len(features)), dtype=np.float64)
    for position, feature in enumerate(features):
        matrix[:, position] = _encode_column(frame[feature.name], feature)
    refuse_infinite(matrix, features)
    return matrix


def refuse_infinite(matrix: Matrix, features: Sequence[Feature]) -> None:
    """LightGBM would score infinities without a word."""
    infinite = [position for position in range(matrix.shape[1]) if np.isinf(matrix[:, position]).any()]
    if infinite:
        names = ", ".join(features[position].name for position in infinite)
        raise SchemaMismatch(f"Infinite values in {names}: a division by zero in the features' SQL? Make them null.")


def _has_kind(column: pd.Series, feature: Feature) -> bool:
    if feature.kind == "category":
        return bool(isinstance(column.dtype, pd.CategoricalDtype) or types.is_string_dtype(column.dtype) or column.isna().all())
    if types.is_complex_dtype(column.dtype):
        return False
    return bool(types.is_numeric_dtype(column.dtype) or types.is_bool_dtype(column.dtype) or _is_boolean_or_null(column))


def _is_boolean_or_null(column: pd.Series) -> bool:
    """Nullable booleans arrive as objects, and so does a column that is null in every row."""
    if not types.is_object_dtype(column.dtype):
        return bool(column.isna().all())
    return all(isinstance(value, bool | np.bool_) for value in column.dropna())


def _describe_type(column: pd.Series, feature: Feature) -> str:
    return f"{feature.name} was {feature.kind}, is {column.dtype}"


def _encode_column(column: pd.Series, feature: Feature) -> Matrix:
    if feature.kind == "numeric":
        plain = isinstance(column.dtype, np.dtype) and not types.is_object_dtype(column.dtype)
        return column.to_numpy(dtype=np.float64) if plain else column.to_numpy(dtype=np.float64, na_value=np.nan)
    codes = pd.Index(feature.categories, dtype="object").get_indexer(pd.Index(column.astype("object")))
    others = np.where(column.isna(), np.nan, len(feature.categories)) if feature.pooled else np.nan
    return np.where(codes < 0, others, codes.astype(np.float64))
