"""Scores of an exported version by its library alone; nothing of Perennial is imported.

    python score.py                  checks the hashes of the files, and that the golden rows come out again
    python score.py ROWS.jsonl       one score for each line, a JSON object of features by name

As a module: `score(rows)` takes a list of such objects. A number, a flag, a text, or None where nothing is known.
It needs numpy, and beside it onnxruntime where there is a model.onnx, else xgboost or lightgbm as contract.json says.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(__file__).resolve().parent
MODEL = FOLDER / "model"
CONTRACT = json.loads((MODEL / "contract.json").read_text(encoding="utf-8"))
FEATURES, CLASSES = CONTRACT["features"], CONTRACT.get("classes")
TOLERANCE = 1e-6  # of amounts above 1 a share of the largest; the sums of another processor
SMALLEST, FURTHEST = 1e-15, 300.0


def encode(rows: list[dict[str, Any]]) -> np.ndarray:
    """One column a feature, in the order of contract.json; a category becomes its place in the list, what is missing NaN."""
    matrix = np.full((len(rows), len(FEATURES)), np.nan)
    for line, row in enumerate(rows):
        if lacking := [each["name"] for each in FEATURES if each["name"] not in row]:
            raise KeyError(f"row {line} lacks {', '.join(lacking)}: write null where a value is not known")
        for place, feature in enumerate(FEATURES):
            matrix[line, place] = encode_value(row[feature["name"]], feature)
    if np.isinf(matrix).any():
        raise ValueError("a value is infinite: write null where a value is not known")
    return matrix


def encode_value(value: Any, feature: dict[str, Any]) -> float:
    if value is None:
        return float("nan")
    if feature["kind"] != "category":
        if not isinstance(value, bool | int | float):
            raise TypeError(f"{feature['name']} is a number or a flag, found {value!r}")
        return float(value)
    if not isinstance(value, str):
        raise TypeError(f"{feature['name']} is a text, found {value!r}")
    if value in feature["categories"]:
        return float(feature["categories"].index(value))
    return float(len(feature["categories"])) if feature["pooled"] else float("nan")


def score(rows: list[dict[str, Any]]) -> np.ndarray:
    """One score a row; of classes one column for each, in the order of contract.json."""
    matrix = encode(rows)
    if (MODEL / "model.onnx").exists():
        return score_onnx(matrix)
    margin = add_linear(matrix) if CONTRACT["linear"] else predict_margin(matrix)
    return calibrate(apply_link(margin))


def score_onnx(matrix: np.ndarray) -> np.ndarray:
    import onnxruntime

    session = onnxruntime.InferenceSession(MODEL / "model.onnx", providers=["CPUExecutionProvider"])
    (found,) = session.run(["probabilities" if CLASSES else "score"], {"features": matrix})
    return found


def predict_margin(matrix: np.ndarray) -> np.ndarray:
    if CONTRACT["algorithm"] == "lightgbm":
        import lightgbm

        return lightgbm.Booster(model_file=str(MODEL / "model.lgb")).predict(matrix, raw_score=True)
    import xgboost

    booster = xgboost.Booster(model_file=MODEL / "model.ubj")
    kinds = ["c" if each["kind"] == "category" else "q" for each in FEATURES]
    data = xgboost.DMatrix(matrix, feature_names=booster.feature_names, feature_types=kinds, enable_categorical=True)
    return booster.predict(data, output_margin=True).astype(np.float64)


def add_linear(matrix: np.ndarray) -> np.ndarray:
    """A number is its median where it is missing; a category is a column of 0 and 1 for each of its codes."""
    columns = []
    for place, feature in enumerate(FEATURES):
        column = matrix[:, place]
        if feature["kind"] == "category":
            codes = np.arange(len(feature["categories"]) + (feature["pooled"] > 0))
            columns.append((column[:, None] == codes).astype(np.float64))
        else:
            columns.append(np.where(np.isnan(column), feature["median"] or 0.0, column)[:, None])
    linear = CONTRACT["linear"]
    scaled = (np.hstack(columns) - linear["means"]) / linear["scales"]
    return scaled @ np.array(linear["coefficients"]).T + (linear["intercepts"] if CLASSES else linear["intercept"])


def apply_link(margin: np.ndarray) -> np.ndarray:
    link = CONTRACT.get("link", "logit")
    if link == "logit":
        return sigmoid(margin)
    if link == "softmax":
        return softmax(margin)
    return exp(margin) if link == "log" else margin


def calibrate(raw: np.ndarray) -> np.ndarray:
    kind, coefficients = CONTRACT["calibrator"]["kind"], CONTRACT["calibrator"]["coefficients"]
    if kind == "softmax":
        slope, *biases = coefficients
        return softmax(slope * np.log(np.maximum(raw, SMALLEST)) + np.array(biases or [0.0]))
    if kind == "line":
        return coefficients[0] * raw + coefficients[1]
    if kind == "power":
        return raw if tuple(coefficients) == (1, 0) else exp(coefficients[0] * np.log(raw) + coefficients[1])
    a, b, c = coefficients if kind == "beta" else (coefficients[0], coefficients[0], coefficients[1])
    inside = np.clip(raw, SMALLEST, 1 - SMALLEST)
    return sigmoid(a * np.log(inside) - b * np.log1p(-inside) + c)


def sigmoid(values: np.ndarray) -> np.ndarray:
    tail = np.exp(-np.abs(values))
    return np.where(values >= 0, 1, tail) / (1 + tail)


def softmax(values: np.ndarray) -> np.ndarray:
    odds = np.exp(values - values.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)


def exp(values: np.ndarray) -> np.ndarray:
    return np.exp(np.clip(values, -FURTHEST, FURTHEST))


def check() -> str:
    """Compare the bytes of every file with manifest.json, then the scores of the golden rows with those of the training."""
    manifest = json.loads((FOLDER / "manifest.json").read_text(encoding="utf-8"))
    for name, expected in manifest["files"].items():
        found = hashlib.sha256((MODEL / name).read_bytes()).hexdigest()
        if found != expected:
            sys.exit(f"model/{name} has SHA-256 {found[:12]}, manifest.json says {expected[:12]}: export the version again.")
    golden = json.loads((MODEL / "golden.json").read_text(encoding="utf-8"))
    expected = np.array(golden["scores"])
    worst = float(np.abs(score(golden["rows"]) - expected).max())
    if not worst <= TOLERANCE * max(1.0, float(np.abs(expected).max())):
        sys.exit(f"golden rows come out up to {worst:.2g} away from what the training wrote: is the library another version?")
    return f"{manifest['model']}, version {manifest['version']}: {len(expected)} golden rows came out again, {worst:.2g} away"


if __name__ == "__main__":
    if len(sys.argv) == 1:
        print(check())
    else:
        lines = Path(sys.argv[1]).read_text(encoding="utf-8").splitlines()
        for found in score([json.loads(line) for line in lines]).tolist():
            print(json.dumps(dict(zip(CLASSES, found, strict=True)) if CLASSES else found))
