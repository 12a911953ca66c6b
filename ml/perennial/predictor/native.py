"""The two boosting libraries behind one face: bytes in and out, raw scores, contributions."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from perennial.errors import ArtifactCorrupt
from perennial.predictor.calibration import apply_link
from perennial.predictor.contract import Feature
from perennial.predictor.encoding import Matrix
from perennial.predictor.linear import Places
from perennial.records import Link

if TYPE_CHECKING:
    import lightgbm
    import xgboost

NativeBooster: TypeAlias = "xgboost.Booster | lightgbm.Booster"


def is_xgboost(booster: NativeBooster) -> bool:
    """Which of the two it is, without loading the library of the other: each takes 130 MB and seconds."""
    return type(booster).__module__.partition(".")[0] == "xgboost"


def find_native_errors() -> tuple[type[Exception], ...]:
    """What the libraries that are loaded raise at a damaged file; XGBoost's is a ValueError, as UnicodeDecodeError is."""
    lightgbm = sys.modules.get("lightgbm")
    return (ValueError, TypeError) if lightgbm is None else (lightgbm.basic.LightGBMError, ValueError, TypeError)


def number_inputs(features: Sequence[Feature]) -> list[str]:
    """What a library calls the inputs: it refuses names such as `x[0]` and `amount, net`, which are the contract's to keep."""
    return [f"f{place}" for place in range(len(features))]


def as_dmatrix(
    matrix: Matrix,
    features: Sequence[Feature],
    *,
    labels: Matrix | None = None,
    threads: int = 2,
    names: Sequence[str] | None = None,
) -> xgboost.DMatrix:
    """An encoded matrix as XGBoost reads it, with categories marked as such.

    Args:
        names: what the booster calls its inputs; None: their numbers.
    """
    import xgboost  # noqa: PLC0415 - only the library in question is loaded

    kinds = ["c" if feature.kind == "category" else "q" for feature in features]
    names = list(names) if names is not None else number_inputs(features)
    return xgboost.DMatrix(
        matrix, label=labels, feature_names=names, feature_types=kinds, enable_categorical="c" in kinds, nthread=threads
    )


def name_inputs(booster: xgboost.Booster, features: Sequence[Feature]) -> list[str]:
    """As the file of the booster names its inputs: by number, or by the features' own names in one that is older."""
    numbered = number_inputs(features)
    return numbered if booster.feature_names == numbered else [feature.name for feature in features]


def predict_raw(
    booster: NativeBooster, matrix: Matrix, features: Sequence[Feature], *, threads: int = 2, link: Link = "logit"
) -> Matrix:
    """Uncalibrated probabilities or amounts, one per row; of classes one per row and class.

    The link is taken here in double precision: XGBoost's own is single and would tie the highest scores.
    """
    if is_xgboost(booster):
        booster.set_param({"nthread": threads})
        names = name_inputs(booster, features)
        margin = booster.predict(as_dmatrix(matrix, features, threads=threads, names=names), output_margin=True)
    else:
        margin = booster.predict(matrix, raw_score=True, num_threads=threads)
    return apply_link(link, np.asarray(margin, dtype=np.float64))


def contribute_native(
    booster: NativeBooster, matrix: Matrix, features: Sequence[Feature], *, threads: int = 2, chosen: Places | None = None
) -> Matrix:
    """Exact TreeSHAP contributions, one column per feature; the constant last column is left off.

    They are in the units of the link: log-odds, those of the target, or logarithms of these.

    Args:
        chosen: of classes: which one's margin is explained, for each row.
    """
    every = contribute_every(booster, matrix, features, threads=threads)
    return every[0] if chosen is None else every[chosen, np.arange(len(matrix))]


def contribute_every(booster: NativeBooster, matrix: Matrix, features: Sequence[Feature], *, threads: int = 2) -> Matrix:
    """The same for every output: outputs by rows by features.

    Source: Lundberg, Erion and Lee 2018, as both libraries implement it. XGBoost's approximation is not used: it names
    the same strongest feature in only 81 % of rows.
    """
    if is_xgboost(booster):
        booster.set_param({"nthread": threads})
        names = name_inputs(booster, features)
        shares = booster.predict(as_dmatrix(matrix, features, threads=threads, names=names), pred_contribs=True)
    else:
        shares = booster.predict(matrix, pred_contrib=True, num_threads=threads)
    # One library has an axis for classes, the other puts them side by side.
    found = np.asarray(shares, dtype=np.float64).reshape(len(matrix), -1, len(features) + 1)
    return found[:, :, :-1].swapaxes(0, 1)


def save_native(booster: NativeBooster, path: Path) -> None:
    """Write the library's own format: UBJSON for XGBoost, text for LightGBM."""
    if is_xgboost(booster):
        booster.save_model(path)
    else:
        booster.save_model(str(path))


def open_native(algorithm: str, content: bytes) -> NativeBooster:
    """Load a booster from bytes whose hash was checked and which a child process has opened before."""
    try:
        if algorithm == "xgboost":
            import xgboost  # noqa: PLC0415 - only the library in question is loaded

            booster = xgboost.Booster()
            booster.load_model(bytearray(content))
            return booster
        import lightgbm  # noqa: PLC0415 - likewise

        return lightgbm.Booster(model_str=content.decode("utf-8"))
    except find_native_errors() as error:
        raise ArtifactCorrupt(f"{algorithm} cannot read its model file: {error}.") from error


def count_inputs(booster: NativeBooster) -> int:
    """Number of columns that the booster was trained on."""
    return int(booster.num_features() if is_xgboost(booster) else booster.num_feature())
