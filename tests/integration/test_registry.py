from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import count
from pathlib import Path

import pytest
from mlflow import MlflowClient

from perennial.config import Declaration, load_model
from perennial.errors import RegistryUnavailable, VersionMissing
from perennial.local.ports import find_free_port
from perennial.records import Baseline, Interval, Outcome, Recipe, Run, SplitPlan, Trained, Tuning, Verdict
from perennial.stores.registry import Registry, read_report
from tests.paths import ROOT

DAY = date(2017, 10, 30)
NAMES = count(1)
GAIN = Interval(0.002, 0.001, 0.003, 0.0005)
TUNING = Tuning(True, "Nothing was searched before.", Recipe("xgboost", {"max_depth": 4, "eta": 0.1}), "0f", 12, GAIN)


@pytest.fixture(scope="module")
def registry(mlflow_server):
    return Registry(mlflow_server)


@pytest.fixture
def client(mlflow_server):
    return MlflowClient(mlflow_server, mlflow_server)


@pytest.fixture
def run():
    """Each test has a model of its own: the server is shared."""
    return Run(f"registry_{next(NAMES)}", DAY, datetime(2017, 10, 30, 10, tzinfo=UTC), "simulation", actor="tests")


@pytest.fixture
def declaration(run):
    model = load_model(ROOT / "models" / "lapse.toml").model_copy(update={"name": run.model})
    return Declaration(model=model, features_sql="select 1 as f", labels_sql="select 0 as label", expectations=ROOT)


@pytest.fixture
def trained(tmp_path):
    folder = tmp_path / "fitted"
    folder.mkdir()
    (folder / "model.ubj").write_bytes(bytes(range(256)))
    (folder / "contract.json").write_text('{"format": 1}')
    (tmp_path / "curve.png").write_bytes(b"\x89PNG")
    recency = tmp_path / "recency"
    recency.mkdir()
    (recency / "contract.json").write_text('{"format": 2}')
    return Trained(
        folder=folder,
        recipe=Recipe("xgboost", {"max_depth": 4, "eta": 0.1}),
        parameters={"max_depth": 4, "eta": 0.1},
        rounds=120,
        trials=12,
        metrics={"roc_auc": 0.86, "log_loss": 0.4},
        fold_metrics=({"roc_auc": 0.84}, {"roc_auc": 0.85}),
        tuning=TUNING,
        importances={"recency_days": 0.5},
        learning_curve={4: 0.82, 8: 0.85},
        pictures={"curve": tmp_path / "curve.png"},
        alarms=("first and last as_of are separable",),
        manifest={"model.ubj": "aa", "contract.json": "bb"},
        plan=SplitPlan((date(2017, 7, 31), date(2017, 8, 7)), (date(2017, 9, 4), date(2017, 9, 11)), 84),
        data_hash="feed",
        seconds=12.5,
        baselines={"recency": Baseline(recency, {"contract.json": "cc"}, "recency_days", {"roc_auc": 0.8})},
    )


@pytest.fixture
def version(registry, trained, declaration, run):
    return registry.register(run.model, registry.log_training(trained, declaration, run))


def assess(model: str, version: int) -> Verdict:
    return Verdict(model, DAY, Outcome.REJECT, version, 1, "champion", (DAY,), 9, 3, (), (), 84, ("Too small a gain.",))


def test_a_training_is_logged_with_all_that_made_it(registry, client, trained, declaration, run):
    run_id = registry.log_training(trained, declaration, run)
    logged = client.get_run(run_id)
    assert logged.info.status == "FINISHED"
    assert logged.data.params["training_as_ofs"] == "2017-07-31 2017-08-07"
    assert logged.data.params["max_depth"] == "4"
    assert logged.data.tags["data_hash"] == "feed"
    assert logged.data.metrics["roc_auc"] == 0.86
    assert logged.data.tags["tuning"] == TUNING.sentence
    ends = [logged.data.metrics[f"tuned_minus_default{end}"] for end in ("", "_low", "_high")]
    assert ends == [0.002, 0.001, 0.003]
    assert [(fold.step, fold.value) for fold in client.get_metric_history(run_id, "fold/roc_auc")] == [(1, 0.84), (2, 0.85)]
    assert [point.step for point in client.get_metric_history(run_id, "learning_curve")] == [4, 8]
    folders = ("", "baselines/recency", "model", "pictures")
    files = {file.path for folder in folders for file in client.list_artifacts(run_id, folder)}
    assert files == {
        "baselines",
        "baselines/recency/contract.json",
        "configuration.json",
        "features.sql",
        "importances.json",
        "labels.sql",
        "manifest.json",
        "model",
        "model/contract.json",
        "model/model.ubj",
        "pictures",
        "pictures/curve.png",
    }


def test_the_same_training_is_logged_and_registered_once(registry, client, trained, declaration, run):
    first = registry.log_training(trained, declaration, run)
    again = registry.log_training(trained, declaration, run)
    assert again == first
    assert registry.register(run.model, first) == registry.register(run.model, again) == 1
    (version,) = client.search_model_versions(f"name = '{run.model}'")
    assert version.tags == {"data_hash": "feed", "algorithm": "xgboost", "trained_for": "2017-10-30"}


def test_a_training_with_other_files_is_another_version(registry, trained, declaration, run, version):
    other = replace(trained, manifest={**trained.manifest, "model.ubj": "cc"})
    assert registry.register(run.model, registry.log_training(other, declaration, run)) == version + 1


def test_a_training_with_other_baselines_is_another_run(registry, trained, declaration, run):
    recency = replace(trained.baselines["recency"], manifest={"contract.json": "dd"})
    other = replace(trained, baselines={"recency": recency})
    assert registry.log_training(other, declaration, run) != registry.log_training(trained, declaration, run)


def test_a_logging_that_died_halfway_is_not_taken_for_a_training(registry, client, trained, declaration, run):
    broken = replace(trained, pictures={"curve": Path("missing.png")})
    with pytest.raises(RegistryUnavailable, match=r"missing\.png"):
        registry.log_training(broken, declaration, run)
    logged = client.get_run(registry.log_training(trained, declaration, run))
    assert logged.info.status == "FINISHED"


def test_a_fetched_version_has_the_bytes_that_were_logged(registry, run, version, tmp_path):
    folder = registry.fetch(run.model, version, tmp_path / "cache")
    assert sorted(file.name for file in folder.iterdir()) == ["contract.json", "model.ubj"]
    assert (folder / "model.ubj").read_bytes() == bytes(range(256))


def test_a_fetched_version_is_kept_and_nothing_else_stays_behind(registry, run, version, tmp_path):
    folder = registry.fetch(run.model, version, tmp_path)
    (folder / "mark").touch()
    assert (registry.fetch(run.model, version, tmp_path) / "mark").is_file()
    assert list(folder.parent.iterdir()) == [folder]


def test_a_baseline_is_fetched_by_its_run(registry, trained, declaration, run, tmp_path):
    folder = registry.fetch_baseline(registry.log_training(trained, declaration, run), "recency", tmp_path / "cache")
    assert {file.name: file.read_text() for file in folder.iterdir()} == {"contract.json": '{"format": 2}'}


def test_a_baseline_that_is_not_there_is_missing(registry, trained, declaration, run, tmp_path):
    with pytest.raises(VersionMissing, match="lost the files of the baseline logistic"):
        registry.fetch_baseline(registry.log_training(trained, declaration, run), "logistic", tmp_path)


def test_a_drift_report_is_kept_with_the_run_and_read_again(registry, run, version):
    run_id = registry._find_version(run.model, version).run_id
    registry.keep_report(run_id, run, "<p>quiet</p>")
    assert read_report(registry.uri, run_id, run.as_of) == b"<p>quiet</p>"


def test_a_report_that_was_never_kept_is_missing(registry, run, version):
    run_id = registry._find_version(run.model, version).run_id
    with pytest.raises(VersionMissing, match=r"has no reports/1999-01-04\.html"):
        read_report(registry.uri, run_id, date(1999, 1, 4))


def test_a_report_of_a_registry_that_does_not_answer_is_said_so():
    with pytest.raises(RegistryUnavailable, match="does not answer"):
        read_report("http://127.0.0.1:9", "any", date(2017, 5, 8))


def test_a_version_that_is_not_there_is_missing(registry, run, version, tmp_path):
    with pytest.raises(VersionMissing, match=f"has no version 9 of {run.model}"):
        registry.fetch(run.model, 9, tmp_path)
    with pytest.raises(VersionMissing, match="has no version 9"):
        registry.set_champion(run.model, 9)


def test_a_version_whose_files_are_gone_is_missing(registry, run, version, tmp_path, server_folder):
    run_id = registry._find_version(run.model, version).run_id
    (kept,) = server_folder.glob(f"mlflow/**/{run_id}/artifacts/model")
    kept.rename(kept.with_name("elsewhere"))
    with pytest.raises(VersionMissing, match=f"lost the files of version {version}"):
        registry.fetch(run.model, version, tmp_path)


def test_the_alias_is_absent_then_set_then_moved_then_taken_away(registry, run, version, trained, declaration):
    other = replace(trained, data_hash="beef")
    second = registry.register(run.model, registry.log_training(other, declaration, run))
    seen = [registry.get_champion(run.model)]
    for target in (version, second, None):
        registry.set_champion(run.model, target)
        seen.append(registry.get_champion(run.model))
    assert seen == [None, version, second, None]


def test_a_model_that_was_never_registered_has_no_champion(registry):
    assert registry.get_champion("nobody") is None


def test_a_verdict_can_be_read_in_mlflow(registry, client, run, version, tmp_path):
    run_id = client.get_model_version(run.model, str(version)).run_id
    registry.log_verdict(version, run_id, assess(run.model, version))
    described = client.get_model_version(run.model, str(version))
    kept = Path(client.download_artifacts(run_id, "verdict.json", str(tmp_path)))
    assert described.description == "REJECT: Too small a gain."
    assert described.tags["verdict"] == client.get_run(run_id).data.tags["verdict"] == "REJECT"
    assert json.loads(kept.read_text())["reasons"] == ["Too small a gain."]


def test_a_run_has_a_page(registry, client, run, version, mlflow_server):
    logged = client.get_run(client.get_model_version(run.model, str(version)).run_id)
    page = registry.run_url(logged.info.run_id)
    assert page == f"{mlflow_server}/#/experiments/{logged.info.experiment_id}/runs/{logged.info.run_id}"


def test_a_server_that_is_down_is_named_with_what_to_do(run):
    uri = f"http://127.0.0.1:{find_free_port()}"
    with pytest.raises(RegistryUnavailable, match=f"MLflow at {uri} did not read the alias champion.*PERENNIAL_MLFLOW_URI"):
        Registry(uri).get_champion(run.model)


def test_importing_the_store_imports_no_mlflow_and_changes_no_environment():
    program = """
import os, sys
before = dict(os.environ)
import perennial.stores.registry
perennial.stores.registry.Registry("http://127.0.0.1:1")
assert "mlflow" not in sys.modules
assert before == dict(os.environ)
"""
    subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT)
