"""A row that is scored alone, the short way, gets the bits that it gets among all rows of a day; in every task and algorithm."""

import subprocess
import sys

import lightgbm
import numpy as np
import pandas as pd
import pytest
import xgboost

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
    make_quick,
    write_files,
)

NUMBERS = 12
FEATURES = (
    *(Feature(name=f"n{number}", median=0.5) for number in range(NUMBERS)),
    Feature(name="kind", kind="category", categories=tuple("abcdefghijkl"), pooled=2),
)
CLASSES = ("gold", "iron", "tin")
WIDTH = NUMBERS + 13
LINKS = {
    "logit": ("binary:logistic", "binary", Calibrator(kind="beta", coefficients=(0.9, 1.1, -0.2))),
    "identity": ("reg:squarederror", "regression", Calibrator(kind="line", coefficients=(1.1, -0.3))),
    "log": ("reg:tweedie", "tweedie", Calibrator(kind="power", coefficients=(0.9, 0.1))),
    "softmax": ("multi:softprob", "multiclass", Calibrator(kind="softmax", coefficients=(0.9, 0.0, 0.1, -0.1))),
}


def draw_frame(rows=400):
    random = np.random.default_rng(11)
    columns = {f"n{number}": np.where(random.random(rows) < 0.1, np.nan, random.normal(size=rows)) for number in range(NUMBERS)}
    return pd.DataFrame(columns | {"kind": random.choice(list("abcdefghijklxy"), rows)})


def draw_labels(frame, link):
    signal = frame["n0"].fillna(0) + frame["n1"].fillna(0) * (frame["kind"] > "f")
    if link == "softmax":
        return pd.cut(signal, [-np.inf, -0.5, 0.5, np.inf], labels=False).to_numpy(dtype="float64")
    return (signal > 0).to_numpy(dtype="float64") if link == "logit" else np.maximum(signal, 0).to_numpy()


def fit(algorithm, link, frame):
    objective, name, calibrator = LINKS[link]
    classes = CLASSES if link == "softmax" else None
    common = {"model": "toy", "features": FEATURES, "calibrator": calibrator, "link": link, "classes": classes}
    matrix, labels = encode(frame, FEATURES), draw_labels(frame, link)
    many = {"num_class": 3} if classes else {}
    if algorithm == "xgboost":
        data = as_dmatrix(matrix, FEATURES, labels=labels, threads=1)
        return Predictor(
            Contract(algorithm=algorithm, **common), xgboost.train({"objective": objective, "nthread": 1, **many}, data, 8)
        )
    if algorithm == "lightgbm":
        data = lightgbm.Dataset(matrix, labels, categorical_feature=[NUMBERS])
        booster = lightgbm.train({"objective": name, "verbosity": -1, "num_threads": 1, **many}, data, 8)
        return Predictor(Contract(algorithm=algorithm, **common), booster)
    return Predictor(Contract(algorithm=algorithm, linear=draw_linear(classes), **common), None)


def draw_linear(classes):
    random = np.random.default_rng(5)
    means, scales = tuple(random.normal(size=WIDTH)), tuple(1 + random.random(WIDTH))
    if classes is None:
        return Linear(intercept=0.1, coefficients=tuple(random.normal(size=WIDTH)), means=means, scales=scales)
    coefficients = tuple(tuple(random.normal(size=WIDTH)) for _ in classes)
    return ClassLinear(intercepts=(0.0, 0.2, -0.1), coefficients=coefficients, means=means, scales=scales)


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("algorithm", ["xgboost", "lightgbm", "logistic"])
def test_alone_together_and_on_a_whole_day_the_bits_are_the_same(tmp_path, algorithm, link):
    frame = draw_frame()
    manifest = write_files(tmp_path / "v", (made := fit(algorithm, link, frame)).booster, made.contract, frame)
    predictor = load_predictor(tmp_path / "v", manifest, threads=1)
    quick, matrix = make_quick(predictor), encode(frame, FEATURES)
    whole = predictor.score(frame)
    np.testing.assert_array_equal(whole[:60], np.concatenate([quick.score(matrix[place : place + 1]) for place in range(60)]))
    np.testing.assert_array_equal(whole[:101], quick.score(matrix[:101]))
    assert quick.way == {"xgboost": "tables", "lightgbm": "the library", "logistic": "look-ups"}[algorithm]


@pytest.mark.parametrize(
    ("broken", "way"),
    [(("Walker.add_leaves",), "the library in place"), (("Walker.add_leaves", "_call_xgboost"), "the long way")],
)
def test_another_way_is_taken_where_a_shorter_one_gives_other_digits(tmp_path, monkeypatch, caplog, broken, way):
    frame = draw_frame()
    made = fit("xgboost", "logit", frame)
    predictor = load_predictor(tmp_path / "v", write_files(tmp_path / "v", made.booster, made.contract, frame))
    for name in broken:
        monkeypatch.setattr(f"perennial.predictor.quick.{name}", lambda _, matrix: np.full(len(matrix), 0.25))
    quick = make_quick(predictor)
    np.testing.assert_array_equal(predictor.score(frame), quick.score(encode(frame, FEATURES)))
    assert (quick.way, len(broken)) == (way, caplog.text.count("which gives other digits"))


@pytest.mark.parametrize(("algorithm", "others"), [("xgboost", {"lightgbm"}), ("lightgbm", {"xgboost"}), ("logistic", set())])
def test_a_process_that_serves_loads_no_frames_and_only_the_library_in_question(tmp_path, algorithm, others):
    frame = draw_frame()
    made = fit(algorithm, "logit", frame)
    manifest = write_files(tmp_path / "v", made.booster, made.contract, frame)
    absent = {"pandas", "sklearn", "matplotlib", "mlflow"} | (others or {"xgboost", "lightgbm"})
    script = f"""
import sys
from pathlib import Path
from perennial.predictor import load_predictor, loading_alone, make_quick
with loading_alone():
    predictor = load_predictor(Path({str(tmp_path / "v")!r}), {manifest!r})
print(make_quick(predictor).score(predictor.golden)[0], predictor.explain_matrix(predictor.golden, 2)[0])
assert not {absent!r} & sys.modules.keys(), {absent!r} & sys.modules.keys()
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
