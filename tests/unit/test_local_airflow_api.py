"""A busy Airflow is silent for a while: questions are repeated, and nothing is done twice."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from perennial.errors import StackError, UnavailableError
from perennial.local import airflow_api
from perennial.local.airflow_api import AirflowClient
from perennial.local.patience import Patience

PATH = "/api/v2/dags/lapse.score/dagRuns"


@dataclass
class Slow:
    """What a small web server does with the requests that it gets: `silent` of them, to `place`, stay without an answer.

    `is_deaf`: those were never heard; else they were obeyed all the same. Every answer takes `seconds`.
    """

    silent: int = 0
    place: str = PATH
    is_deaf: bool = False
    fault: int | None = None
    seconds: float = 0.0
    asked: list[str] = field(default_factory=list)
    runs: dict[str, dict] = field(default_factory=dict)

    def obey(self, method: str, path: str, body: dict) -> tuple[int, dict]:
        """What Airflow would do."""
        run_id = path.removesuffix("/clear").removeprefix(f"{PATH}/")
        if path == "/auth/token":
            return 200, {"access_token": "token"}
        if method == "POST" and path == PATH:
            return self.start(body["dag_run_id"])
        if path.endswith("/clear"):
            self.runs[run_id] = {**self.runs[run_id], "state": "queued", "cleared": self.runs[run_id].get("cleared", 0) + 1}
            return 200, {}
        return (200, self.runs[run_id]) if run_id in self.runs else (404, {})

    def start(self, run_id: str) -> tuple[int, dict]:
        if run_id in self.runs:
            return 409, {}
        self.runs[run_id] = {"dag_run_id": run_id, "state": "success"}
        return 200, self.runs[run_id]

    def count(self, method: str, path: str) -> int:
        return self.asked.count(f"{method} {path}")


class Handler(BaseHTTPRequestHandler):
    slow: Slow

    def log_message(self, *_):
        pass

    def answer(self):
        slow = self.slow
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or "{}")
        slow.asked.append(f"{self.command} {self.path}")
        is_silent = slow.silent > 0 and self.path.startswith(slow.place)
        slow.silent -= is_silent
        status, said = slow.obey(self.command, self.path, body) if not (is_silent and slow.is_deaf) else (200, {})
        time.sleep(slow.seconds)
        if is_silent and slow.fault is None:
            return  # the connection is closed
        self.send_response(slow.fault if is_silent else status)
        self.end_headers()
        self.wfile.write(json.dumps(said).encode())

    do_GET = do_POST = answer  # noqa: N815 - http.server's names


@contextmanager
def serve(slow):
    handler = type("Handler", (Handler,), {"slow": slow})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def ask(monkeypatch):
    """A client of a slow server that has a minute of quiet cores."""
    monkeypatch.setattr(airflow_api, "PAUSE_SECONDS", 0.01)

    @contextmanager
    def connect(slow, **options):
        with serve(slow) as url:
            yield AirflowClient(url, "admin", "secret", **options).until(Patience().begin(60))

    return connect


def test_a_server_that_answers_after_its_tenth_request_is_heard(ask):
    slow = Slow(silent=10, runs={"run": {"state": "success"}})
    with ask(slow) as airflow:
        assert airflow.dag_run("lapse.score", "run") == {"state": "success"}
    assert slow.count("GET", f"{PATH}/run") == 11


def test_a_fault_of_the_server_may_pass(ask):
    with ask(Slow(silent=3, fault=503, runs={"run": {"state": "failed"}})) as airflow:
        assert airflow.dag_run("lapse.score", "run") == {"state": "failed"}


def test_who_always_takes_long_is_heard_in_the_end(ask):
    with ask(Slow(seconds=0.3, runs={"run": {"state": "queued"}}), answer_seconds=0.05) as airflow:
        assert airflow.dag_run("lapse.score", "run") == {"state": "queued"}


def test_without_a_deadline_one_silence_is_the_end():
    slow = Slow(silent=1)
    with serve(slow) as url, pytest.raises(UnavailableError, match=rf"Airflow at {url} does not answer"):
        AirflowClient(url, "admin", "secret").dag_run("lapse.score", "run")
    assert slow.count("GET", f"{PATH}/run") == 1


def test_silence_until_the_deadline_is_the_end():
    with serve(Slow(silent=10**6)) as url, pytest.raises(UnavailableError, match="does not answer"):
        AirflowClient(url, "admin", "secret").until(Patience(factor=0.01).begin(10)).dag_run("lapse.score", "run")


def test_a_refusal_is_no_silence(ask):
    slow = Slow()
    with ask(slow) as airflow, pytest.raises(StackError, match=r"refused GET .* with 404"):
        airflow.dag_run("lapse.score", "run")
    assert slow.count("GET", f"{PATH}/run") == 1


def test_a_run_that_began_in_silence_is_not_started_again(ask):
    slow = Slow(silent=1)
    with ask(slow) as airflow:
        run_id = airflow.trigger("lapse.score", partition_key="2017-11-06")
    assert (list(slow.runs), slow.count("POST", PATH)) == ([run_id], 1)


def test_a_run_that_nobody_heard_of_is_asked_for_again_under_the_same_id(ask):
    slow = Slow(silent=5, is_deaf=True)
    with ask(slow) as airflow:
        run_id = airflow.trigger("lapse.score", partition_key="2017-11-06")
    assert list(slow.runs) == [run_id]
    assert slow.count("POST", PATH) > 1


def test_a_run_of_that_name_from_before_is_refused(ask):
    with ask(Slow(runs={"mine": {}})) as airflow, pytest.raises(StackError, match="with 409"):
        airflow.trigger("lapse.score", run_id="mine")


def test_a_run_that_was_cleared_in_silence_is_not_cleared_again(ask):
    slow = Slow(silent=1, place=f"{PATH}/run/clear", runs={"run": {"state": "failed"}})
    with ask(slow) as airflow:
        airflow.clear("lapse.score", "run")
    assert slow.runs["run"]["cleared"] == 1
