"""The way of a request for scores past FastAPI's routing, which takes longer than all else that is done for one row."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response

from perennial.serve.answers import Refusal

if TYPE_CHECKING:
    from starlette.routing import BaseRoute
    from starlette.types import ASGIApp, Receive, Scope, Send

BEFORE, BEHIND = "/v1/models/", "/predict"
Answer = Callable[[str, Request], Awaitable[Response]]


class Direct:
    """Answers `POST /v1/models/{model}/predict` as the route does that is declared for it, and hands on everything else.

    Args:
        route: the declared one, by which the request is counted.
        answer: what it calls, with the name of the model as it was sent.
    """

    def __init__(self, app: ASGIApp, route: BaseRoute, answer: Answer) -> None:
        self._app = app
        self._route = route
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        model = _find_model(scope)
        if not model:
            await self._app(scope, receive, send)
            return
        scope["route"] = self._route
        try:
            response = await self._answer(model, Request(scope, receive))
        except Refusal as refusal:
            response = refusal.as_response()
        await response(scope, receive, send)


def _find_model(scope: Scope) -> str:
    """Empty where something else is asked."""
    if scope["type"] != "http" or scope["method"] != "POST":
        return ""
    path: str = scope["path"]
    if not (path.startswith(BEFORE) and path.endswith(BEHIND)):
        return ""
    model = path[len(BEFORE) : -len(BEHIND)]
    return "" if "/" in model else model
