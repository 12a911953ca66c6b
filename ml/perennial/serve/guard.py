"""Around every request: its count and time, a line in the log where it failed, and no error that shows what a row held."""

from __future__ import annotations

import logging
from time import perf_counter
from typing import TYPE_CHECKING

from perennial.serve.answers import Refusal

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from perennial.serve.gauges import Gauges

log = logging.getLogger(__name__)
FAULT = 500
FAILED = 400


class Guard:
    """The outermost application.

    Neither the path nor a message of an unexpected error goes into the log: one holds entities, the other may hold values.
    """

    def __init__(self, app: ASGIApp, gauges: Gauges) -> None:
        self._app = app
        self._gauges = gauges

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = perf_counter(), 0

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watch)
        except Exception as error:  # noqa: BLE001 - whatever it is, its message may hold values
            log.error("%s: %s at %s", _name_route(scope), type(error).__name__, _find_place(error))  # noqa: TRY400 - see above
            if status == 0:
                status = FAULT
                await Refusal(FAULT, "The server failed; its log says where.").as_response()(scope, receive, send)
        self._count(scope, status, perf_counter() - began)

    def _count(self, scope: Scope, status: int, seconds: float) -> None:
        route, model = _name_route(scope), scope.get("served_model", "")
        self._gauges.requests.labels(route, model, str(status)).inc()
        self._gauges.seconds.labels(route).observe(seconds)
        if status >= FAILED:
            log.info("%s %s %d in %.1f ms", route, model or "-", status, seconds * 1000)


def _name_route(scope: Scope) -> str:
    """The route as it was declared, not as it was called."""
    return getattr(scope.get("route"), "path", "none")


def _find_place(error: Exception) -> str:
    """File and line at which it was raised."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "?" if trace is None else f"{trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}"
