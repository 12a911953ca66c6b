"""One server of the stack: its command, its health, its start and its end."""

from __future__ import annotations

import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path

from perennial.errors import StackError
from perennial.local.ports import HOST, require_free
from perennial.local.processes import Identity, end_all, find_members, identify, spawn

PROBE_SECONDS = 3.0
QUIET: Mapping[str, str] = {
    # Nothing reports itself to anybody.
    "DO_NOT_TRACK": "1",
    "GX_ANALYTICS_ENABLED": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "SCARF_NO_ANALYTICS": "true",
    "SCARF_ANALYTICS": "false",
    "MPLBACKEND": "agg",
    "PYTHONUNBUFFERED": "1",
    # MLflow: no pickle is ever loaded, and a server that is down fails soon instead of after four minutes.
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "15",
    # What runs here talks to 127.0.0.1, never through a proxy.
    "NO_PROXY": "127.0.0.1,localhost",
    "no_proxy": "127.0.0.1,localhost",
}

LEAN: Mapping[str, str] = {
    # glibc's malloc (mallopt(3)): memory that was freed goes back to the kernel. One contenders for every thread would keep
    # what each has freed; and with no limit of our own, the first large array that is freed raises the limit for all.
    "MALLOC_ARENA_MAX": "2",
    "MALLOC_TRIM_THRESHOLD_": "131072",
}


@dataclass
class Server:
    """A program that serves until it is ended; `is_healthy` asks the program itself, not its port."""

    name: str
    command: tuple[str, ...]
    folder: Path
    is_healthy: Callable[[], bool]
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    port: int | None = None
    port_variable: str = ""
    process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        return self.folder / f"{self.name}.log"

    @property
    def identity(self) -> Identity | None:
        return None if self.process is None else identify(self.process.pid)

    def start(self, *, new_session: bool = False) -> None:
        """Start it; it gets TERM when this process dies.

        Raises:
            StackError: its port is taken, by whom, and what to set.
        """
        if self.port is not None:
            require_free(self.port, self.name, self.port_variable)
        self.folder.mkdir(parents=True, exist_ok=True)
        environment = {**QUIET, **LEAN, **self.environment}
        self.process = spawn(self.command, log=self.log, environment=environment, new_session=new_session)

    def check_alive(self) -> None:
        """Refuse to go on with a server that ended by itself.

        Raises:
            StackError: with the end of its log.
        """
        if self.process is not None and self.process.poll() is not None:
            raise StackError(f"{self.name} ended by itself (exit code {self.process.returncode}); {self._say_end()}")

    def wait(self, limit_seconds: float = 120.0) -> None:
        """Wait until it is healthy.

        Raises:
            StackError: it ended, or the time is over.
        """
        deadline = time.monotonic() + limit_seconds
        while not self.is_healthy():
            self.check_alive()
            if time.monotonic() > deadline:
                raise StackError(f"{self.name} is not healthy after {limit_seconds:.0f} s; {self._say_end()}")
            time.sleep(0.25)

    def _say_end(self) -> str:
        return f"the end of {self.log} says:\n{read_end(self.log)}"

    def stop(self) -> None:
        """End it with everything in the session that it leads; for a server that was started with `new_session`."""
        if self.process is not None:
            leader = identify(self.process.pid)
            end_all(lambda: find_members(leader))
            self.process.wait()


def python_command(*arguments: str) -> tuple[str, ...]:
    """A module of this environment: `python -m ...`, so that PATH plays no part."""
    return (sys.executable, "-m", *arguments)


def fetch(url: str) -> str | None:
    """The body at a local address; None when nobody answers well. No proxy ever stands between us and 127.0.0.1."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=PROBE_SECONDS) as answer:
            return str(answer.read().decode(errors="replace"))
    except (OSError, HTTPException, ValueError):  # ValueError: the address is none
        return None


def read_end(log: Path, lines: int = 12) -> str:
    """The last lines of a log, for messages."""
    try:
        return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
    except OSError:
        return "(no log)"


def make_mlflow(folder: Path, port: int, *, backend_url: str) -> Server:
    """MLflow with PostgreSQL behind it; it hands out and takes in artifacts itself, from `folder`/artifacts."""
    return Server(
        "mlflow",
        python_command("mlflow", "server", "--host", HOST, "--port", str(port), "--workers", "1", "--serve-artifacts"),
        folder,
        lambda: fetch(f"http://{HOST}:{port}/health") == "OK",
        environment={
            "MLFLOW_BACKEND_STORE_URI": backend_url,  # here, not on the command line: it holds the password
            "MLFLOW_ARTIFACTS_DESTINATION": str(folder / "artifacts"),
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # 2 processes and 0.4 GB instead of 10 and 1.3
        },
        port=port,
        port_variable="PERENNIAL_MLFLOW_PORT",
    )
