"""The page /metrics, for one Prometheus or a few: scrapes take turns, and more of them than fit are sent away."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from socketserver import ThreadingMixIn
from threading import BoundedSemaphore, Lock
from typing import TYPE_CHECKING
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer
from wsgiref.simple_server import make_server as make_wsgi_server

from prometheus_client.exposition import CONTENT_TYPE_LATEST

from perennial.errors import ConfigError

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

MOST_WAITING = 4  # scrapes at once: one reads, the others wait for it
SLOW_CLIENT_SECONDS = 30  # to send a request, or to take an answer


def make_server(write: Callable[[], bytes], host: str, port: int) -> WSGIServer:
    """A server that answers GET of /metrics, and of /health without asking the warehouse.

    Args:
        write: gives the text that is shown; never called twice at the same time.
        port: 0 takes a free one (`server_port` says which).

    Raises:
        ConfigError: nobody can listen there.
    """
    try:
        return make_wsgi_server(host, port, _Page(write), server_class=_Server, handler_class=_Handler)
    except OSError as error:
        raise ConfigError(
            f"Nobody can listen on {host}:{port}: {error.strerror}. Name another with --host and --port."
        ) from error


class _Page:
    def __init__(self, write: Callable[[], bytes]) -> None:
        self._write = write
        self._turn, self._room = Lock(), BoundedSemaphore(MOST_WAITING)

    def __call__(self, environment: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        status, kind, body = self._answer(environment["REQUEST_METHOD"], environment["PATH_INFO"])
        start(status, [("Content-Type", kind), ("Content-Length", str(len(body)))])
        return [b""] if environment["REQUEST_METHOD"] == "HEAD" else [body]

    def _answer(self, method: str, path: str) -> tuple[str, str, bytes]:
        plain = "text/plain; charset=utf-8"
        if method not in ("GET", "HEAD"):
            return "405 Method Not Allowed", plain, b"Only GET is answered.\n"
        if path == "/health":
            return "200 OK", plain, b"OK"
        if path != "/metrics":
            return "404 Not Found", plain, b"There are /metrics and /health.\n"
        if not self._room.acquire(blocking=False):
            return "503 Service Unavailable", plain, b"Too many scrapes at once.\n"
        try:
            with self._turn:
                return "200 OK", CONTENT_TYPE_LATEST, self._write()
        finally:
            self._room.release()


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True  # a slow client holds up nobody, nor the end


class _Handler(WSGIRequestHandler):
    timeout = SLOW_CLIENT_SECONDS

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the class above
        """A line for every scrape tells nobody anything."""
