"""`perennial serve` as its user starts it: several processes on one port, one text of figures, and an end by SIGTERM."""

import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from perennial.local.ports import find_free_port
from perennial.serve import TokenFile
from tests.integration.publish_toy import VERSION, make_predictor, make_toy
from tests.integration.test_serve import PREDICT, list_rows, read_snapshot
from tests.paths import ROOT
from tests.toy_server import PATIENCE_SECONDS, ToyInstallation, wait_for


@pytest.fixture
def plain(warehouse_urls, tmp_path):
    installation = ToyInstallation(make_toy(warehouse_urls), warehouse_urls.analyst, tmp_path)
    installation.add_version(3, make_predictor(), read_snapshot(installation.toy))
    installation.promote(3)
    return installation


def name_environment(installation):
    return os.environ | {
        "PERENNIAL_SERVE_URL": installation.analyst_url,
        "PERENNIAL_HOME": str(installation.home),
        "PERENNIAL_ARTIFACTS": str(installation.artifacts),
        "PERENNIAL_SERVE_TOKENS": str(installation.folder / "tokens.json"),
    }


def start(installation, *options, **environment):
    command = [sys.executable, "-m", "perennial", "serve", *options]
    environment = name_environment(installation) | environment
    return subprocess.Popen(command, env=environment, cwd=ROOT, stderr=subprocess.PIPE, text=True)


@contextmanager
def alone(worker, workers):
    """Whoever connects meanwhile meets this worker: the others stand still."""
    others = [pid for pid in workers if pid != worker]
    for pid in others:
        os.kill(pid, signal.SIGSTOP)
    try:
        wait_for(lambda: {read_state(pid) for pid in others} == {"T"})
        yield
    finally:
        for pid in others:
            os.kill(pid, signal.SIGCONT)


def find_workers(server):
    return [child for child in find_children(server.pid) if "spawn_main" in read_command(child)]


def test_workers_share_a_port_and_their_figures_and_end_when_they_are_told(plain):
    token = TokenFile(plain.folder / "tokens.json").add("tester", VERSION.effective_at)
    port = find_free_port()
    server = start(plain, "--port", str(port), "--workers", "2", "--rate", "0")
    rows = list_rows(plain.toy)[:3]
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE_SECONDS) as client:
            wait_for(lambda: is_ready(client))
            headers = {"authorization": f"Bearer {token}"}
            # Each on a connection of its own, which any worker may take; who is not ready yet says so.
            url, asked = str(client.base_url.join(PREDICT)), {"json": {"rows": rows}, "headers": headers}
            answered = [httpx.post(url, timeout=PATIENCE_SECONDS, **asked) for _ in range(8)]
            good = [each.json()["version"] for each in answered if each.status_code == 200]
            figures = client.get("/metrics").text
        server.send_signal(signal.SIGTERM)
        said = server.communicate(timeout=PATIENCE_SECONDS)[1]
    finally:
        server.terminate()
        server.communicate()
    assert good
    assert {3} == set(good)
    assert f"{3.0 * len(good)}" == re.search(r'^perennial_serve_rows_total\{model="toy"\} (\S+)$', figures, re.MULTILINE)[1]
    assert 0 == server.returncode
    assert token not in said
    assert "Traceback" not in said


def test_workers_end_when_the_process_that_began_them_was_killed(plain):
    port = find_free_port()
    server = start(plain, "--port", str(port), "--workers", "2", "--no-tokens")
    workers = []
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE_SECONDS) as client:
            wait_for(lambda: is_ready(client))
        workers = find_workers(server)
        server.kill()
        server.wait()
        wait_for(lambda: not any(is_running(pid) for pid in workers))
    finally:
        for pid in [each for each in workers if is_running(each)]:
            os.kill(pid, signal.SIGKILL)
        server.kill()
        said = server.communicate()[1]
    assert 2 == len(workers)
    assert 2 == said.count("the process that began this worker is gone: it ends too")


def find_children(pid):
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]


def read_command(pid):
    return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")


def is_running(pid):
    """A zombie, which waits for nobody but a parent that reaps, has ended."""
    return read_state(pid) not in {"", "Z"}


def read_state(pid):
    """As `ps` writes it; empty where there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def is_ready(client):
    try:
        return client.get("/ready").status_code == 200
    except httpx.TransportError:
        return False


def test_without_a_token_the_server_does_not_start_and_says_how(plain):
    server = start(plain)
    _, said = server.communicate(timeout=PATIENCE_SECONDS)
    assert (2, True) == (server.returncode, "perennial token new NAME" in said)


def test_a_port_that_is_taken_is_said(plain):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        server = start(plain, "--no-tokens", "--port", str(taken.getsockname()[1]))
        _, said = server.communicate(timeout=PATIENCE_SECONDS)
    assert (1, True) == (server.returncode, "is it taken?" in said)
