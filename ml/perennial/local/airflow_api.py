"""A small client of Airflow's REST API (version 2), for the demo, `doctor` and the end-to-end test.

On a busy machine the api-server may be silent for minutes. What may be asked twice is asked again until the deadline that
the caller gives; what must not happen twice is looked for first.
"""

from __future__ import annotations

import copy
import json
import secrets
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from http.client import HTTPException
from typing import Any
from urllib.parse import quote, urlencode

from perennial.errors import StackError, UnavailableError
from perennial.local.patience import Deadline

ANSWER_SECONDS = 30.0  # for one answer, the first time; twice as long each further time
PAUSE_SECONDS = 0.5  # between two tries
PAGE = 100
UNAUTHORIZED, NOT_FOUND, CONFLICT, SERVER_FAULT = 401, 404, 409, 500
HEALTHY = "healthy"
SERVICES = ("metadatabase", "scheduler", "dag_processor", "triggerer")

Json = dict[str, Any]
"""What Airflow sends back: JSON as documented under /docs of the api-server."""


@dataclass
class _Login:
    """Who speaks, and the token that was got for it; shared by all copies of a client."""

    user: str | None
    password: str | None
    token: str | None = None


class AirflowClient:
    """Speaks as one user; gets a new token when the old one has run out. Without a user it can ask for `health` alone.

    It asks once and waits `answer_seconds`; `until` gives one that goes on asking.
    """

    def __init__(
        self, url: str, user: str | None = None, password: str | None = None, *, answer_seconds: float = ANSWER_SECONDS
    ) -> None:
        self.url = url
        self.user = user
        self._login = _Login(user, password)
        self._answer_seconds = answer_seconds
        self._deadline: Deadline | None = None
        # Nothing may stand between this machine and itself.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def until(self, deadline: Deadline) -> AirflowClient:
        """The same client, which asks again until the deadline while nobody answers."""
        patient = copy.copy(self)
        patient._deadline = deadline  # noqa: SLF001 - our own copy
        return patient

    def health(self) -> Json:
        """The state of metadatabase, scheduler, dag_processor and triggerer, each with its last heartbeat."""
        return self._insist(lambda seconds: self._send("GET", "/api/v2/monitor/health", None, token=None, seconds=seconds))

    def heartbeats(self) -> dict[str, datetime | None]:
        """The last heartbeat of each healthy service; None for the metadatabase, which is healthy without one."""
        health = self.health()
        well = [name for name in SERVICES if (health.get(name) or {}).get("status") == HEALTHY]
        return {name: _read_beat(health[name].get(f"latest_{name}_heartbeat")) for name in well}

    def unhealthy(self) -> tuple[str, ...]:
        """The services that are not healthy."""
        well = self.heartbeats()
        return tuple(name for name in SERVICES if name not in well)

    def dags(self) -> tuple[str, ...]:
        """The ids of all DAGs, sorted."""
        found: list[str] = []
        while page := self.request("GET", f"/dags?limit={PAGE}&offset={len(found)}&order_by=dag_id")["dags"]:
            found += (dag["dag_id"] for dag in page)
        return tuple(found)

    def unpause(self, dag_id: str) -> None:
        """Let a DAG run."""
        self.request("PATCH", f"/dags/{quote(dag_id)}", {"is_paused": False})

    def trigger(
        self, dag_id: str, *, partition_key: str | None = None, conf: Mapping[str, Any] | None = None, run_id: str | None = None
    ) -> str:
        """Start one run, for a key or for parameters; returns its id. `logical_date: null` makes it a run without a date.

        The id is ours from the start, so that a request without an answer never becomes a second run.
        """
        chosen = run_id or f"manual__{partition_key or 'conf'}__{secrets.token_hex(6)}"
        body = {"logical_date": None, "partition_key": partition_key, "conf": dict(conf or {}), "dag_run_id": chosen}
        given = {name: value for name, value in body.items() if value is not None or name == "logical_date"}
        self._do_once(f"/dags/{quote(dag_id)}/dagRuns", given, lambda: self._has_run(dag_id, chosen))
        return chosen

    def dag_run(self, dag_id: str, run_id: str) -> Json:
        """One run: `state`, `partition_key`, `run_type`, `start_date`, `end_date`."""
        return self.request("GET", f"/dags/{quote(dag_id)}/dagRuns/{quote(run_id, safe='')}")

    def runs(self, dag_id: str, *, partition_key: str | None = None) -> tuple[Json, ...]:
        """The newest 100 runs of a DAG, newest first; of one key only, if given."""
        answer = self.request("GET", f"/dags/{quote(dag_id)}/dagRuns?{urlencode({'limit': PAGE, 'order_by': '-id'})}")
        return tuple(run for run in answer["dag_runs"] if partition_key in (None, run["partition_key"]))

    def clear(self, dag_id: str, run_id: str, *, only_failed: bool = False) -> None:
        """Run the tasks of a run again: all, or those that failed and what waits for them."""
        body = {"dry_run": False, "only_failed": only_failed}
        before = _describe_life(self.dag_run(dag_id, run_id))
        path = f"/dags/{quote(dag_id)}/dagRuns/{quote(run_id, safe='')}/clear"
        self._do_once(path, body, lambda: _describe_life(self.dag_run(dag_id, run_id)) != before)

    def task_instances(self, dag_id: str, run_id: str) -> tuple[Json, ...]:
        """The tasks of a run: `task_id`, `state`, `try_number`, `duration`."""
        answer = self.request("GET", f"/dags/{quote(dag_id)}/dagRuns/{quote(run_id, safe='')}/taskInstances?limit={PAGE}")
        return tuple(answer["task_instances"])

    def import_errors(self) -> tuple[Json, ...]:
        """DAG files that Airflow could not load: `filename`, `stack_trace`."""
        return tuple(self.request("GET", f"/importErrors?limit={PAGE}")["import_errors"])

    def request(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Json:
        """Call `/api/v2<path>`, which may be sent twice; again and again with a deadline.

        Raises:
            StackError: Airflow refused, with its reason.
            UnavailableError: nobody answers.
        """
        return self._insist(lambda seconds: self._call(method, path, body, seconds))

    def _insist(self, ask: Callable[[float], Json]) -> Json:
        """Ask, each time with more patience for one answer: who always needs longer than we listen would never be heard."""
        seconds = self._answer_seconds
        while True:
            try:
                return ask(seconds)
            except UnavailableError:
                if not self._may_ask_again():
                    raise
            seconds = self._stretch(seconds)

    def _do_once(self, path: str, body: Mapping[str, Any], has_happened: Callable[[], bool]) -> None:
        """POST what must not happen twice: after silence look whether it has happened before asking again."""
        seconds, is_repeated = self._answer_seconds, False
        while True:
            try:
                self._call("POST", path, body, seconds)
            except UnavailableError:
                if has_happened():
                    return
                if not self._may_ask_again():
                    raise
            except _AlreadyThereError:
                if not is_repeated:
                    raise
                return
            else:
                return
            seconds, is_repeated = self._stretch(seconds), True

    def _may_ask_again(self) -> bool:
        """Whether there is time for another try, after a pause."""
        if self._deadline is None or self._deadline.is_over:
            return False
        time.sleep(PAUSE_SECONDS)
        return True

    def _stretch(self, seconds: float) -> float:
        left = self._deadline.left if self._deadline is not None else 0.0
        return max(self._answer_seconds, min(2 * seconds, left))

    def _has_run(self, dag_id: str, run_id: str) -> bool:
        try:
            self.dag_run(dag_id, run_id)
        except _NothingThereError:
            return False
        return True

    def _call(self, method: str, path: str, body: Mapping[str, Any] | None, seconds: float) -> Json:
        if self._login.token is None:
            self._login.token = self._fetch_token(seconds)
        try:
            return self._send(method, f"/api/v2{path}", body, token=self._login.token, seconds=seconds)
        except _TokenRefusedError:
            self._login.token = self._fetch_token(seconds)
            return self._send(method, f"/api/v2{path}", body, token=self._login.token, seconds=seconds)

    def _fetch_token(self, seconds: float) -> str:
        login = {"username": self._login.user, "password": self._login.password}
        return str(self._send("POST", "/auth/token", login, token=None, seconds=seconds)["access_token"])

    def _send(self, method: str, path: str, body: Mapping[str, Any] | None, *, token: str | None, seconds: float) -> Json:
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        data = None if body is None else json.dumps(body).encode()
        try:
            request = urllib.request.Request(f"{self.url}{path}", data, headers, method=method)  # noqa: S310 - http only
            with self._opener.open(request, timeout=seconds) as answer:
                parsed: Json = json.loads(answer.read().decode() or "{}")
                return parsed
        except urllib.error.HTTPError as error:
            raise self._explain(f"{method} {path}", error, had_token=token is not None) from error
        except (OSError, HTTPException) as error:
            raise UnavailableError(f"Airflow at {self.url} does not answer: {error}") from error
        except ValueError as error:
            raise StackError(f"What answers at {self.url} is no Airflow: {method} {path} gave no JSON ({error}).") from error

    def _explain(self, asked: str, error: urllib.error.HTTPError, *, had_token: bool) -> StackError | UnavailableError:
        """A fault of the server may pass; a refusal does not."""
        with error:
            said = error.read().decode(errors="replace")[:500]
        if error.code >= SERVER_FAULT:
            return UnavailableError(f"Airflow at {self.url} cannot answer {asked} now ({error.code}): {said}")
        if error.code == UNAUTHORIZED and had_token:
            return _TokenRefusedError(said)
        kind = {NOT_FOUND: _NothingThereError, CONFLICT: _AlreadyThereError}.get(error.code, StackError)
        return kind(f"Airflow refused {asked} with {error.code}: {said}")


class _TokenRefusedError(StackError):
    """The token has run out, or the api-server was started anew with another secret."""


class _NothingThereError(StackError):
    """Airflow knows nothing by this name."""


class _AlreadyThereError(StackError):
    """Airflow has something by this name."""


def _describe_life(run: Mapping[str, Any]) -> tuple[object, ...]:
    """What changes when a run is cleared, however quickly it ends again."""
    return tuple(run.get(name) for name in ("state", "queued_at", "start_date", "end_date"))


def _read_beat(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
