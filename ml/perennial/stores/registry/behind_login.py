"""The embedded MLflow behind a login, as an app of `mlflow server --app-name perennial`.

Everybody who has an account on the machine reaches a port of 127.0.0.1, and whoever reaches MLflow moves the alias. MLflow's
own `basic-auth` keeps users and rights in tables of its own and hashes a password anew at every request; here there is one user
with a random password of this stack, compared by a digest.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

from perennial.config.logins import write_header

DIGEST = "PERENNIAL_MLFLOW_LOGIN_DIGEST"
"""Variable of the server's process: what `digest_login` says of the login."""
OPEN_PATHS = ("/health", "/version")

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Message, Receive, Send], Awaitable[None]]


def digest_login(user: str, password: str) -> str:
    """SHA-256 of the header that a client sends; the password is random and long, so that no slower digest is needed."""
    return hashlib.sha256(write_header((user, password)).encode("ascii")).hexdigest()


def make_app() -> App:
    """MLflow's own application behind the login whose digest the environment holds."""
    from mlflow.server.fastapi_app import app  # noqa: PLC0415 - only the server itself needs it

    return require_login(app, os.environ[DIGEST])


def require_login(app: App, digest: str) -> App:
    """Let through who sends the login, and anybody who asks for the server's health."""

    async def guard(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or scope.get("path") in OPEN_PATHS or _is_known(scope, digest):
            await app(scope, receive, send)
        elif scope["type"] == "http":
            await _refuse(send)
        else:
            await send({"type": "websocket.close", "code": 1008})

    return guard


def _is_known(scope: Message, digest: str) -> bool:
    sent = next((value for name, value in scope.get("headers", ()) if name == b"authorization"), b"")
    return hmac.compare_digest(hashlib.sha256(sent).hexdigest(), digest)


async def _refuse(send: Send) -> None:
    headers = [(b"www-authenticate", b'Basic realm="MLflow", charset="UTF-8"'), (b"content-type", b"text/plain; charset=utf-8")]
    await send({"type": "http.response.start", "status": 401, "headers": headers})
    await send({"type": "http.response.body", "body": b"MLflow is behind a login: `perennial up` prints it."})
