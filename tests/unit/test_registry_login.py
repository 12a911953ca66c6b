"""Whoever reaches the port of the embedded MLflow without its login gets nothing but its health, whatever the path looks like."""

from __future__ import annotations

import asyncio

import pytest

from perennial.config.logins import write_header
from perennial.stores.registry.behind_login import OPEN_PATHS, digest_login, require_login

LOGIN = ("mlflow_admin", "a password")
PATHS = (
    *("/", "/ajax-api/2.0/mlflow/experiments/search", "/api/2.0/mlflow/registered-models/alias", "/graphql", "/get-artifact"),
    *("/api/2.0/mlflow-artifacts/artifacts/1", "/static-files/index.html", "/v1/traces", "/gateway/x", "/docs", "/openapi.json"),
    *("/health/", "//health", "/health/../api", "/HEALTH", "/health;x", "/version/", ""),
)


def ask(path, *, kind="http", header=None):
    """The status that the guard answers with; 200 and "reached" where the application behind it was asked."""
    sent = []

    async def application(scope, receive, send):
        await send({"type": "reached", "status": 200})

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append(message)

    headers = [] if header is None else [(b"authorization", header)]
    scope = {"type": kind, "path": path, "method": "POST", "headers": headers}
    asyncio.run(require_login(application, digest_login(*LOGIN))(scope, receive, send))
    return sent[0].get("status", sent[0].get("code"))


@pytest.mark.attack("somebody without a login reads pages")
@pytest.mark.parametrize("header", [None, b"", b"Basic", b"Basic Og==", b"Bearer x", write_header((LOGIN[0], "admin")).encode()])
def test_nobody_without_the_login_reaches_mlflow(header):
    assert {401} == {ask(path, header=header) for path in PATHS}
    assert {1008} == {ask(path, kind="websocket", header=header) for path in PATHS}


def test_with_the_login_everything_is_reached_and_without_it_the_health():
    header = write_header(LOGIN).encode()
    assert {200} == {ask(path, header=header) for path in PATHS}
    assert {200} == {ask(path) for path in OPEN_PATHS}
