"""Small predictors of every kind that can be exported, with categories, rare values and missing ones."""

from __future__ import annotations

from pathlib import Path

import lightgbm
import numpy as np
import pandas as pd
import xgboost

from perennial.config import load_model
from perennial.export.native import Exported
from perennial.predictor import (
    Calibrator,
    ClassLinear,
    Contract,
    Feature,
    Linear,
    Predictor,
    as_dmatrix,
    encode,
    load_predictor,
    write_files,
)
from perennial.records import Version
from tests.paths import ROOT
from tests.training_sets import FIRST, TRAINED_FOR

FEATURES = (
    Feature(name="recency_days", median=10.0),
    Feature(name="spend_28d", median=50.0),
    Feature(name="channel", kind="category", categories=("app", "store", "web")),
    Feature(name="town", kind="category", categories=tuple(f"t{number:02d}" for number in range(40)), pooled=4),
)
WIDTH = 2 + 3 + 41
ROUNDS = 6
CLASSES = ("dairy", "none", "produce")
LINKS = {"binary": "logit", "squared": "identity", "tweedie": "log", "classes": "softmax"}
CALIBRATORS = {
    "binary": Calibrator(kind="beta", coefficients=(1.1, 0.9, 0.2)),
    "squared": Calibrator(kind="line", coefficients=(1.1, 0.2)),
    "tweedie": Calibrator(kind="power", coefficients=(1.1, 0.2)),
    "classes": Calibrator(kind="softmax", coefficients=(1.1, 0.0, 0.2, -0.1)),
}
OBJECTIVES = {
    "xgboost": {
        "binary": "binary:logistic",
        "squared": "reg:squarederror",
        "tweedie": "reg:tweedie",
        "classes": "multi:softprob",
    },
    "lightgbm": {"binary": "binary", "squared": "regression", "tweedie": "tweedie", "classes": "multiclass"},
}
KINDS = tuple((algorithm, kind) for algorithm in ("xgboost", "lightgbm", "linear") for kind in LINKS)


def draw_frame(rows: int = 600) -> pd.DataFrame:
    random = np.random.default_rng(7)
    town = pd.Series(random.choice([f"t{number:02d}" for number in range(45)], rows), dtype="object")
    return pd.DataFrame(
        {
            "recency_days": random.integers(0, 60, rows).astype("float64"),
            "spend_28d": np.where(random.random(rows) < 0.1, np.nan, random.normal(0.1, 20, rows)),
            "channel": random.choice(["app", "store", "web"], rows),
            "town": town.mask(random.random(rows) < 0.05, None),
        }
    )


def make_predictor(algorithm: str, kind: str, **parameters: object) -> tuple[Predictor, pd.DataFrame]:
    """Fitted quickly on drawn rows, which come with it."""
    frame = draw_frame()
    matrix = encode(frame, FEATURES)
    signal = np.nan_to_num(matrix[:, 1]) + 10 * (matrix[:, 2] == 2) + 5 * (np.nan_to_num(matrix[:, 3]) % 3)
    labels = {
        "binary": (signal > 8).astype(float),
        "squared": signal,
        "tweedie": np.maximum(signal, 0),
        "classes": np.digitize(signal, [0, 12]).astype(float),
    }[kind]
    booster = None if algorithm == "linear" else _fit(algorithm, kind, matrix, labels, parameters)
    name = {"binary": "logistic", "squared": "ridge", "tweedie": "ridge", "classes": "logistic"}[kind]
    contract = Contract(
        model="lapse",
        algorithm=name if booster is None else algorithm,
        features=FEATURES,
        calibrator=CALIBRATORS[kind],
        rounds=0 if booster is None else ROUNDS,
        linear=_draw_linear(kind) if booster is None else None,
        link=LINKS[kind],
        classes=CLASSES if kind == "classes" else None,
    )
    return Predictor(contract, booster, golden=matrix[:20]), frame


def export_to(folder: Path, predictor: Predictor, frame: pd.DataFrame) -> Exported:
    """Its files, as the training writes them, and what an export knows of them."""
    manifest = write_files(folder, predictor.booster, predictor.contract, frame)
    version = Version(
        model="lapse",
        version=3,
        algorithm=predictor.contract.algorithm,
        mlflow_run_id="0" * 32,
        manifest=manifest,
        data_hash="",
        training_as_ofs=(FIRST,),
        holdout_as_ofs=(),
        trained_for=TRAINED_FOR,
        effective_at=pd.Timestamp(TRAINED_FOR, tz="UTC").to_pydatetime(),
    )
    return Exported(load_model(ROOT / "models" / "lapse.toml"), version, load_predictor(folder, manifest), folder)


def _fit(algorithm, kind, matrix, labels, parameters):
    classes = {"num_class": len(CLASSES)} if kind == "classes" else {}
    objective = {"objective": OBJECTIVES[algorithm][kind], **classes, **parameters}
    if algorithm == "xgboost":
        data = as_dmatrix(matrix, FEATURES, labels=labels)
        return xgboost.train({"max_depth": 4, "nthread": 1, "max_cat_to_onehot": 2, **objective}, data, num_boost_round=ROUNDS)
    own = {"num_leaves": 12, "verbosity": -1, "num_threads": 1, "min_data_per_group": 5, "cat_smooth": 1.0, **objective}
    return lightgbm.train(own, lightgbm.Dataset(matrix, labels, categorical_feature=[2, 3]), num_boost_round=ROUNDS)


def _draw_linear(kind):
    random = np.random.default_rng(1)
    scale = {"means": (30.0, 0.0, *[0.1] * 44), "scales": (15.0, 20.0, *[0.3] * 44)}
    if kind == "classes":
        weights = random.normal(size=(len(CLASSES), WIDTH)) * 0.3
        return ClassLinear(intercepts=(0.1, -0.2, 0.3), coefficients=tuple(map(tuple, weights.tolist())), **scale)
    return Linear(intercept=-0.5, coefficients=tuple((random.normal(size=WIDTH) * 0.2).tolist()), **scale)
