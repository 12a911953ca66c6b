"""From a frame of features to the matrix that a model reads, in the model's own order and with its own category lists."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from perennial.errors import SchemaMismatch
from perennial.predictor.contract import Feature

if TYPE_CHECKING:
    import pandas as pd  # whoever has a frame has loaded it; `perennial serve` has none

Matrix = NDArray[np.float64]
EncodedColumn = NDArray[np.float64] | NDArray[np.float32] | NDArray[np.int32]


def encode(frame: pd.DataFrame, features: Sequence[Feature]) -> Matrix:
    """One row per row of `frame`, one float64 column per feature, in the order of `features`.

    Numbers stay as they are, booleans become 0 and 1, a category becomes its position in the sorted list.
    A missing value, and a category that the training never saw, becomes NaN; where rare values were pooled, what it never saw
    belongs to them.

    Raises:
        SchemaMismatch: columns are missing, retyped or infinite; the message names all of them.
    """
    _refuse_other_columns(frame, features)
    matrix = np.empty((len(frame), len(features)), dtype=np.float64)
    for position, feature in enumerate(features):
        matrix[:, position] = _encode_column(frame[feature.name], feature)
    refuse_infinite(matrix, features)
    return matrix


def encode_columns(frame: pd.DataFrame, features: Sequence[Feature]) -> tuple[EncodedColumn, ...]:
    """The columns of that matrix, which no row is copied for: a number is what the frame holds, wherever that is a plain float.

    A category becomes int32 codes, -1 where `encode` says NaN.

    Raises:
        SchemaMismatch: as `encode`.
    """
    _refuse_other_columns(frame, features)
    columns = tuple(_encode_lightly(frame[feature.name], feature) for feature in features)
    infinite = [place for place, column in enumerate(columns) if column.dtype.kind == "f" and np.isinf(column).any()]
    _name_infinite([features[place].name for place in infinite])
    return columns


def _refuse_other_columns(frame: pd.DataFrame, features: Sequence[Feature]) -> None:
    missing = [feature.name for feature in features if feature.name not in frame.columns]
    if missing:
        raise SchemaMismatch(f"The frame lacks {', '.join(missing)}: the model was trained with {len(features)} features.")
    retyped = [
        _describe_type(frame[feature.name], feature) for feature in features if not _has_kind(frame[feature.name], feature)
    ]
    if retyped:
        raise SchemaMismatch(f"Columns changed their type since the training: {'; '.join(retyped)}.")


def refuse_infinite(matrix: Matrix, features: Sequence[Feature]) -> None:
    """LightGBM would score infinities without a word."""
    _name_infinite([features[place].name for place in range(matrix.shape[1]) if np.isinf(matrix[:, place]).any()])


def _name_infinite(infinite: Sequence[str]) -> None:
    if infinite:
        raise SchemaMismatch(
            f"Infinite values in {', '.join(infinite)}: a division by zero in the features' SQL? Make them null."
        )


def _has_kind(column: pd.Series, feature: Feature) -> bool:
    import pandas as pd  # noqa: PLC0415 - see above
    from pandas.api import types  # noqa: PLC0415 - see above

    if feature.kind == "category":
        return bool(isinstance(column.dtype, pd.CategoricalDtype) or types.is_string_dtype(column.dtype) or column.isna().all())
    if types.is_complex_dtype(column.dtype):
        return False
    return bool(types.is_numeric_dtype(column.dtype) or types.is_bool_dtype(column.dtype) or _is_boolean_or_null(column))


def _is_boolean_or_null(column: pd.Series) -> bool:
    """Nullable booleans arrive as objects, and so does a column that is null in every row."""
    from pandas.api import types  # noqa: PLC0415 - see above

    if not types.is_object_dtype(column.dtype):
        return bool(column.isna().all())
    return all(isinstance(value, bool | np.bool_) for value in column.dropna())


def _describe_type(column: pd.Series, feature: Feature) -> str:
    return f"{feature.name} was {feature.kind}, is {column.dtype}"


def _encode_lightly(column: pd.Series, feature: Feature) -> EncodedColumn:
    if feature.kind == "category":
        return _code_category(column, feature)
    is_float = isinstance(column.dtype, np.dtype) and column.dtype in (np.float32, np.float64)
    return column.to_numpy() if is_float else _encode_column(column, feature)


def _encode_column(column: pd.Series, feature: Feature) -> Matrix:
    from pandas.api import types  # noqa: PLC0415 - see above

    if feature.kind == "numeric":
        plain = isinstance(column.dtype, np.dtype) and not types.is_object_dtype(column.dtype)
        return column.to_numpy(dtype=np.float64) if plain else column.to_numpy(dtype=np.float64, na_value=np.nan)
    return decode_codes(_code_category(column, feature))


def decode_codes(codes: NDArray[np.int32]) -> Matrix:
    """Codes of a category as a matrix holds them: NaN where there is none."""
    return np.where(codes < 0, np.nan, codes.astype(np.float64))


def _code_category(column: pd.Series, feature: Feature) -> NDArray[np.int32]:
    """The place of each value among the categories, -1 where it is missing or unknown; what was pooled stands behind them."""
    import pandas as pd  # noqa: PLC0415 - see above

    categories, rest = pd.Index(feature.categories, dtype="object"), len(feature.categories) if feature.pooled else -1
    if isinstance(column.dtype, pd.CategoricalDtype):  # one look for each value, and not for each row
        places = categories.get_indexer(column.cat.categories.astype("object"))
        return np.append(np.where(places < 0, rest, places), -1).astype(np.int32)[column.cat.codes.to_numpy()]
    codes = categories.get_indexer(pd.Index(column.astype("object")))
    return np.where(codes < 0, np.where(column.isna(), -1, rest), codes).astype(np.int32)
