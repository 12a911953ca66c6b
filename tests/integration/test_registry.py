from __future__ import annotations

import json
import socket
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import count
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.environment_variables import MLFLOW_HTTP_REQUEST_MAX_RETRIES, MLFLOW_HTTP_REQUEST_TIMEOUT

from perennial.config import Declaration, load_model
from perennial.errors import RegistryUnavailable, VersionMissing
from perennial.local.ports import find_free_port
from perennial.records import Baseline, Interval, Outcome, Recipe, Run, SplitPlan, Trained, Tuning, Verdict, Version
from perennial.records.pages import join_page
from perennial.stores.registry import ChampionAlias, Registry, artifacts, find_kept, prepare_mlflow, read_report
from perennial.stores.registry.artifacts import read_artifact
from perennial.stores.registry.numbers import list_versions
from tests.faults.proxies import stand_before
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
    return registry.register(run.model, registry.log_training(trained, declaration, run), {})


def kept(registry, run: Run, version: int) -> Version:
    """As the ledger would know a version that is registered."""
    run_id = list_versions(registry._client, run.model)[version]
    return Version(run.model, version, "xgboost", run_id, {}, "feed", (), (), DAY, run.clock)


def assess(model: str, version: int) -> Verdict:
    return Verdict(
        model, DAY, Outcome.REJECT, version, 1, (DAY,), 9, 3, (), (), 84, ("Too small a gain in [x](https://evil.example.com).",)
    )


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
    assert registry.register(run.model, first, {}) == registry.register(run.model, again, {}) == 1
    (version,) = client.search_model_versions(f"name = '{run.model}'")
    assert version.tags == {"data_hash": "feed", "algorithm": "xgboost", "trained_for": "2017-10-30"}


def test_a_training_with_other_files_is_another_version(registry, trained, declaration, run, version):
    other = replace(trained, manifest={**trained.manifest, "model.ubj": "cc"})
    assert registry.register(run.model, registry.log_training(other, declaration, run), {}) == version + 1


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
    folder = registry.fetch(kept(registry, run, version), tmp_path / "cache")
    assert sorted(file.name for file in folder.iterdir()) == ["contract.json", "model.ubj"]
    assert (folder / "model.ubj").read_bytes() == bytes(range(256))


def test_a_version_that_is_fetched_anew_takes_the_place_of_what_was_kept_and_nothing_else_stays_behind(
    registry, run, version, tmp_path
):
    folder = registry.fetch(kept(registry, run, version), tmp_path)
    assert folder == find_kept(kept(registry, run, version), tmp_path)
    (folder / "mark").touch()
    assert not (registry.fetch(kept(registry, run, version), tmp_path) / "mark").exists()
    assert list(folder.parent.iterdir()) == [folder]


def test_a_drift_report_is_kept_with_the_run_and_read_again(registry, run, version):
    run_id = kept(registry, run, version).mlflow_run_id
    registry.keep_report(run_id, run, b"quiet")
    assert read_report(registry.uri, run_id, run.as_of) == b"quiet"


def test_a_report_of_a_release_that_kept_pages_whole_is_read_too(registry, client, run, version):
    run_id = kept(registry, run, version).mlflow_run_id
    client.log_text(run_id, "<p>quiet</p>", f"reports/{run.as_of}.html")
    assert join_page(read_report(registry.uri, run_id, run.as_of), {}) == "<p>quiet</p>"


def test_a_report_that_was_never_kept_is_missing(registry, run, version):
    run_id = kept(registry, run, version).mlflow_run_id
    with pytest.raises(VersionMissing, match=r"has no reports/1999-01-04\.html"):
        read_report(registry.uri, run_id, date(1999, 1, 4))


@pytest.fixture
def reported(registry, run, version):
    """The run of a version with the report of a day."""
    run_id = kept(registry, run, version).mlflow_run_id
    registry.keep_report(run_id, run, b"quiet")
    return run_id


@pytest.mark.parametrize(
    ("faulty", "day", "refusal"),
    [
        ("get-artifact", DAY, pytest.raises(RegistryUnavailable, match=r"did not hand out .* it answers 500. Its log says why")),
        ("get-artifact", "1999-01-04", pytest.raises(VersionMissing, match="has no reports/1999-01-04")),
        ("", "1999-01-04", pytest.raises(RegistryUnavailable, match=r"did not hand out .* it answers 500")),
    ],
    ids=["a file that is there", "a file that is not, as S3 has it", "all is out of order"],
)
def test_a_fault_of_the_server_is_no_missing_file(registry, reported, faulty, day, refusal):
    with stand_before(registry.uri, lambda request: "500" if faulty in request else "pass") as uri, refusal:
        read_artifact(uri, reported, f"reports/{day}.html.gz")


def test_a_server_that_hangs_up_in_the_middle_is_unavailable(registry, reported):
    with stand_before(registry.uri, lambda _: "die after") as uri, pytest.raises(RegistryUnavailable, match="does not answer"):
        read_artifact(uri, reported, f"reports/{DAY}.html.gz")


def test_a_server_that_never_answers_is_given_up(monkeypatch, run):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setattr(artifacts, "ANSWER_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        uri = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(RegistryUnavailable, match="did not read the alias champion"):
            Registry(uri).get_champion(run.model)
        with pytest.raises(RegistryUnavailable, match="does not answer: timed out"):
            read_artifact(uri, "any", "profile.json")


def test_a_request_of_the_library_is_not_tried_for_minutes(monkeypatch):
    for limit in (MLFLOW_HTTP_REQUEST_TIMEOUT, MLFLOW_HTTP_REQUEST_MAX_RETRIES):
        monkeypatch.delenv(limit.name, raising=False)
    prepare_mlflow()
    assert MLFLOW_HTTP_REQUEST_TIMEOUT.get() * (1 + MLFLOW_HTTP_REQUEST_MAX_RETRIES.get()) < 60


def test_an_address_of_somebody_else_is_not_taken_for_a_model_without_a_champion(registry, run):
    with pytest.raises(RegistryUnavailable, match="did not read the alias champion"):
        Registry(f"{registry.uri}/elsewhere").read_alias(run.model)


def test_a_report_of_a_registry_that_does_not_answer_is_said_so():
    with pytest.raises(RegistryUnavailable, match="does not answer"):
        read_report("http://127.0.0.1:9", "any", date(2017, 5, 8))


def test_a_version_that_is_not_there_is_missing(registry, run, version, tmp_path):
    with pytest.raises(VersionMissing, match=f"has no version 9 of {run.model}"):
        registry.fetch(replace(kept(registry, run, version), version=9), tmp_path)
    with pytest.raises(VersionMissing, match="has no version 9"):
        registry.set_champion(run.model, 9)


def test_a_version_whose_files_are_gone_is_missing(registry, run, version, tmp_path, server_folder):
    run_id = kept(registry, run, version).mlflow_run_id
    (files,) = server_folder.glob(f"mlflow/**/{run_id}/artifacts/model")
    files.rename(files.with_name("elsewhere"))
    with pytest.raises(VersionMissing, match=f"lost the files of version {version}"):
        registry.fetch(kept(registry, run, version), tmp_path)


def test_the_alias_is_absent_then_set_then_moved_then_taken_away(registry, run, version, trained, declaration):
    other = replace(trained, data_hash="beef")
    second = registry.register(run.model, registry.log_training(other, declaration, run), {})
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
    assert described.description == r"REJECT: Too small a gain in [x\](https://evil.example.com)."
    assert described.tags["verdict"] == client.get_run(run_id).data.tags["verdict"] == "REJECT"
    assert json.loads(kept.read_text())["reasons"] == ["Too small a gain in [x](https://evil.example.com)."]


def test_a_run_has_a_page(registry, client, run, version, mlflow_server):
    run_id = client.get_model_version(run.model, str(version)).run_id
    assert f"{mlflow_server}/#/runs/{run_id}" == registry.run_url(run_id)


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


# Numbers
@pytest.fixture
def three(registry, trained, declaration, run):
    """The runs of three versions, as the ledger knows them."""
    known: dict[int, str] = {}
    for data_hash in ("one", "two", "three"):
        run_id = registry.log_training(replace(trained, data_hash=data_hash), declaration, run)
        known[registry.register(run.model, run_id, known)] = run_id
    assert [1, 2, 3] == list(known)
    return known


@pytest.fixture
def fourth(registry, trained, declaration, run):
    """A run that is no version yet."""
    return registry.log_training(replace(trained, data_hash="another"), declaration, run)


def test_after_a_registered_model_was_deleted_every_version_comes_back_before_the_next(registry, client, run, three, fourth):
    client.delete_registered_model(run.model)
    registry.check(run.model, three)
    assert 4 == registry.register(run.model, fourth, three)
    assert {**three, 4: fourth} == list_versions(client, run.model)


def test_the_alias_of_a_deleted_registered_model_can_be_set_again(registry, client, run, three, tmp_path):
    client.delete_registered_model(run.model)
    alias = ChampionAlias(registry, run.model, lambda: three)
    assert alias.get() is None
    alias.set(2)
    assert (2, three) == (alias.get(), list_versions(client, run.model))
    assert (registry.fetch(kept(registry, run, 2), tmp_path) / "contract.json").is_file()


def test_a_version_that_a_person_deleted_stays_away_and_its_number_is_not_given_again(registry, client, run, three, fourth):
    client.delete_model_version(run.model, "3")
    assert registry.register(run.model, fourth, three) > 3
    assert {1, 2} == set(list_versions(client, run.model)) & set(three)


def test_a_number_whose_run_is_lost_is_left_empty(registry, client, run, three, fourth):
    """As after a restore of MLflow from a time when there was one version."""
    client.delete_registered_model(run.model)
    lost = {1: three[1], 2: "0" * 32, 3: "f" * 32}
    assert 4 == registry.register(run.model, fourth, lost)
    assert {1: three[1], 4: fourth} == list_versions(client, run.model)


def test_another_run_under_a_number_of_the_ledger_stops_everything_until_the_name_is_cleared(
    registry, run, three, fourth, tmp_path
):
    registry._client.delete_registered_model(run.model)
    registry.register(run.model, fourth, {})
    registry.set_champion(run.model, 1)
    alias = ChampionAlias(registry, run.model, lambda: three)
    first = Version(run.model, 1, "xgboost", three[1], {}, "feed", (), (), DAY, run.clock)
    asked = (
        lambda: registry.check(run.model, three),
        lambda: registry.register(run.model, fourth, three),
        lambda: registry.fetch(first, tmp_path),
        alias.get,
        lambda: alias.set(1),
    )
    for ask in asked:
        with pytest.raises(VersionMissing, match=rf"there it is run {fourth}, in the ledger run {three[1]}.*Rename or delete"):
            ask()
    assert {1: fourth} == list_versions(registry._client, run.model)
    registry._client.rename_registered_model(run.model, f"{run.model}_aside")
    assert 4 == registry.register(run.model, fourth, three)
    assert (None, {**three, 4: fourth}) == (alias.get(), list_versions(registry._client, run.model))


def test_a_deleted_experiment_is_found_before_a_training_and_a_restored_one_is_good(registry, client, run, three):
    experiment = client.get_experiment_by_name(run.model)
    client.delete_experiment(experiment.experiment_id)
    with pytest.raises(VersionMissing, match=rf"nothing was trained.*restore --experiment-id {experiment.experiment_id}\."):
        registry.check(run.model, three)
    client.restore_experiment(experiment.experiment_id)
    registry.check(run.model, three)


def test_a_server_that_is_down_is_found_before_a_training(run):
    uri = f"http://127.0.0.1:{find_free_port()}"
    with pytest.raises(RegistryUnavailable, match=f"MLflow at {uri} did not say whether it can keep a training of {run.model}"):
        Registry(uri).check(run.model, {})
