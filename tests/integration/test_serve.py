"""The server over a real warehouse: what it answers is what was published, and a version takes over only once it is proven."""

from dataclasses import replace

import lightgbm
import numpy as np
import pandas as pd
import pytest
import xgboost

from perennial.predictor import Calibrator, Contract, Predictor, as_dmatrix, encode, load_predictor
from perennial.stores.registry import find_kept
from perennial.stores.registry.loading import CACHE
from tests.integration.publish_toy import FEATURES, make_job, make_predictor, make_toy
from tests.toy_server import ToyInstallation, serving, wait_for

NAMES = [feature.name for feature in FEATURES]
PREDICT = "/v1/models/toy/predict"
NOBODY = ("0", "a", "9" * 30, "1%00", "1'--", "%20", "%FF", "1%2F2", "..%2f..%2fhealth")


def read_snapshot(toy):
    rows = toy.query(f"select entity_id, {', '.join(NAMES)} from features.toy order by entity_id")
    return pd.DataFrame(rows, columns=["entity_id", *NAMES])


def list_rows(toy):
    """As a caller has them: JSON's own types, null where a value is not known."""
    with toy.pipeline.transaction() as session:
        found = toy.execute(session, f"select {', '.join(NAMES)} from features.toy order by entity_id")
        return [dict(row) for row in found.mappings()]


def fit(algorithm, snapshot):
    if algorithm == "logistic":
        return make_predictor()
    matrix = encode(snapshot[NAMES], FEATURES)
    labels = ((snapshot["recency_days"] > 30) ^ (snapshot["entity_id"] % 5 == 0)).to_numpy(dtype="float64")
    if algorithm == "xgboost":
        booster = xgboost.train(
            {"objective": "binary:logistic", "nthread": 1}, as_dmatrix(matrix, FEATURES, labels=labels, threads=1), 30
        )
    else:
        data = lightgbm.Dataset(matrix, labels, categorical_feature=[3])
        booster = lightgbm.train({"objective": "binary", "verbosity": -1, "num_threads": 1}, data, 30)
    return Predictor(Contract(model="toy", algorithm=algorithm, features=FEATURES, rounds=30), booster)


@pytest.fixture
def installation(warehouse_urls, tmp_path):
    return ToyInstallation(make_toy(warehouse_urls), warehouse_urls.analyst, tmp_path)


@pytest.fixture
def plain(installation):
    """Version 3 of the toy serves, and has published a day."""
    installation.add_version(3, make_predictor(), read_snapshot(installation.toy))
    installation.promote(3)
    installation.toy.publish()
    return installation


@pytest.mark.parametrize("algorithm", ["logistic", "xgboost", "lightgbm"])
def test_every_row_gets_the_score_and_the_reasons_that_were_published_to_the_bit(installation, algorithm):
    toy = installation.toy
    snapshot = read_snapshot(toy)
    predictor = fit(algorithm, snapshot)
    version = installation.add_version(3, predictor, snapshot)
    installation.promote(3)
    folder = find_kept(version, installation.artifacts / CACHE)
    toy.publish(replace(make_job(), predictor=load_predictor(folder, version.manifest)))
    published = toy.query("select score, reason_1, reason_2, reason_3 from scores.toy order by entity_id")
    rows = list_rows(toy)
    with serving(installation.options()) as client:
        together = client.post(PREDICT, json={"rows": rows, "reasons": 3}).json()
        alone = [client.post(PREDICT, json={"rows": [row]}).json()["predictions"][0]["score"] for row in rows[:200]]
    assert (together["version"], together["recipe"]) == (3, 1)
    assert published == [(found["score"], *found["reasons"]) for found in together["predictions"]]
    assert [score for score, *_ in published[:200]] == alone


def fit_task(task, snapshot):
    matrix, spend = encode(snapshot[NAMES], FEATURES), snapshot["spend_28d"].fillna(3.0).to_numpy()
    common = {"model": "toy", "features": FEATURES, "rounds": 20}
    if task == "regression":
        data = lightgbm.Dataset(matrix, spend, categorical_feature=[3])
        booster = lightgbm.train({"objective": "tweedie", "verbosity": -1, "num_threads": 1}, data, 20)
        calibrator = Calibrator(kind="power", coefficients=(0.9, 0.1))
        return Predictor(Contract(algorithm="lightgbm", link="log", calibrator=calibrator, **common), booster)
    parameters = {"objective": "multi:softprob", "num_class": 3, "nthread": 1}
    labels = np.digitize(spend + snapshot["entity_id"] % 30, [40, 90])
    booster = xgboost.train(parameters, as_dmatrix(matrix, FEATURES, labels=labels, threads=1), 20)
    calibrator = Calibrator(kind="softmax", coefficients=(0.9, 0.0, 0.1, -0.1))
    classes = ("gold", 'mild "steel"', "tin")
    return Predictor(Contract(algorithm="xgboost", link="softmax", calibrator=calibrator, classes=classes, **common), booster)


@pytest.mark.parametrize(("task", "beside"), [("regression", ()), ("multiclass", ("class", "probabilities"))])
def test_amounts_and_classes_are_answered_as_they_were_published_to_the_bit(warehouse_urls, tmp_path, task, beside):
    toy = make_toy(warehouse_urls, task=task)
    installation, snapshot = ToyInstallation(toy, warehouse_urls.analyst, tmp_path), read_snapshot(toy)
    version = installation.add_version(3, fit_task(task, snapshot), snapshot)
    installation.promote(3)
    predictor = load_predictor(find_kept(version, installation.artifacts / CACHE), version.manifest)
    toy.publish(replace(make_job(task=task), predictor=predictor))
    names = ("score", *beside, "reason_1", "reason_2", "reason_3")
    published = toy.query(f"select {', '.join(names)} from scores.toy order by entity_id")
    rows = list_rows(toy)
    with serving(installation.options()) as client:
        together = client.post(PREDICT, json={"rows": rows, "reasons": 3}).json()["predictions"]
        alone = [client.post(PREDICT, json={"rows": [row]}).json()["predictions"][0] for row in rows[:50]]
        newest = client.get("/v1/models/toy/scores/17").json()
    assert published == [(*(found[name] for name in ("score", *beside)), *found["reasons"]) for found in together]
    assert [found["score"] for found in together[:50]] == [found["score"] for found in alone]
    assert [together[16][name] for name in ("score", *beside)] == [newest[name] for name in ("score", *beside)]


def test_the_newest_published_score_of_an_entity_comes_with_its_day(plain):
    with serving(plain.options()) as client:
        found = client.get("/v1/models/toy/scores/17").json()
        missing = [client.get(f"/v1/models/toy/scores/{text}").status_code for text in NOBODY]
    ((score, rank),) = plain.toy.query("select score, rank from scores.toy where entity_id = 17")
    assert (found["score"], found["rank"], found["as_of"], found["version"]) == (score, rank, "2017-11-06", 3)
    assert found["is_stale"]
    assert missing == [404] * len(NOBODY)


def test_the_next_champion_takes_over_without_a_restart(plain):
    plain.add_version(4, make_predictor(1.0), read_snapshot(plain.toy))
    body = {"rows": list_rows(plain.toy)[:1]}
    with serving(plain.options()) as client:
        before = client.post(PREDICT, json=body).json()
        plain.promote(4)
        wait_for(lambda: client.post(PREDICT, json=body).json()["version"] == 4)
        after = client.post(PREDICT, json=body).json()
    assert before["version"] == 3
    assert before["predictions"][0]["score"] < after["predictions"][0]["score"]


def test_a_broken_version_never_takes_over_and_is_said(plain):
    version = plain.add_version(4, make_predictor(1.0), read_snapshot(plain.toy))
    golden = find_kept(version, plain.artifacts / CACHE) / "golden.json"
    golden.write_bytes(golden.read_bytes().replace(b"0.", b"1.", 1))
    with serving(plain.options()) as client:
        plain.promote(4)
        wait_for(lambda: "detail" in client.get("/ready").json()["models"]["toy"])
        said = client.get("/ready")
        wait_for(lambda: 'perennial_serve_champion_load_failures{model="toy"} 0.0' not in client.get("/metrics").text)
        figures = client.get("/metrics").text
        answered = client.post(PREDICT, json={"rows": list_rows(plain.toy)[:1]}).json()["version"]
    assert (said.status_code, said.json()["models"]["toy"]["wanted"]) == (200, 4)
    assert "PERENNIAL_MLFLOW_URI" in said.json()["models"]["toy"]["detail"]  # fetched anew, it would have been
    assert 'perennial_serve_champion_behind{model="toy"} 1.0' in figures
    assert 'perennial_serve_champion_version{model="toy"} 3.0' in figures
    assert answered == 3


def test_who_was_champion_last_goes_on_while_the_warehouse_is_silent(plain):
    body = {"rows": list_rows(plain.toy)[:1]}
    with serving(plain.options()) as client:
        plain.toy.pipeline.dispose()
        with plain.toy.pipeline.transaction() as session:
            plain.toy.execute(session, "revoke select on analytics.champions from analyst")
        wait_for(lambda: client.get("/ready").json()["ledger"]["state"] == "silent")
        assert client.get("/ready").status_code == 200
        assert client.post(PREDICT, json=body).json()["version"] == 3
        assert "perennial_serve_ledger_up 0.0" in client.get("/metrics").text


def test_nobody_is_ready_before_there_is_a_champion(installation):
    with serving(installation.options(), until_ready=False) as client:
        wait_for(lambda: client.get("/ready").json()["ledger"]["state"] == "answers")
        assert client.get("/ready").json()["models"] == {"toy": {"version": None, "state": "no champion yet"}}
        assert [client.get("/ready").status_code, client.get("/health").status_code] == [503, 200]
        assert client.post(PREDICT, json={"rows": [{}]}).status_code == 503


def test_the_documented_example_is_answered(plain):
    with serving(plain.options()) as client:
        document = client.get("/openapi.json").json()
        example = document["paths"][PREDICT]["post"]["requestBody"]["content"]["application/json"]["example"]
        answered = client.post(PREDICT, json=example)
    assert list(example["rows"][0]) == NAMES
    assert (answered.status_code, len(answered.json()["predictions"][0]["reasons"])) == (200, 3)
    assert np.isfinite(answered.json()["predictions"][0]["score"])
