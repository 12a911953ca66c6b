"""Exported versions: scored by the library alone, and as graphs that are written only where they say the same."""

import json
import runpy
import subprocess
import sys
from dataclasses import replace

import numpy as np
import onnxruntime
import pytest

from perennial.errors import ArtifactCorrupt, ExportRefused
from perennial.export import adversaries, ensembles, proving
from perennial.export.ensembles import ZERO, widen_threshold
from perennial.export.native import write_native
from perennial.export.onnx_folder import write_onnx
from perennial.export.proving import prove_graph
from perennial.predictor import encode
from perennial.predictor.leaves import find_leaves
from perennial.predictor.trees import Decision, read_forests
from tests.exported import CLASSES, FEATURES, KINDS, export_to, make_predictor

every_kind = pytest.mark.parametrize(("algorithm", "kind"), KINDS)


def read_rows(folder):
    return json.loads((folder / "model" / "golden.json").read_text(encoding="utf-8"))["rows"]


@pytest.fixture
def exported(tmp_path):
    """Makes the version of a kind."""
    return lambda algorithm, kind: export_to(tmp_path / "kept", *make_predictor(algorithm, kind))


@every_kind
def test_an_exported_version_gives_the_scores_of_its_training_by_the_library_alone(algorithm, kind, exported, tmp_path):
    (tmp_path / "out").mkdir()
    write_native(tmp_path / "out", exported(algorithm, kind))
    program = runpy.run_path(str(tmp_path / "out" / "score.py"))
    golden = json.loads((tmp_path / "out" / "model" / "golden.json").read_text(encoding="utf-8"))
    np.testing.assert_allclose(program["score"](golden["rows"]), golden["scores"], rtol=1e-12)
    assert "21 golden rows came out again" in program["check"]()


@every_kind
def test_a_graph_gives_the_scores_of_the_version(algorithm, kind, exported, tmp_path):
    (tmp_path / "out").mkdir()
    version = exported(algorithm, kind)
    facts = write_onnx(tmp_path / "out", version)
    program = runpy.run_path(str(tmp_path / "out" / "score.py"))
    golden = json.loads((tmp_path / "out" / "model" / "golden.json").read_text(encoding="utf-8"))
    np.testing.assert_allclose(program["score"](golden["rows"]), golden["scores"], rtol=1e-5, atol=1e-6)
    assert facts["largest_difference"] < (1e-4 if algorithm == "xgboost" else 1e-12)
    assert facts["rows_compared"] > 10 * facts["questions"]


def test_an_export_is_checked_by_a_python_that_has_nothing_of_perennial(exported, tmp_path):
    (tmp_path / "out").mkdir()
    write_native(tmp_path / "out", exported("lightgbm", "binary"))
    (tmp_path / "rows.jsonl").write_text(json.dumps(read_rows(tmp_path / "out")[0]) + "\n", encoding="utf-8")
    hidden = (
        "import sys, runpy; sys.modules['perennial'] = None; del sys.argv[0]; runpy.run_path(sys.argv[0], run_name='__main__')"
    )

    def run(*arguments):
        command = [sys.executable, "-c", hidden, tmp_path / "out" / "score.py", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)

    assert run().stdout.startswith("lapse, version 3: 21 golden rows came out again")
    expected = json.loads((tmp_path / "out" / "model" / "golden.json").read_text(encoding="utf-8"))["scores"][0]
    assert float(run(tmp_path / "rows.jsonl").stdout) == pytest.approx(expected, rel=1e-12)
    with (tmp_path / "out" / "model" / "model.lgb").open("ab") as file:
        file.write(b" ")
    assert "model/model.lgb has SHA-256" in run().stderr


def test_a_row_without_a_feature_and_one_of_another_type_are_named(exported, tmp_path):
    (tmp_path / "out").mkdir()
    write_native(tmp_path / "out", exported("linear", "binary"))
    score = runpy.run_path(str(tmp_path / "out" / "score.py"))["score"]
    row = read_rows(tmp_path / "out")[0]
    with pytest.raises(KeyError, match="row 0 lacks channel"):
        score([{name: value for name, value in row.items() if name != "channel"}])
    with pytest.raises(TypeError, match="town is a text, found 3"):
        score([{**row, "town": 3}])
    with pytest.raises(ValueError, match="infinite"):
        score([{**row, "spend_28d": float("inf")}])


def test_files_that_changed_while_they_were_kept_are_not_exported(exported, tmp_path):
    version = exported("linear", "binary")
    (version.kept / "golden.json").write_text("{}", encoding="utf-8")
    (tmp_path / "out").mkdir()
    with pytest.raises(ArtifactCorrupt, match=r"golden\.json"):
        write_native(tmp_path / "out", version)


def test_a_graph_of_classes_names_the_likeliest_and_gives_all_probabilities(exported, tmp_path):
    (tmp_path / "out").mkdir()
    version = exported("lightgbm", "classes")
    write_onnx(tmp_path / "out", version)
    matrix = version.predictor.golden
    session = onnxruntime.InferenceSession(tmp_path / "out" / "model" / "model.onnx", providers=["CPUExecutionProvider"])
    score, named, probabilities = session.run(["score", "class", "probabilities"], {"features": matrix})
    said = version.predictor.score_matrix(matrix)
    assert named.tolist() == [CLASSES[place] for place in said.argmax(axis=1)]
    np.testing.assert_allclose(probabilities, said, rtol=1e-12)
    assert score.tolist() == probabilities.max(axis=1).tolist()


@pytest.mark.parametrize("algorithm", ["xgboost", "lightgbm"])
def test_a_graph_that_compares_as_the_file_says_and_not_as_the_library_does_is_refused(algorithm, monkeypatch):
    """XGBoost rounds a value to single precision before it compares, LightGBM takes what is tiny for 0."""
    predictor, frame = make_predictor(algorithm, "binary")
    if algorithm == "lightgbm":
        frame["spend_28d"] = np.where(np.arange(len(frame)) % 2, -1.0, 1.0) * 1e-3
        monkeypatch.setattr(
            "tests.exported.draw_frame", lambda: frame.assign(spend_28d=frame["spend_28d"].where(frame.index % 3 > 0, 0.0))
        )
        predictor, _ = make_predictor(algorithm, "squared")
    assert prove_graph(predictor)[1].unreachable == 0
    monkeypatch.setattr(ensembles, "widen_threshold", lambda threshold, _: threshold)
    with pytest.raises(ExportRefused, match=r"tree \d+ leads a row to another leaf: recency_days = .*--format native"):
        prove_graph(predictor)


def test_a_graph_whose_sums_or_scores_differ_is_refused_with_the_row(monkeypatch):
    predictor, _ = make_predictor("lightgbm", "binary")
    monkeypatch.setattr(proving, "read_forests", lambda booster: [replace(each, base=1e-6) for each in read_forests(booster)])
    with pytest.raises(ExportRefused, match=r"the margin comes out as .* instead of .*recency_days = "):
        prove_graph(predictor)


def test_trees_that_no_graph_says_are_refused():
    predictor, _ = make_predictor("xgboost", "binary", booster="dart")
    with pytest.raises(ExportRefused, match="XGBoost boosts with dart, which the graph cannot say"):
        prove_graph(predictor)


def test_a_threshold_is_widened_to_what_the_library_finds_at_most_it():
    random = np.random.default_rng(3)
    thresholds = random.normal(size=300).astype(np.float32)
    for threshold in thresholds:
        around = adversaries.list_values(Decision(0, float(threshold), "left"), 1, np.float32)
        values = np.array([value for value in around if not np.isnan(value)])
        wanted = values.astype(np.float32) <= threshold
        assert (values <= widen_threshold(float(threshold), np.float32)).tolist() == wanted.tolist()
        assert 0 < wanted.sum() < len(values)


@pytest.mark.parametrize(
    ("threshold", "found"), [(0.0, ZERO), (1e-36, ZERO), (-1e-36, np.nextafter(-ZERO, -1)), (0.1, 0.1), (1e300, np.inf)]
)
def test_what_lightgbm_takes_for_0_lies_on_the_side_of_0(threshold, found):
    assert widen_threshold(threshold, np.float64) == found


def test_adversaries_get_as_far_as_every_question():
    """Each question is met with both answers by some row."""
    predictor, frame = make_predictor("xgboost", "squared")
    rows = adversaries.Adversaries(FEATURES, read_forests(predictor.booster), encode(frame, FEATURES)[:20])
    matrix = np.concatenate(list(rows.draw()))
    leaves = find_leaves(predictor.booster, matrix, FEATURES)
    reached = [len(np.unique(column)) for column in leaves.T]
    grown = [sum(decision is None for decision in tree.decisions) for tree in rows.forests[0].trees]
    assert (rows.unreachable, reached) == (0, grown)
