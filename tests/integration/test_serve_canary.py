"""A canary on requests: a share of the named entities gets its scores, what came of it is written, and no request fails."""

from dataclasses import replace

import pytest

from perennial.predictor import Contract, Feature, Linear, Predictor
from perennial.records.canaries import find_place
from perennial.serve.published import find_shares
from perennial.stores.registry import find_kept
from perennial.stores.registry.loading import CACHE
from perennial.stores.sessions import Database
from tests.integration.publish_toy import FEATURES, make_predictor, make_toy
from tests.integration.test_serve import PREDICT, list_rows, read_snapshot
from tests.toy_server import MODEL_FILE, ToyInstallation, serving, wait_for

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
