"""One server of a real stack never becomes healthy: the others stay and are of use, and a later `up` completes.

The fault: a program that shadows MLflow holds its port and answers every question, but never with OK.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import psycopg2
import pytest

from perennial.local import Ports, Stack
from perennial.local.health import answers_smtp
from perennial.local.record import Record
from perennial.local.servers import fetch

PATIENCE = "0.1"  # 24 s of quiet cores instead of 240
IMPOSTOR = """
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"NOT YET")

    def log_message(self, *_):
        print("still loading the registry", flush=True)

HTTPServer(("127.0.0.1", int(sys.argv[sys.argv.index("--port") + 1])), Handler).serve_forever()
"""


@dataclass(frozen=True)
class Faulty:
    """What the first `up` came to, and the stack that it left; `perennial` runs a command beside it."""

    first: subprocess.CompletedProcess[str]
    stack: Stack
    record: Record
    perennial: Callable[..., subprocess.CompletedProcess[str]]


def make_shell(var: Path, shadows: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    ports = {f"PERENNIAL_{name.upper()}_PORT": str(port) for name, port in asdict(Ports.free()).items()}
    environment = {**os.environ, **ports, "PERENNIAL_VAR": str(var), "PERENNIAL_PATIENCE": PATIENCE, "PYTHONPATH": str(shadows)}

    def perennial(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "perennial", *words]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    return perennial


@pytest.fixture(scope="module")
def shadows(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("shadows")
    (folder / "mlflow").mkdir()
    (folder / "mlflow" / "__init__.py").touch()
    (folder / "mlflow" / "__main__.py").write_text(IMPOSTOR, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def faulty(tmp_path_factory, shadows) -> Iterator[Faulty]:
    var = tmp_path_factory.mktemp("faulty") / "var"
    perennial = make_shell(var, shadows)
    try:
        first, stack = perennial("up", "--only", "mail,mlflow"), Stack(var)
        assert stack.record is not None, first.stderr
        yield Faulty(first, stack, stack.record, perennial)
    finally:
        perennial("down")


def select_runs(stack: Stack) -> int:
    with psycopg2.connect(stack.addresses.client_url("pipeline")) as connection, connection.cursor() as cursor:
        cursor.execute("select count(*) from ledger.runs")
        (runs,) = cursor.fetchone()
    connection.close()
    return runs


def test_up_names_the_server_how_long_it_waited_and_the_last_line_of_its_log(faulty):
    assert faulty.first.returncode != 0
    assert "FAILED: mlflow is not healthy after " in faulty.first.stdout
    said = faulty.first.stderr
    assert int(said.partition("mlflow is not healthy after ")[2].partition(" s")[0]) >= 24
    assert "mlflow.log says:\n" in said
    assert "still loading the registry\nWhat is healthy stays up: postgres, mail." in said


def test_what_is_healthy_stays_up_and_is_of_use(faulty):
    assert select_runs(faulty.stack) == 0
    assert answers_smtp("127.0.0.1", faulty.stack.addresses.ports.mail)


def test_what_failed_holds_its_port_no_more_and_the_status_says_so(faulty):
    assert fetch(faulty.stack.addresses.mlflow_url) is None
    status = faulty.perennial("status", "--json")
    assert status.returncode == 1
    assert '"server": "mlflow", "state": "failed"' in status.stdout


def test_without_the_fault_a_later_up_joins_and_completes(faulty, shadows):
    shutil.rmtree(shadows / "mlflow")
    later = faulty.perennial("up", "--only", "mail,mlflow")
    assert (later.returncode, later.stderr) == (0, "")
    assert "joining the stack in " in later.stdout
    now = faulty.stack.record
    kept = ("postgres", "mail")
    assert (now.supervisor, now.state) == (faulty.record.supervisor, "ready")
    assert [now.servers[name].process for name in kept] == [faulty.record.servers[name].process for name in kept]
    assert fetch(f"{faulty.stack.addresses.mlflow_url}/health") == "OK"
    assert faulty.perennial("status").returncode == 0
