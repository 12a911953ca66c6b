"""A canary on requests: a share of the named entities gets its scores, what came of it is written, and no request fails."""

import json
import signal
import socket
from contextlib import contextmanager
from dataclasses import replace

import httpx
import pytest

from perennial.local.ports import find_free_port
from perennial.predictor import Contract, Feature, Linear, Predictor
from perennial.records.canaries import find_place
from perennial.serve.published import find_shares
from perennial.stores.registry import find_kept
from perennial.stores.registry.loading import CACHE
from perennial.stores.sessions import Database
from tests.integration.publish_toy import FEATURES, make_predictor, make_toy
from tests.integration.test_serve import PREDICT, list_rows, read_snapshot
from tests.integration.test_serve_processes import alone, find_workers, is_ready, start
from tests.toy_server import MODEL_FILE, PATIENCE_SECONDS, ToyInstallation, serving, wait_for

SALT, SHARE, TESTED = "5f0c", 0.3, 2
SUMS = """
    select arm, version, canary_id, share, sum(requests), sum(rows), sum(errors), sum(inputs), sum(missing), sum(score_sum)
    from ledger.requests group by 1, 2, 3, 4 order by arm desc"""
VISITS = Feature(name="visits", median=3.0)


def make_curious():
    """It reads what the champion does not know of."""
    known = make_predictor().contract.linear
    wider = Linear(
        intercept=known.intercept,
        coefficients=(*known.coefficients, 1.0),
        means=(*known.means, 3.0),
        scales=(*known.scales, 1.0),
    )
    return Predictor(Contract(model="toy", algorithm="logistic", features=(*FEATURES, VISITS), linear=wider), None)


def is_in(entity):
    return find_place(str(entity), SALT) < SHARE


@pytest.fixture
def installation(warehouse_urls, tmp_path):
    """Version 3 of recipe 1 serves; recipe 2 acts on 30 %, by version 5."""
    made = ToyInstallation(make_toy(warehouse_urls), warehouse_urls.analyst, tmp_path)
    (made.home / "models" / "toy.toml").write_text(f"{MODEL_FILE}[serving]\ncanary = {SHARE}\n", encoding="utf-8")
    made.add_version(3, make_predictor(), read_snapshot(made.toy))
    made.promote(3)
    made.add_version(5, make_predictor(1.0), read_snapshot(made.toy), recipe=TESTED)
    made.start_canary(TESTED, SALT)
    return made


@pytest.fixture
def options(installation, warehouse_urls):
    return installation.options(recorder_url=warehouse_urls.recorder, canaries=find_shares(installation.home, ["toy"]))


def await_canary(client, version=5):
    wait_for(lambda: stand(client).get("version") == version)


def stand(client):
    return client.get("/ready").json()["models"]["toy"].get("canary", {})


def ask(client, rows, entities, **more):
    return client.post(PREDICT, json={"rows": rows, "entities": entities, **more}).json()


def test_a_share_of_the_entities_that_are_named_is_answered_by_the_canary_and_counted(installation, options):
    rows = list_rows(installation.toy)[:200]
    entities = [*range(190), *[None] * 10]
    with serving(options) as client:
        await_canary(client)
        found = ask(client, rows, entities, reasons=2)
        again = [ask(client, [row], [str(entity)])["predictions"][0] for row, entity in zip(rows[:20], entities, strict=False)]
        plain = client.post(PREDICT, json={"rows": rows}).json()
        figures = client.get("/metrics").text
    drawn = [entity is not None and is_in(entity) for entity in entities]
    assert [5 if inside else 3 for inside in drawn] == [one["version"] for one in found["predictions"]]
    assert {(3, 1), (5, TESTED)} == {(one["version"], one["recipe"]) for one in found["predictions"]}
    assert [(one["version"], one["score"]) for one in found["predictions"][:20]] == [
        (one["version"], one["score"]) for one in again
    ]
    higher = [one["score"] > same["score"] for one, same in zip(found["predictions"], plain["predictions"], strict=True)]
    assert higher == drawn
    assert all(len(one["reasons"]) == 2 for one in found["predictions"])
    canary, twice = sum(drawn), sum(drawn[:20])
    told = {row[0]: row[1:] for row in installation.toy.query(SUMS)}
    assert [3, 1, SHARE, 21 - twice, 190 - canary + 20 - twice, 0] == list(told["champion"][:6])
    assert [5, 1, SHARE, 1 + twice, canary + twice, 0] == list(told["canary"][:6])
    assert told["canary"][6] == (canary + twice) * len(FEATURES)
    scores = [one["score"] for one, inside in zip([*found["predictions"], *again], [*drawn, *drawn[:20]], strict=True) if inside]
    assert told["canary"][8] == pytest.approx(sum(scores))
    assert f'perennial_serve_arm_rows_total{{arm="canary",model="toy"}} {canary + twice}.0' in figures
    assert 'perennial_serve_canary_version{model="toy"} 5.0' in figures


def test_the_end_of_a_canary_puts_the_champion_back_for_everybody(installation, options):
    entity = next(entity for entity in range(1000) if is_in(entity))
    row = list_rows(installation.toy)[0]
    with serving(options) as client:
        await_canary(client)
        before = ask(client, [row], [entity])["predictions"][0]["version"]
        installation.end_canary()
        wait_for(lambda: not stand(client))
        after = ask(client, [row], [entity])["predictions"][0]["version"]
    assert (5, 3) == (before, after)


def test_rows_that_the_canary_does_not_read_are_answered_by_the_champion_and_are_its_errors(installation, options):
    installation.add_version(6, make_curious(), read_snapshot(installation.toy).assign(visits=2.0), recipe=TESTED)
    rows, entities = list_rows(installation.toy)[:100], list(range(100))
    wider = [{**row, "visits": 2.0} for row in rows]
    with serving(options) as client:
        await_canary(client, 6)
        short = ask(client, rows, entities)["predictions"]
        whole = ask(client, wider, entities)["predictions"]
        refused = client.post(PREDICT, json={"rows": wider})
        described = client.get("/openapi.json").json()["paths"][PREDICT]["post"]["requestBody"]
        answered = client.post(PREDICT, json=described["content"]["application/json"]["example"])
    drawn = [is_in(entity) for entity in entities]
    assert {3} == {one["version"] for one in short}
    assert [6 if inside else 3 for inside in drawn] == [one["version"] for one in whole]
    assert (422, 200) == (refused.status_code, answered.status_code)
    told = {row[0]: row[1:] for row in installation.toy.query(SUMS)}
    assert (2 * sum(drawn) + is_in(17), sum(drawn)) == (told["canary"][4], told["canary"][5])
    assert 0 == told["champion"][5]


def test_a_canary_that_is_broken_never_answers_and_is_said(installation, options):
    version = installation.add_version(6, make_predictor(1.0), read_snapshot(installation.toy), recipe=TESTED)
    golden = find_kept(version, installation.artifacts / CACHE) / "golden.json"
    golden.write_bytes(golden.read_bytes().replace(b"0.", b"1.", 1))
    with serving(options) as client:
        wait_for(
            lambda: (
                "Version 6 does not answer" in client.get("/ready").json()["models"]["toy"].get("canary", {}).get("detail", "")
            )
        )
        found = ask(client, list_rows(installation.toy)[:50], list(range(50)))
        assert 200 == client.get("/ready").status_code
    assert {3} == {one["version"] for one in found["predictions"]}
    assert [] == installation.toy.query(SUMS)


def test_nobody_is_in_a_canary_whose_outcome_cannot_be_written_and_nothing_is_lost(installation, options, warehouse_urls):
    owner = Database(warehouse_urls.owner)
    rows, entities = list_rows(installation.toy)[:50], list(range(50))
    with serving(replace(options, poll_seconds=0.2)) as client:
        await_canary(client)
        with owner.transaction() as session:
            session.exec_driver_sql("revoke execute on function ledger.record_request from recorder")
        ask(client, rows, entities)
        wait_for(lambda: "`perennial migrate`" in stand(client).get("detail", ""))
        found = ask(client, rows, entities)
        with owner.transaction() as session:
            session.exec_driver_sql("grant execute on function ledger.record_request to recorder")
        await_canary(client)
        wait_for(lambda: sum(row[5] for row in installation.toy.query(SUMS)) == 50)
    owner.dispose()
    assert {3} == {one["version"] for one in found["predictions"]}


def test_without_a_recorder_the_champion_answers_everybody(installation):
    with serving(installation.options(canaries={"toy": SHARE})) as client:
        wait_for(
            lambda: "PERENNIAL_RECORDER_URL" in client.get("/ready").json()["models"]["toy"].get("canary", {}).get("detail", "")
        )
        found = ask(client, list_rows(installation.toy)[:50], list(range(50)))
    assert {3} == {one["version"] for one in found["predictions"]}


def test_what_is_no_entity_is_refused(installation, options):
    row = list_rows(installation.toy)[0]
    with serving(options) as client:
        answers = [
            client.post(PREDICT, json={"rows": [row], "entities": given})
            for given in ("17", [], [1, 2], [True], [1.5], [["a"]], [{}])
        ]
    assert [422] * 7 == [answer.status_code for answer in answers]
    assert "one entry for each of the 1 rows" in answers[0].json()["detail"]
    assert ["entity 0: expected a text, a whole number or null"] == answers[4].json()["problems"]


def test_numbers_without_a_score_are_refused_and_end_no_canary(installation, options):
    contract = make_predictor().contract
    steep = contract.linear.model_copy(update={"scales": (0.1, 0.1, 0.5, 1, 1, 1)})
    predictor = Predictor(contract.model_copy(update={"linear": steep}), None)
    installation.add_version(6, predictor, read_snapshot(installation.toy))
    installation.promote(6)
    row = {**list_rows(installation.toy)[0], "recency_days": 1e308, "spend_28d": 1e308}
    asked = [list_rows(installation.toy)[0], row]
    with serving(options) as client:
        await_canary(client)
        answers = [
            client.post(PREDICT, json={"rows": asked, **more})
            for more in ({}, {"reasons": 2}, {"entities": [next(entity for entity in range(99) if not is_in(entity))] * 2})
        ]
    assert [422] * 3 == [answer.status_code for answer in answers]
    assert [["row 1: its numbers are too large for a score"]] * 3 == [answer.json()["problems"] for answer in answers]
    assert [] == installation.toy.query(SUMS)


@pytest.mark.parametrize("view", ["canaries", "champions"])
def test_a_view_that_cannot_be_read_is_said_and_read_again_once_it_can(installation, options, view):
    row, entity = list_rows(installation.toy)[0], next(filter(is_in, range(99)))
    with serving(options) as client:
        await_canary(client)
        tell(installation, f"alter view analytics.{view} rename to kept")
        tell(installation, f"create view analytics.{view} as select * from analytics.kept where 1 / (version - version) = 0")
        wait_for(lambda: "DataError while the ledger was asked" in stand(client).get("detail", ""))
        assert 3 == ask(client, [row], [entity])["predictions"][0]["version"]
        tell(installation, f"drop view analytics.{view}")
        tell(installation, f"alter view analytics.kept rename to {view}")
        tell(installation, f"alter view analytics.{view} rename column algorithm to method")
        wait_for(lambda: "or a column of one: `perennial sync`" in stand(client).get("detail", ""))
        tell(installation, f"alter view analytics.{view} rename column method to algorithm")
        await_canary(client)


def tell(installation, statement):
    with installation.toy.pipeline.transaction() as session:
        session.exec_driver_sql(statement)


def test_a_warehouse_that_is_away_at_the_start_and_later_ends_nothing(installation, options, warehouse_urls):
    row, entity = list_rows(installation.toy)[0], next(filter(is_in, range(99)))
    with away(warehouse_urls), serving(options, until_ready=False) as client:
        wait_for(lambda: "does not answer" in client.get("/ready").json()["ledger"].get("detail", ""))
        found = [client.get("/ready"), client.post(PREDICT, json={"rows": [row]}), client.get("/v1/models/toy/scores/1")]
    assert [503] * 3 == [answer.status_code for answer in found]
    with serving(options) as client:
        await_canary(client)
        with away(warehouse_urls):
            wait_for(lambda: "does not answer" in stand(client).get("detail", ""))
            assert 3 == ask(client, [row], [entity])["predictions"][0]["version"]
            assert 503 == client.get("/v1/models/toy/scores/1").status_code
        await_canary(client)
        assert 5 == ask(client, [row], [entity])["predictions"][0]["version"]


@contextmanager
def away(urls):
    """Nobody who serves gets in, and who was in is put out."""
    roles = "public, analyst, recorder"
    with Database(urls.superuser).transaction() as session:
        name = session.exec_driver_sql("select current_database()").scalar_one()
        session.exec_driver_sql(f'revoke connect on database "{name}" from {roles}')
        session.exec_driver_sql(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where datname = current_database() and usename in ('analyst', 'recorder')"
        )
    try:
        yield
    finally:
        with Database(urls.superuser).transaction() as session:
            session.exec_driver_sql(f'grant connect on database "{name}" to {roles}')


def test_harm_in_what_a_server_counted_ends_its_canary_at_once(installation, options):
    installation.add_version(6, make_predictor(9.0), read_snapshot(installation.toy), recipe=TESTED)
    rows, entities = list_rows(installation.toy)[:600], list(range(600))
    with serving(options) as client:
        await_canary(client, 6)
        before = {one["version"] for one in ask(client, rows, entities)["predictions"]}
        wait_for(lambda: "its mean score is 0.9" in stand(client).get("detail", ""))
        after = {one["version"] for one in ask(client, rows, entities)["predictions"]}
        installation.add_version(7, make_predictor(), read_snapshot(installation.toy), recipe=TESTED)  # its next fit
        assert {3} == {one["version"] for one in ask(client, rows, entities)["predictions"]}
        installation.end_canary()
        installation.add_version(8, make_predictor(), read_snapshot(installation.toy), recipe=TESTED + 1)
        installation.start_canary(TESTED + 1, "77aa")
        await_canary(client, 8)
    assert ({3, 6}, {3}) == (before, after)
    assert [1, 1] == [row[4] for row in installation.toy.query(SUMS)]


def test_what_came_of_requests_in_flight_is_written_when_the_server_ends(installation, options):
    rows, entities, answers = list_rows(installation.toy)[:20], list(range(20)), []
    body = json.dumps({"rows": rows, "entities": entities}).encode()
    head = f"POST {PREDICT} HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: {len(body)}\r\n\r\n"

    def finish():
        connection.sendall(body)
        answers.append(connection.recv(65_536))

    rarely = replace(options, poll_seconds=600.0, body_seconds=600.0)
    with serving(rarely, while_ending=finish) as client:
        await_canary(client)
        ask(client, rows, entities)
        connection = socket.create_connection((client.base_url.host, client.base_url.port), timeout=PATIENCE_SECONDS)
        connection.sendall(head.encode())
        assert connection.recv(65_536).startswith(b"HTTP/1.1 100 ")  # it is read
        assert [] == installation.toy.query(SUMS)
    connection.close()
    assert answers[0].startswith(b"HTTP/1.1 200 ")
    drawn = sum(map(is_in, entities))
    assert {"canary": (2, 2 * drawn), "champion": (2, 40 - 2 * drawn)} == {
        row[0]: tuple(row[4:6]) for row in installation.toy.query(SUMS)
    }


def test_workers_draw_the_same_entities_count_each_request_once_and_all_hear_of_the_end(installation, warehouse_urls):
    rows, entities = list_rows(installation.toy)[:50], list(range(50))
    port = find_free_port()
    options = ("--port", str(port), "--workers", "2", "--no-tokens", "--poll-seconds", "1", "--rate", "0")
    server = start(installation, *options, PERENNIAL_RECORDER_URL=warehouse_urls.recorder)

    def send(method, path, **more):
        """On a connection of its own."""
        return httpx.request(method, f"http://127.0.0.1:{port}{path}", timeout=PATIENCE_SECONDS, **more).json()

    def say():
        return send("GET", "/ready")["models"]["toy"].get("canary", {})

    def list_versions():
        return [each["version"] for each in send("POST", PREDICT, json={"rows": rows, "entities": entities})["predictions"]]

    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE_SECONDS) as client:
            wait_for(lambda: is_ready(client))
        workers = find_workers(server)
        found, ended = [], []
        for worker in workers:
            with alone(worker, workers):
                wait_for(lambda: say().get("version") == 5)
                found.append(list_versions())
        installation.end_canary()
        for worker in workers:
            with alone(worker, workers):
                wait_for(lambda: not say())
                ended.append(list_versions())
        server.send_signal(signal.SIGTERM)
        said = server.communicate(timeout=PATIENCE_SECONDS)[1]
    finally:
        server.terminate()
        server.communicate()
    drawn = [is_in(entity) for entity in entities]
    assert [[5 if inside else 3 for inside in drawn]] * 2 == found
    assert [[3] * 50] * 2 == ended
    assert {"canary": (2, 2 * sum(drawn)), "champion": (2, 100 - 2 * sum(drawn))} == {
        row[0]: tuple(row[4:6]) for row in installation.toy.query(SUMS)
    }
    assert (0, False) == (server.returncode, "Traceback" in said)
