"""Pages in the Chromium of this system: what they come to once their scripts have run, and what they asked for meanwhile."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

CHROMIUM = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None)
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on PATH (on Debian: apt-get install chromium)")

HOSTILE = (
    "</script></style></title>--><script>document.title = 'acted'</script><img src=/acted onerror=\"document.title = 'acted'\">"
    "<svg onload=\"document.title = 'acted'\"></svg>\u2028<!-- ]]> <script>"
)
"""What somebody writes into a category, a note or a reason who wants that it acts: in markup, in a script, in a title."""


def browse(page: str, folder: Path, headers: Mapping[str, str] | None = None) -> tuple[str, list[str]]:
    """The document of a page that is served with these headers, after its scripts have run; and the paths it asked for besides.

    Args:
        folder: where the browser keeps what it must keep.
    """
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            is_page = self.path == "/page"
            asked.extend(() if is_page else (self.path,))
            self.send_response(200 if is_page else 404)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(page.encode() if is_page else b"")

        def log_message(self, *_: object) -> None:
            """The test says what was asked."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            return _dump(f"http://127.0.0.1:{server.server_port}/page", folder), asked
        finally:
            server.shutdown()


def _dump(address: str, folder: Path) -> str:
    assert CHROMIUM is not None
    flags = ["--headless", "--disable-gpu", "--no-proxy-server", "--no-first-run", "--disable-dev-shm-usage"]
    flags += ["--no-sandbox"] if os.geteuid() == 0 else []  # to the superuser Chromium refuses its own
    command = [CHROMIUM, *flags, f"--user-data-dir={folder}", "--virtual-time-budget=10000", "--dump-dom", address]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
