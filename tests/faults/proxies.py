"""Servers between us and the real ones that misbehave when they are told to."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal
from urllib.parse import urlsplit

Behaviour = Literal["pass", "500", "late", "die before", "die after"]
LATE_SECONDS = 2.0
HOP_BY_HOP = {"connection", "transfer-encoding", "content-length", "keep-alive", "date", "server"}


class Proxy(ThreadingHTTPServer):
    """Passes requests on to a real server, or does not."""

    daemon_threads = True

    def __init__(self, url: str, choose: Callable[[str], Behaviour]) -> None:
        super().__init__(("127.0.0.1", 0), Passing)
        self.real, self.choose = urlsplit(url), choose


class Passing(BaseHTTPRequestHandler):
    """One request."""

    server: Proxy

    def pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        match self.server.choose(f"{self.command} {self.path}"):
            case "500":
                self._answer(500, {}, b"out of order")
            case "die before":
                self._hang_up()
            case "die after":
                self._ask(body)
                self._hang_up()
            case "late":
                answer = self._ask(body)
                time.sleep(LATE_SECONDS)
                self._answer(*answer)
            case _:
                self._answer(*self._ask(body))

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = pass_on  # noqa: N815 - the library's names

    def _ask(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection(self.server.real.hostname, self.server.real.port)
        connection.request(self.command, self.path, body, dict(self.headers))
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, dict(answer.getheaders()), content

    def _answer(self, status: int, headers: dict[str, str], content: bytes) -> None:
        with suppress(OSError):  # whoever asked may wait no longer
            self.send_response(status)
            for name, value in headers.items():
                if name.lower() not in HOP_BY_HOP:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    def _hang_up(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


@contextmanager
def stand_before(url: str, choose: Callable[[str], Behaviour]) -> Iterator[str]:
    """A proxy before an HTTP server; `choose` says what becomes of a request, by its method and path.

    `late`: it is done, and the answer comes after LATE_SECONDS. `die before`, `die after`: the connection ends without an answer,
    before or after the real server has done it.
    """
    server = Proxy(url, choose)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def answer_mail(talk: Callable[[socket.socket], None]) -> Iterator[int]:
    """A mail server that does with each connection what `talk` does, and then ends it; its port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:  # it was closed
                return
            with connection:
                talk(connection)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def hang(connection: socket.socket) -> None:
    """Never greet, until the other side has had enough."""
    connection.recv(1)


def turn_away(connection: socket.socket) -> None:
    connection.sendall(b"421 too busy\r\n")


def drop_after_data(connection: socket.socket) -> None:
    """Take the whole message, and end the connection without a word."""
    connection.sendall(b"220 here\r\n")
    lines = connection.makefile("rb")
    for line in lines:
        if line.upper().startswith(b"DATA"):
            connection.sendall(b"354 go on\r\n")
            for part in lines:
                if part == b".\r\n":
                    return
        connection.sendall(b"250 OK\r\n")
