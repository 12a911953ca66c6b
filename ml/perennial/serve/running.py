"""The processes of a server: uvicorn, one or several workers on one socket, and an end that lets requests finish."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
import shutil
import signal
import tempfile
from functools import partial
from multiprocessing.process import BaseProcess
from threading import Thread
from typing import TYPE_CHECKING

from uvicorn import Config, Server
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.supervisors import Multiprocess

from perennial.errors import StackError
from perennial.serve.application import make_application
from perennial.serve.gauges import SHARED_FOLDER
from perennial.serve.options import ServeOptions

if TYPE_CHECKING:
    from perennial.serve.guard import Guard

log = logging.getLogger(__name__)
HEAD_BYTES, HEAD_SECONDS = 64 << 10, 10.0
ANSWER_SECONDS = 30.0  # in which a caller must take enough of an answer that it fits into what the connection holds
WORKER_SECONDS = 120  # in which a worker must answer its parent: importing on a busy machine takes longer than uvicorn's 5
LOGGING: dict[str, object] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "plain", "stream": "ext://sys.stderr"}},
    "loggers": {
        "perennial": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
        "uvicorn": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
    },
}


class ImpatientProtocol(HttpToolsProtocol):
    """Ends a connection that uvicorn would wait for without end.

    That is one on which a head does not come whole within a time and a size, or line ends come and no head, or what is left of a
    request that was answered already, or on which nobody takes the answers.
    """

    head_seconds = HEAD_SECONDS
    answer_seconds = ANSWER_SECONDS

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as its parent
        super().connection_made(transport)
        self._awaited: asyncio.TimerHandle | None = None
        self._untaken: asyncio.TimerHandle | None = None
        self._is_in_body = False
        self._wait_for_rest()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._head_bytes += len(data)
        if self._is_in_body:
            return
        if self._awaited is None and (self.cycle is None or self.cycle.response_complete):
            self._wait_for_rest()
        elif self._awaited is not None and self._head_bytes > HEAD_BYTES:
            self.transport.abort()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._wait_for_rest()

    def on_headers_complete(self) -> None:
        self._stop_waiting()
        self._is_in_body = True
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._stop_waiting()
        self._is_in_body = False
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._is_in_body and self.cycle.response_complete:
            self._wait_for_rest()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._untaken = self.loop.call_later(self.answer_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stop_offering()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        self._stop_offering()
        super().connection_lost(exc)

    def _wait_for_rest(self) -> None:
        """Of what was begun, or of what comes next."""
        if self._awaited is None:
            self._head_bytes = 0
            self._awaited = self.loop.call_later(self.head_seconds, self.transport.abort)

    def _stop_waiting(self) -> None:
        if self._awaited is not None:
            self._awaited.cancel()
            self._awaited = None

    def _stop_offering(self) -> None:
        if self._untaken is not None:
            self._untaken.cancel()
            self._untaken = None


def run(options: ServeOptions) -> None:
    """Serve until SIGTERM or SIGINT: then nobody new is let in, and who was has `stop_seconds` to be answered.

    Raises:
        StackError: the port is taken, or the server did not start.
    """
    config = make_config(options)
    try:
        socket = config.bind_socket()
    except SystemExit as taken:
        raise StackError(f"{options.host}:{options.port} cannot be listened on: is it taken? --port names another.") from taken
    if options.workers == 1:
        server = Server(config)
        server.run(sockets=[socket])
        if not server.started:
            raise StackError("The server did not start; the lines above say why.")
        return
    folder = tempfile.mkdtemp(prefix="perennial-serve-")
    os.environ[SHARED_FOLDER] = folder  # before the workers import the library, which looks then
    try:
        Multiprocess(config, sockets=[socket]).run()
    finally:
        socket.close()
        shutil.rmtree(folder, ignore_errors=True)


def make_in_process(options: ServeOptions) -> Guard:
    """What uvicorn runs in each process; a worker ends when the one that began it is gone, however that ended."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        Thread(target=_end_after, args=(parent,), name="parent", daemon=True).start()
    return make_application(options)


def _end_after(parent: BaseProcess) -> None:
    """As by SIGTERM: requests are answered first. Nobody but the parent would take the shared figures away."""
    parent.join()
    log.warning("the process that began this worker is gone: it ends too")
    folder = os.environ.get(SHARED_FOLDER)
    if folder:
        shutil.rmtree(folder, ignore_errors=True)
    os.kill(os.getpid(), signal.SIGTERM)


def make_config(options: ServeOptions) -> Config:
    """How uvicorn runs a process."""
    return Config(
        partial(make_in_process, options),
        factory=True,
        host=options.host,
        port=options.port,
        workers=options.workers,
        http=ImpatientProtocol,
        ws="none",
        loop="uvloop",
        access_log=False,  # its lines show paths, and these show entities
        log_config=LOGGING,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=options.connections,
        timeout_keep_alive=30,
        timeout_worker_healthcheck=WORKER_SECONDS,
        timeout_graceful_shutdown=options.stop_seconds,
    )
