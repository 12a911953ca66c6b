"""A small client of Airflow's REST API (version 2), for the demo, `doctor` and the end-to-end test."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from datetime import datetime
from http.client import HTTPException
from typing import Any
from urllib.parse import quote, urlencode

from perennial.errors import StackError, UnavailableError

TIMEOUT_SECONDS = 30.0
PAGE = 100
UNAUTHORIZED = 401
HEALTHY = "healthy"
SERVICES = ("metadatabase", "scheduler", "dag_processor", "triggerer")

Json = dict[str, Any]
"""What Airflow sends back: JSON as documented under /docs of the api-server."""


class AirflowClient:
    """Speaks as one user; gets a new token when the old one has run out. Without a user it can ask for `health` alone."""

    def __init__(self, url: str, user: str | None = None, password: str | None = None) -> None:
        self.url = url
        self.user = user
        self._login = {"username": user, "password": password}
        self._token: str | None = None
        # Nothing may stand between this machine and itself.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def health(self) -> Json:
        """The state of metadatabase, scheduler, dag_processor and triggerer, each with its last heartbeat."""
        return self._send("GET", "/api/v2/monitor/health", None, token=None)

    def unhealthy(self, since: datetime | None = None) -> tuple[str, ...]:
        """The services that are not healthy, or whose last heartbeat is older than `since`."""
        health = self.health()
        return tuple(name for name in SERVICES if not _is_healthy(name, health.get(name) or {}, since))

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
        """Start a run, for a key or for parameters; returns its id. `logical_date: null` makes it a run without a date."""
        body = {"logical_date": None, "partition_key": partition_key, "conf": dict(conf or {}), "dag_run_id": run_id}
        given = {name: value for name, value in body.items() if value is not None or name == "logical_date"}
        return str(self.request("POST", f"/dags/{quote(dag_id)}/dagRuns", given)["dag_run_id"])

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
        self.request("POST", f"/dags/{quote(dag_id)}/dagRuns/{quote(run_id, safe='')}/clear", body)

    def task_instances(self, dag_id: str, run_id: str) -> tuple[Json, ...]:
        """The tasks of a run: `task_id`, `state`, `try_number`, `duration`."""
        answer = self.request("GET", f"/dags/{quote(dag_id)}/dagRuns/{quote(run_id, safe='')}/taskInstances?limit={PAGE}")
        return tuple(answer["task_instances"])

    def task_log(self, dag_id: str, run_id: str, task_id: str, try_number: int = 1) -> str:
        """What a task wrote, one event per line."""
        place = f"/dags/{quote(dag_id)}/dagRuns/{quote(run_id, safe='')}/taskInstances/{quote(task_id)}/logs/{try_number}"
        return "\n".join(_describe_event(event) for event in self.request("GET", place)["content"])

    def import_errors(self) -> tuple[Json, ...]:
        """DAG files that Airflow could not load: `filename`, `stack_trace`."""
        return tuple(self.request("GET", f"/importErrors?limit={PAGE}")["import_errors"])

    def request(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Json:
        """Call `/api/v2<path>`.

        Raises:
            StackError: Airflow refused, with its reason.
            UnavailableError: nobody answers.
        """
        if self._token is None:
            self._token = self._fetch_token()
        try:
            return self._send(method, f"/api/v2{path}", body, token=self._token)
        except _TokenRefused:
            self._token = self._fetch_token()
            return self._send(method, f"/api/v2{path}", body, token=self._token)

    def _fetch_token(self) -> str:
        return str(self._send("POST", "/auth/token", self._login, token=None)["access_token"])

    def _send(self, method: str, path: str, body: Mapping[str, Any] | None, *, token: str | None) -> Json:
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        data = None if body is None else json.dumps(body).encode()
        try:
            request = urllib.request.Request(f"{self.url}{path}", data, headers, method=method)  # noqa: S310 - http only
            with self._opener.open(request, timeout=TIMEOUT_SECONDS) as answer:
                parsed: Json = json.loads(answer.read().decode() or "{}")
                return parsed
        except urllib.error.HTTPError as error:
            with error:
                said = error.read().decode(errors="replace")
            if error.code == UNAUTHORIZED and token is not None:
                raise _TokenRefused(said) from error
            raise StackError(f"Airflow refused {method} {path} with {error.code}: {said[:500]}") from error
        except (OSError, HTTPException) as error:
            raise UnavailableError(f"Airflow at {self.url} does not answer: {error}") from error
        except ValueError as error:
            raise StackError(f"What answers at {self.url} is no Airflow: {method} {path} gave no JSON ({error}).") from error


class _TokenRefused(StackError):
    """The token has run out, or the api-server was started anew with another secret."""


def _is_healthy(name: str, state: Mapping[str, Any], since: datetime | None) -> bool:
    if state.get("status") != HEALTHY:
        return False
    if since is None or name == "metadatabase":
        return True
    beat = state.get(f"latest_{name}_heartbeat")
    return beat is not None and datetime.fromisoformat(str(beat)) >= since


def _describe_event(event: str | Mapping[str, Any]) -> str:
    return event if isinstance(event, str) else str(event.get("event", event))
