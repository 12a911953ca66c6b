"""`perennial metrics`: what Prometheus is told."""

from __future__ import annotations

import logging
import os
import signal
from threading import Thread
from typing import TYPE_CHECKING, Annotated

import typer

from perennial import local
from perennial.cli.edge import app
from perennial.config import find_home
from perennial.config.extras import require_extra
from perennial.config.settings import read_watcher_url
from perennial.errors import ConfigError

if TYPE_CHECKING:
    from wsgiref.simple_server import WSGIServer

PORT = 9109


@app.command(rich_help_panel="Operations")
def metrics(
    *,
    once: Annotated[bool, typer.Option("--once", help="Print the metrics once, and end.")] = False,
    host: Annotated[str, typer.Option(help="Where to listen; everybody who reaches it may read.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0 takes a free one.")] = PORT,
    limit_seconds: Annotated[float, typer.Option(min=0.001, help="Longest time of each query of a scrape.")] = 5.0,
) -> None:
    """Show the ledger to Prometheus: scores, champion, drift, stages, what waits; as role watcher, on /metrics.

    The address is PERENNIAL_WATCHER_URL, or the embedded stack's. A warehouse that is down is a metric, no fault.
    """
    require_extra("watch", "perennial metrics")
    from perennial import watch  # noqa: PLC0415 - needs the extra
    from perennial.stores.watching import LedgerWatch  # noqa: PLC0415 - keeps `perennial --help` quick

    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    exporter = watch.Exporter(find_home(), LedgerWatch(_find_url(), limit_seconds))
    if once:
        typer.echo(exporter.write().decode(), nl=False)
        return
    with watch.make_server(exporter.write, host, port) as server:
        typer.echo(f"http://{host}:{server.server_port}/metrics")
        _serve(server)


def _find_url() -> str:
    """PERENNIAL_WATCHER_URL, else the embedded stack that runs here."""
    if os.environ.get("PERENNIAL_WATCHER_URL"):
        return read_watcher_url()
    url = local.find_warehouse_url("watcher")
    if url is None:
        raise ConfigError("No warehouse: start the embedded stack with `perennial up`, or set PERENNIAL_WATCHER_URL.")
    return url


def _serve(server: WSGIServer) -> None:
    """Until SIGTERM or Ctrl-C."""
    for number in (signal.SIGTERM, signal.SIGINT):
        # `shutdown` waits for the loop, which runs in the thread that the signal interrupts
        signal.signal(number, lambda *_: Thread(target=server.shutdown).start())
    server.serve_forever()
