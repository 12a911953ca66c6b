"""What callers send by mistake or on purpose: an answer that says what was wrong, and nothing of it in a log."""

import asyncio
import logging
import re
import socket
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pandas as pd
import pytest

from perennial.predictor import Contract, Feature, Linear, Predictor, RowEncoder, make_quick
from perennial.serve import ServeOptions, TokenFile
from perennial.serve.application import Application
from perennial.serve.champions import Champions, Serving
from perennial.serve.tokens import Token, hash_token
from perennial.serve.versions import LoadedVersion
from perennial.stores.serving import open_reading
from tests.integration.publish_toy import VERSION
from tests.toy_server import MODEL_FILE, serving, wait_for

FEATURES = (Feature(name="spend", median=5.0), Feature(name="channel", kind="category", categories=("app", "web")))
LINEAR = Linear(intercept=0.5, coefficients=(1.0, 0.2, 0.3), means=(0, 0, 0), scales=(1, 1, 1))
ROW = {"spend": 4711.25, "channel": "topsecret"}
PREDICT = "/v1/models/toy/predict"
NOWHERE = "postgresql+psycopg2://analyst:hushhush@127.0.0.1:1/warehouse"
TOKEN = "prn_test"
PLAIN = ServeOptions(
    NOWHERE, "", Path("/nowhere"), Path("/nowhere"), ("toy",), tokens=None, rate=0, batch_rows=50, body_bytes=20_000
)
NAMES = (
    "nobody",
    "..",
    "%2e%2e%2fetc",
    "toy'--",
    "toy%00",
    "TOY",
    "%F0%9F%92%A3",
    "x" * 5000,
    "{entity}",
    "toy%0d%0aset-cookie:a",
)
NO_TOKENS = (
    *(None, "", "Bearer", "Bearer ", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer " + "x" * 9000),
    f"bearer {TOKEN.upper()}",
)


def make_champion():
    predictor = Predictor(Contract(model="toy", algorithm="logistic", features=FEATURES, linear=LINEAR), None)
    return LoadedVersion(VERSION, predictor, RowEncoder.of(FEATURES), make_quick(predictor))


def make_server(**changes):
    """An application whose champion is loaded; nobody asks the ledger before it is started."""
    options = replace(PLAIN, **changes)
    champions = Champions(options, open_reading(options.warehouse_url))
    champions._serving["toy"] = Serving(make_champion())
    champions.tokens = {hash_token(TOKEN): Token("shop", hash_token(TOKEN), "")}
    return Application(options, champions)


def ask(application, method, path, **request):
    async def send():
        transport = httpx.ASGITransport(application.guarded)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.request(method, path, **request)

    return asyncio.run(send())


def post(content, application=None, path=PREDICT, **request):
    return ask(application or make_server(), "POST", path, content=content, **request)


def test_a_row_is_scored_with_version_recipe_and_as_many_reasons_as_are_asked_for():
    application = make_server()
    answered = ask(application, "POST", PREDICT, json={"rows": [ROW, ROW], "reasons": 1}).json()
    expected = application.champions["toy"].champion.predictor.score(pd.DataFrame([ROW]))[0]
    assert answered == {
        "model": "toy",
        "version": 3,
        "recipe": 1,
        "predictions": [{"score": expected, "reasons": ["+ spend = 4711.25"]}] * 2,
    }


@pytest.mark.parametrize(
    ("content", "status", "words"),
    [
        (b"", 400, "not JSON"),
        (b"{", 400, "not JSON"),
        (b'{"rows": [{"spend": NaN}]}', 400, "not JSON"),
        (b'{"rows": [{"spend": Infinity}]}', 400, "not JSON"),
        (b"\xff\xfe", 400, "not JSON"),
        (b"[" * 10_000, 400, "not JSON"),
        (b'{"rows":' + b'{"a":' * 3000 + b"1" + b"}" * 3001, 400, "not JSON"),
        (b"[]", 422, "list of rows"),
        (b"7", 422, "list of rows"),
        (b'{"rows": {}}', 422, "list of rows"),
        (b'{"rows": []}', 422, "1 to 50 rows, this one 0"),
        (b'{"rows": [' + b",".join([b"{}"] * 51) + b"]}", 422, "1 to 50 rows, this one 51"),
        (b'{"rows": [{}], "resaons": 3}', 422, "1 keys beside rows, reasons and entities"),
        (b'{"rows": [{}], "reasons": 99}', 422, "from 0 to 10"),
        (b'{"rows": [{}], "reasons": true}', 422, "from 0 to 10"),
        (b'{"rows": [{}], "reasons": "3"}', 422, "from 0 to 10"),
        (b'{"rows": [{}]}', 422, "lacks spend, channel"),
        (b'{"rows": [{"spend": "topsecret", "channel": null}]}', 422, "feature spend expects a number or null, found a text"),
        (b'{"rows": [{"spend": 1e999, "channel": null}]}', 422, "feature spend expects a finite number"),
        (b'{"rows": [{"spend": 1, "channel": null, "age": 3}]}', 422, "row 0: age: no feature of this version"),
        (b'{"rows": [{"spend": 1, "channel": "\\ud800"}]}', 400, "not JSON"),
        (b'{"rows": [' + b" " * 20_001 + b"]}", 413, "at most 20000 bytes"),
    ],
)
def test_what_is_no_question_is_refused_and_not_repeated(content, status, words, caplog):
    caplog.set_level(logging.DEBUG)
    answered = post(content)
    assert status == answered.status_code
    assert words in answered.text
    assert "topsecret" not in answered.text + caplog.text


def test_a_body_without_a_stated_length_ends_at_the_limit():
    async def endless():
        while True:
            yield b" " * 1000

    answered = post(endless())
    assert (413, "close") == (answered.status_code, answered.headers["connection"])


@pytest.mark.parametrize("name", NAMES)
def test_a_model_that_is_not_served_is_not_found_and_its_name_goes_nowhere(name, caplog):
    caplog.set_level(logging.DEBUG, "perennial")
    application = make_server()
    answered = post(b'{"rows": [{}]}', application, f"/v1/models/{name}/predict")
    assert 404 == answered.status_code
    assert name not in answered.text + caplog.text
    labels = re.findall(r'model="([^"]*)"', ask(application, "GET", "/metrics").text)
    assert {"", "toy"} == {*labels, "toy"}


def test_an_entity_and_a_password_are_in_no_log(tmp_path, caplog):
    caplog.set_level(logging.DEBUG, "perennial")
    caplog.set_level(logging.WARNING)
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "toy.toml").write_text(MODEL_FILE, encoding="utf-8")
    answered = ask(make_server(home=tmp_path), "GET", "/v1/models/toy/scores/topsecret")
    assert 503 == answered.status_code
    assert "published scores cannot be read" in caplog.text
    said = answered.text + "".join(record.getMessage() for record in caplog.records if record.name != "httpx")
    assert {"topsecret": False, "hushhush": False} == {word: word in said for word in ("topsecret", "hushhush")}


def test_an_unexpected_error_shows_where_it_was_and_no_value(caplog, monkeypatch):
    monkeypatch.setattr(LoadedVersion, "predict", lambda *_: float("topsecret"))
    answered = ask(make_server(), "POST", PREDICT, json={"rows": [ROW]})
    assert 500 == answered.status_code
    assert "topsecret" not in answered.text + caplog.text
    assert "ValueError at test_serve_requests.py:" in caplog.text


# Who is let in
@pytest.mark.parametrize("header", NO_TOKENS)
def test_without_a_token_nobody_is_answered(header):
    application = make_server(tokens=Path("/nowhere/tokens"))
    headers = {} if header is None else {"authorization": header}
    for method, path in (("POST", PREDICT), ("GET", "/v1/models"), ("GET", "/openapi.json"), ("GET", "/v1/models/toy/scores/1")):
        answered = ask(application, method, path, headers=headers)
        assert (401, "Bearer") == (answered.status_code, answered.headers["www-authenticate"])


def test_with_a_token_who_has_it_is_answered_until_it_is_revoked(tmp_path):
    file = TokenFile(tmp_path / "tokens.json")
    application = make_server(tokens=file.path)
    asked = {"json": {"rows": [ROW]}, "headers": {"authorization": f"Bearer {file.add('mail', VERSION.effective_at)}"}}
    application.champions.poll()
    first = ask(application, "POST", PREDICT, **asked).status_code
    file.revoke("mail")
    file.add("other", VERSION.effective_at)
    application.champions.poll()
    assert (200, 401) == (first, ask(application, "POST", PREDICT, **asked).status_code)


def test_a_token_file_that_became_readable_lets_nobody_in(tmp_path, caplog):
    file = TokenFile(tmp_path / "tokens.json")
    token = file.add("mail", VERSION.effective_at)
    application = make_server(tokens=file.path)
    file.path.chmod(0o644)
    application.champions.poll()
    answered = ask(application, "POST", PREDICT, json={"rows": [ROW]}, headers={"authorization": f"Bearer {token}"})
    assert 503 == answered.status_code
    assert "chmod 600" in caplog.text
    assert "Nobody can be let in: the log says why." == ask(application, "GET", "/ready").json()["tokens"]


def test_addresses_and_folders_are_told_to_who_has_a_token(tmp_path):
    file = TokenFile(tmp_path / "tokens.json")
    headers = {"authorization": f"Bearer {file.add('mail', VERSION.effective_at)}"}
    application = make_server(tokens=file.path)
    application.champions.poll()
    application.champions._serving["toy"] = replace(application.champions["toy"], wanted=4, trouble=f"Nothing in {tmp_path}.")
    hidden, shown = (ask(application, "GET", "/ready", headers=each) for each in ({}, headers))
    assert (200, 200) == (hidden.status_code, shown.status_code)
    assert {"version": 3, "recipe": 1, "state": "the former version answers", "wanted": 4} == hidden.json()["models"]["toy"]
    assert ("silent", True, True) == (hidden.json()["ledger"]["state"], "127.0.0.1:1" in shown.text, str(tmp_path) in shown.text)
    assert (False, False) == ("127.0.0.1" in hidden.text, str(tmp_path) in hidden.text)


def test_who_asks_too_often_is_told_to_wait():
    application = make_server(rate=2)
    answered = [ask(application, "GET", "/v1/models") for _ in range(12)]
    assert {200, 429} == {each.status_code for each in answered}
    assert answered[0].status_code == 200
    refused = next(each for each in answered if each.status_code == 429)
    assert refused.headers["retry-after"] == "1"


# Over a real connection
@contextmanager
def connected(client):
    with socket.create_connection((client.base_url.host, client.base_url.port), timeout=60) as connection:
        yield connection


@pytest.fixture
def impatient(monkeypatch):
    for waited in ("head_seconds", "answer_seconds"):
        monkeypatch.setattr(f"perennial.serve.running.ImpatientProtocol.{waited}", 0.2)
    with serving(PLAIN, until_ready=False, application=make_server(body_seconds=0.2)) as client:
        yield client


@pytest.mark.parametrize("begun", [b"", b"POST /v1/models/toy/predict HTTP/1.1\r\nHost: a\r\nX-Slow: "])
def test_a_head_that_does_not_come_ends_the_connection(impatient, begun):
    with connected(impatient) as connection:
        connection.sendall(begun)
        assert b"" == read_until_closed(connection)


def test_a_head_without_end_ends_the_connection():
    with serving(PLAIN, until_ready=False, application=make_server()) as client, connected(client) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nX-Long: ")
        with pytest.raises(ConnectionError):
            send_until_closed(connection, 64 << 20)


def test_a_body_that_does_not_come_is_answered_and_the_connection_ends(impatient):
    with connected(impatient) as connection:
        connection.sendall(b"POST /v1/models/toy/predict HTTP/1.1\r\nHost: a\r\nContent-Length: 500\r\n\r\n{")
        answered = read_until_closed(connection)
    assert answered.startswith(b"HTTP/1.1 408 ")


def test_slow_callers_do_not_keep_others_waiting(impatient):
    slow = [socket.create_connection((impatient.base_url.host, impatient.base_url.port)) for _ in range(20)]
    assert 200 == impatient.get("/health").status_code
    assert 200 == impatient.post(PREDICT, json={"rows": [ROW]}).status_code
    for connection in slow:
        connection.close()


@pytest.mark.parametrize(
    ("asked", "dripped"),
    [
        (b"POST /nowhere HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n{", b" "),
        (b"POST /nowhere HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
        (b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n", b"\r\n"),
    ],
)
def test_who_was_answered_does_not_keep_the_connection_by_what_is_no_request(impatient, asked, dripped):
    with connected(impatient) as connection:
        connection.sendall(asked)
        assert connection.recv(65_536).startswith(b"HTTP/1.1 ")
        wait_for(lambda: is_closed_to(connection, dripped))


def test_who_takes_no_answers_does_not_keep_the_connection(impatient):
    with connected(impatient) as connection:
        wait_for(lambda: is_closed_to(connection, b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n" * 100))


def test_a_request_that_was_begun_is_answered_before_the_server_ends():
    body = b'{"rows": [{"spend": 1, "channel": null}]}'
    head = b"POST /v1/models/toy/predict HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body)
    answers = []

    def finish():
        time.sleep(0.3)  # uvicorn looks away for .1 s before it waits for anybody
        connection.sendall(body)
        answers.append(connection.recv(65_536))

    patient = make_server(body_seconds=600.0)
    with serving(PLAIN, until_ready=False, application=patient, while_ending=finish) as client:
        connection = socket.create_connection((client.base_url.host, client.base_url.port), timeout=60)
        connection.sendall(head)
        assert connection.recv(65_536).startswith(b"HTTP/1.1 100 ")  # it is read
    connection.close()
    assert answers[0].startswith(b"HTTP/1.1 200 ")


def is_closed_to(connection, data):
    try:
        connection.sendall(data)
    except ConnectionError:
        return True
    return False


def read_until_closed(connection):
    found = b""
    try:
        while part := connection.recv(65_536):
            found += part
    except ConnectionResetError:
        pass
    return found


def send_until_closed(connection, most_bytes):
    for _ in range(most_bytes >> 16):
        connection.sendall(b"x" * (1 << 16))
