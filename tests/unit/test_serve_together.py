"""Requests that wait at the same moment share a call of the model, and nothing else: neither errors nor a bit of their scores."""

import asyncio
import re

import httpx
import numpy as np
import pytest

from perennial.predictor import Matrix
from perennial.serve.together import MOST_ROWS, Together
from perennial.serve.versions import LoadedVersion
from tests.unit.test_serve_requests import PREDICT, ROW, ask, make_champion, make_server, post

BAD = -1.0


class Watched(LoadedVersion):
    """A version that remembers how many rows each call had, and fails at a row that begins with BAD."""

    calls: list[int]

    def predict(self, matrix: Matrix, reasons: int):
        self.calls.append(len(matrix))
        if (matrix[:, 0] == BAD).any():
            raise ArithmeticError("a bad row")
        return super().predict(matrix, reasons)


def watch():
    made = make_champion()
    version = Watched(made.version, made.predictor, made.encoder, made.scorer)
    object.__setattr__(version, "calls", [])
    return version


def draw(rows, seed=0):
    random = np.random.default_rng(seed)
    return np.column_stack([random.normal(size=rows) ** 2, random.integers(0, 2, rows)])


def predict_together(asked):
    """Of (version, matrix) pairs, all in one turn of a loop: predictions or errors, in their order."""

    async def run():
        together = Together()
        return await asyncio.gather(*(together.predict(*each) for each in asked), return_exceptions=True)

    return asyncio.run(run())


def test_a_request_alone_is_a_call_of_its_own():
    version, matrix = watch(), draw(1)
    assert [make_champion().predict(matrix, 0)] == predict_together([(version, matrix)])
    assert [1] == version.calls


def test_requests_of_one_moment_share_a_call_and_get_the_bits_that_they_get_alone():
    version, matrices = watch(), [draw(rows, rows) for rows in (1, 3, 1, 7)]
    assert [make_champion().predict(matrix, 0) for matrix in matrices] == predict_together([(version, each) for each in matrices])
    assert [12] == version.calls


def test_each_version_scores_its_own():
    one, other, matrix = watch(), watch(), draw(2)
    predict_together([(one, matrix), (other, matrix), (one, matrix)])
    assert ([4], [2]) == (one.calls, other.calls)


def test_a_call_has_no_more_rows_than_allowed_but_those_of_one_request():
    version = watch()
    found = predict_together([(version, draw(rows)) for rows in (100, 100, 100, 2 * MOST_ROWS, 1)])
    assert [200, 100, 2 * MOST_ROWS, 1] == version.calls
    assert [100, 100, 100, 2 * MOST_ROWS, 1] == [len(each) for each in found]


def test_what_fails_is_the_request_that_is_wrong_and_no_other():
    version, good, bad = watch(), draw(2), np.array([[BAD, 0.0]])
    first, failed, last = predict_together([(version, good), (version, bad), (version, good)])
    assert (first, last) == (make_champion().predict(good, 0),) * 2
    assert isinstance(failed, ArithmeticError)


def test_who_went_away_does_not_disturb_the_others():
    version, matrix = watch(), draw(1)

    async def run():
        together = Together()
        gone, stays = (asyncio.ensure_future(together.predict(version, matrix)) for _ in range(2))
        asyncio.get_running_loop().call_soon(gone.cancel)
        return await stays, gone

    found, gone = asyncio.run(run())
    assert make_champion().predict(matrix, 0) == found
    assert gone.cancelled()


def test_over_http_many_at_once_are_answered_as_one_alone_is():
    application = make_server()
    rows = [{"spend": float(number), "channel": ("app", "web", None)[number % 3]} for number in range(40)]
    rows[7] = {"spend": "x", "channel": None}

    async def send():
        transport = httpx.ASGITransport(application.guarded)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await asyncio.gather(*(client.post(PREDICT, json={"rows": [row]}) for row in rows))

    found = [(each.status_code, each.json()) for each in asyncio.run(send())]
    alone = [
        (each.status_code, each.json()) for each in (ask(application, "POST", PREDICT, json={"rows": [row]}) for row in rows)
    ]
    assert found == alone
    assert 422 == found[7][0]


# The way past FastAPI's routing
@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", PREDICT, 405),
        ("PUT", PREDICT, 405),
        ("POST", "/v1/models/predict", 404),
        ("POST", "/v1/models//predict", 404),
        ("POST", "/v1/models/toy/toy/predict", 404),
        ("POST", "/v1/models/other/predict", 404),
        ("POST", "/v1/models/toy/predict/", 307),
        ("POST", PREDICT, 200),
    ],
)
def test_what_else_is_asked_is_answered_as_routing_would(method, path, status):
    application = make_server()
    answered = ask(application, method, path, json={"rows": [ROW]})
    application.guarded = application.api
    assert (status, answered.content) == (answered.status_code, ask(application, method, path, json={"rows": [ROW]}).content)


def test_it_is_counted_by_the_route_that_is_declared():
    application = make_server()
    post(b"{", application)
    counted = re.findall(r"^perennial_serve_requests_total\{(.*)\} 1.0$", ask(application, "GET", "/metrics").text, re.MULTILINE)
    assert ['model="toy",route="/v1/models/{model}/predict",status="400"'] == counted
