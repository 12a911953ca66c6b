"""Model files that are not what the training wrote do not score."""

import json
import os
import socket
from pathlib import Path
from types import SimpleNamespace

import lightgbm
import numpy as np
import pandas as pd
import pytest
import xgboost

from perennial.errors import ArtifactCorrupt
from perennial.predictor import Contract, Feature, Linear, as_dmatrix, encode, files, hash_manifest, load_predictor, write_files

FEATURES = (
    Feature(name="recency_days", median=10.0),
    Feature(name="spend_28d", median=50.0),
    Feature(name="channel", kind="category", categories=("app", "store", "web")),
)


def draw_frame(rows: int = 400) -> pd.DataFrame:
    random = np.random.default_rng(7)
    spend = np.where(random.random(rows) < 0.1, np.nan, random.normal(50, 20, rows))
    return pd.DataFrame(
        {
            "recency_days": random.integers(0, 60, rows),
            "spend_28d": spend,
            "channel": random.choice(["app", "store", "web"], rows),
        }
    )


def fit(algorithm: str):
    frame = draw_frame()
    matrix, labels = encode(frame, FEATURES), (frame["recency_days"] > 35).to_numpy(dtype="float64")
    if algorithm == "logistic":
        return None
    if algorithm == "xgboost":
        return xgboost.train({"objective": "binary:logistic", "nthread": 2}, as_dmatrix(matrix, FEATURES, labels=labels), 8)
    data = lightgbm.Dataset(matrix, labels, categorical_feature=[2])
    return lightgbm.train({"objective": "binary", "verbosity": -1, "num_threads": 2}, data, num_boost_round=8)


def write(folder: Path, algorithm: str) -> dict[str, str]:
    linear = Linear(intercept=-1, coefficients=(2, 1, 0, 0, 1), means=(30, 50, 0, 0, 0), scales=(15, 20, 1, 1, 1))
    contract = Contract(
        model="toy", algorithm=algorithm, features=FEATURES, rounds=8, linear=linear if algorithm == "logistic" else None
    )
    return write_files(folder, fit(algorithm), contract, draw_frame())


@pytest.fixture
def booster_files(tmp_path, request):
    return tmp_path / "version", write(tmp_path / "version", getattr(request, "param", "xgboost"))


def rehash(folder: Path) -> dict[str, str]:
    """A manifest that agrees with whatever the folder holds, so that later guards are reached."""
    return {path.name: files._hash(path.read_bytes()) for path in folder.iterdir()}


@pytest.mark.parametrize("algorithm", ["xgboost", "lightgbm", "logistic"])
def test_written_files_load_and_score_as_before(tmp_path, algorithm):
    manifest = write(tmp_path, algorithm)
    frame = draw_frame()
    predictor = load_predictor(tmp_path, manifest)
    booster = fit(algorithm)
    expected = files.Predictor(predictor.contract, booster).score(frame)
    np.testing.assert_allclose(expected, predictor.score(frame), rtol=0, atol=1e-12)


@pytest.mark.mltest("I5")
@pytest.mark.parametrize("algorithm", ["xgboost", "lightgbm"])
def test_a_loaded_version_explains_from_tables_as_the_library_does(tmp_path, algorithm):
    frame = draw_frame()
    predictor = load_predictor(tmp_path, write(tmp_path, algorithm))
    # The other features add nothing here: the library's own rounding (1e-18) gives them a sign.
    assert predictor.explain(frame, 1) == files.Predictor(predictor.contract, fit(algorithm)).explain(frame, 1)
    assert predictor._shares is not None


def test_the_same_model_gives_the_same_files(tmp_path):
    assert write(tmp_path / "a", "lightgbm") == write(tmp_path / "b", "lightgbm")


def test_the_hash_of_a_manifest_does_not_depend_on_its_order():
    assert hash_manifest({"a": "1", "b": "2"}) == hash_manifest({"b": "2", "a": "1"})


def test_golden_rows_are_about_twenty_and_hold_missing_values(booster_files):
    folder, _ = booster_files
    rows = json.loads((folder / "golden.json").read_text())["rows"]
    assert (len(rows), rows[-1]) == (21, {"recency_days": None, "spend_28d": None, "channel": None})


def test_golden_rows_are_nobodys():
    """Files outlive an erasure: every value is one that occurs, and no row is a row of the training."""
    numbers = np.arange(400)
    frame = pd.DataFrame({"recency_days": numbers, "spend_28d": numbers, "channel": numbers.astype(str)})
    rows = files._choose_golden(frame, SimpleNamespace(names=tuple(frame)))[:-1]
    assert {row["recency_days"] for row in rows} == {row["spend_28d"] for row in rows} == {int(row["channel"]) for row in rows}
    assert {3} == {len(set(map(str, row.values()))) for row in rows}


@pytest.mark.attack("a model file is cut off, changed, replaced or hangs the library")
@pytest.mark.parametrize("booster_files", ["xgboost", "lightgbm"], indirect=True)
def test_a_truncated_file_is_not_opened(booster_files):
    folder, manifest = booster_files
    path = next(folder.glob("model.*"))
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(ArtifactCorrupt, match="truncated or changed"):
        load_predictor(folder, manifest)


@pytest.mark.attack("a model file is cut off, changed, replaced or hangs the library")
@pytest.mark.parametrize("booster_files", ["xgboost", "lightgbm"], indirect=True)
def test_one_flipped_bit_is_noticed(booster_files):
    folder, manifest = booster_files
    path = next(folder.glob("model.*"))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ArtifactCorrupt, match=f"{path.name} has SHA-256"):
        load_predictor(folder, manifest)


def put_pipe(file):
    os.mkfifo(file)


def put_socket(file):
    with socket.socket(socket.AF_UNIX) as bound:
        descriptor = os.open(file.parent, os.O_RDONLY)
        bound.bind(f"/proc/self/fd/{descriptor}/{file.name}")  # a path of any length
        os.close(descriptor)


def put_link(file):
    file.symlink_to("/etc/passwd")


@pytest.mark.attack("a model file is cut off, changed, replaced or hangs the library")
@pytest.mark.parametrize("put", [put_pipe, put_socket, put_link, Path.mkdir])
def test_what_is_no_regular_file_is_not_opened(booster_files, put):
    folder, manifest = booster_files
    path = next(folder.glob("model.*"))
    path.unlink()
    put(path)
    with pytest.raises(ArtifactCorrupt, match=f"not a regular file: {path.name}"):
        load_predictor(folder, manifest)


def test_another_name_of_the_same_file_is_as_good(booster_files):
    folder, manifest = booster_files
    path = next(folder.glob("model.*"))
    path.rename(folder.parent / "elsewhere")
    path.hardlink_to(folder.parent / "elsewhere")
    assert load_predictor(folder, manifest).contract.model_file == path.name


@pytest.fixture
def stranger():
    """An account that may read nothing of this one's; the superuser's own may read all."""
    is_superuser = os.geteuid() == 0
    if is_superuser:
        os.seteuid(65534)
    yield
    if is_superuser:
        os.seteuid(0)


@pytest.mark.attack("a model file is cut off, changed, replaced or hangs the library")
def test_files_that_may_not_be_read_are_as_damaged_ones(booster_files, request):
    folder, manifest = booster_files
    folder.chmod(0)
    request.getfixturevalue("stranger")
    with pytest.raises(ArtifactCorrupt, match=r"cannot be read: .*Permission denied"):
        load_predictor(folder, manifest)


@pytest.mark.attack("a model file is cut off, changed, replaced or hangs the library")
def test_a_missing_file_is_named(booster_files):
    folder, manifest = booster_files
    (folder / "golden.json").unlink()
    with pytest.raises(ArtifactCorrupt, match=r"missing: golden\.json"):
        load_predictor(folder, manifest)


@pytest.mark.attack("a model file is cut off, changed, replaced or hangs the library")
def test_a_foreign_file_is_named(booster_files):
    folder, manifest = booster_files
    (folder / "model.pkl").write_bytes(b"")
    with pytest.raises(ArtifactCorrupt, match=r"not in the manifest: model\.pkl"):
        load_predictor(folder, manifest)


@pytest.mark.attack("a model file is cut off, changed, replaced or hangs the library")
def test_a_manifest_without_golden_rows_is_refused(booster_files):
    folder, manifest = booster_files
    (folder / "golden.json").unlink()
    with pytest.raises(ArtifactCorrupt):
        load_predictor(folder, {name: digest for name, digest in manifest.items() if name != "golden.json"})


@pytest.mark.attack("a model file is cut off, changed, replaced or hangs the library")
@pytest.mark.mltest("I6")
def test_golden_rows_that_do_not_come_out_again_stop_the_load(booster_files):
    folder, _ = booster_files
    golden = json.loads((folder / "golden.json").read_text())
    golden["scores"][3] += 1e-4
    (folder / "golden.json").write_text(json.dumps(golden))
    with pytest.raises(ArtifactCorrupt, match="Golden rows of toy"):
        load_predictor(folder, rehash(folder))


@pytest.mark.attack("a model file is cut off, changed, replaced or hangs the library")
def test_a_golden_score_that_is_null_stops_the_load(booster_files):
    folder, _ = booster_files
    golden = json.loads((folder / "golden.json").read_text())
    golden["scores"][3] = None
    (folder / "golden.json").write_text(json.dumps(golden))
    with pytest.raises(ArtifactCorrupt, match="Golden rows of toy"):
        load_predictor(folder, rehash(folder))


@pytest.mark.attack("a model file is cut off, changed, replaced or hangs the library")
def test_the_model_of_another_training_stops_the_load(tmp_path):
    write(tmp_path / "one", "xgboost")
    frame = draw_frame()
    other = xgboost.train(
        {"objective": "binary:logistic"},
        as_dmatrix(encode(frame, FEATURES), FEATURES, labels=(frame["recency_days"] > 10) * 1.0),
        8,
    )
    other.save_model(tmp_path / "one" / "model.ubj")
    with pytest.raises(ArtifactCorrupt, match="Golden rows of toy"):
        load_predictor(tmp_path / "one", rehash(tmp_path / "one"))


@pytest.mark.attack("a model file is cut off, changed, replaced or hangs the library")
def test_a_feature_name_that_is_no_text_stops_the_load(booster_files):
    folder, _ = booster_files
    content = (folder / "model.ubj").read_bytes()
    (folder / "model.ubj").write_bytes(content.replace(b"f0", b"\xee\xee"))
    with pytest.raises(ArtifactCorrupt):
        load_predictor(folder, rehash(folder))


@pytest.mark.attack("a model file is cut off, changed, replaced or hangs the library")
def test_a_contract_that_is_not_ours_is_refused(booster_files):
    folder, _ = booster_files
    contract = json.loads((folder / "contract.json").read_text())
    (folder / "contract.json").write_text(json.dumps({**contract, "format": 2}))
    with pytest.raises(ArtifactCorrupt, match="not what this program writes"):
        load_predictor(folder, rehash(folder))


@pytest.mark.attack("a model file is cut off, changed, replaced or hangs the library")
@pytest.mark.mltest("I6")
@pytest.mark.parametrize("booster_files", ["xgboost", "lightgbm"], indirect=True)
def test_a_file_that_would_kill_the_library_ends_only_the_child(booster_files):
    folder, _ = booster_files
    path = next(folder.glob("model.*"))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ArtifactCorrupt, match="does not open in a process of its own"):
        load_predictor(folder, rehash(folder))


@pytest.mark.attack("a model file is cut off, changed, replaced or hangs the library")
def test_a_library_that_hangs_ends_after_the_limit(booster_files, monkeypatch):
    folder, manifest = booster_files
    monkeypatch.setattr(files, "FIRST_LOAD_SECONDS", 0.01)
    monkeypatch.setattr(files, "opened_before", set())
    with pytest.raises(ArtifactCorrupt, match="did not open within"):
        load_predictor(folder, manifest)


def test_files_that_were_opened_once_need_no_second_child(booster_files, monkeypatch):
    folder, manifest = booster_files
    load_predictor(folder, manifest)
    monkeypatch.setattr(files, "FIRST_LOAD_SECONDS", 0.01)
    assert load_predictor(folder, manifest).contract.model == "toy"
