"""One server of the stack: its command, its health, its start and its end. And a job: a command that runs to its end."""

from __future__ import annotations

import re
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path

from perennial.errors import StackError
from perennial.local.patience import HINT, Patience
from perennial.local.ports import HOST, require_free
from perennial.local.processes import Identity, end_all, find_members, identify, spawn
from perennial.stores.registry.behind_login import DIGEST, digest_login

PROBE_SECONDS = 3.0  # a healthy server on a quiet core answers at once
HEALTHY_SECONDS = 240.0  # from its start; the slowest was seen healthy after 25 on quiet cores
TAIL_BYTES = 8192
ESCAPES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")  # colours in a log
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
    # glibc's malloc (mallopt(3)): memory that was freed goes back to the kernel. One arena for every thread would keep
    # what each has freed; and with no limit of our own, the first large array that is freed raises the limit for all.
    "MALLOC_ARENA_MAX": "2",
    "MALLOC_TRIM_THRESHOLD_": "131072",
}


@dataclass
class Server:
    """A program that serves until it is ended; `is_healthy` asks the program itself, not its port.

    Attributes:
        after: the servers that must be healthy, and the jobs that must be done, before it starts.
        prepare: is called before every start.
    """

    name: str
    command: tuple[str, ...]
    folder: Path
    is_healthy: Callable[[], bool]
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    port: int | None = None
    port_variable: str = ""
    after: tuple[str, ...] = ()
    prepare: Callable[[], object] = lambda: None
    process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        return self.folder / f"{self.name}.log"

    @property
    def identity(self) -> Identity | None:
        """Its process while that lives: the number of one that has ended may be a stranger's by now."""
        return None if self.process is None or self.has_ended else identify(self.process.pid)

    @property
    def has_ended(self) -> bool:
        """It was started, and has ended by itself."""
        return self.process is not None and self.process.poll() is not None

    @property
    def is_done(self) -> bool:
        """A server never is; a job is when it has ended well."""
        return False

    def start(self, *, new_session: bool = False) -> None:
        """Start it; it gets TERM when this process dies.

        Raises:
            StackError: its port is taken, by whom, and what to set.
        """
        if self.port is not None:
            require_free(self.port, self.name, self.port_variable)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.prepare()
        environment = {**QUIET, **LEAN, **self.environment}
        self.process = spawn(self.command, log=self.log, environment=environment, new_session=new_session)

    def explain_end(self) -> str:
        """For a server that ended by itself."""
        code = None if self.process is None else self.process.returncode
        return f"{self.name} ended by itself (exit code {code}); {say_end(self.log)}"

    def wait(self, limit_seconds: float = HEALTHY_SECONDS, patience: Patience | None = None) -> None:
        """Wait until it is healthy.

        Raises:
            StackError: it ended, or the time is over.
        """
        deadline = (patience or Patience.from_environment()).begin(limit_seconds)
        is_up = deadline.await_that(lambda: self.has_ended or self.is_healthy())
        if self.has_ended:
            raise StackError(self.explain_end())
        if not is_up:
            raise StackError(f"{self.name} is not healthy after {deadline.elapsed:.0f} s ({HINT}); {say_end(self.log)}")

    def stop(self) -> None:
        """End it with everything in the session that it leads; for a server that was started with `new_session`."""
        if self.process is not None:
            leader = identify(self.process.pid)
            end_all(lambda: find_members(leader))
            self.process.wait()


@dataclass
class Job(Server):
    """A command that runs to its end; with `is_needed` it is not even started when its work was done before.

    Attributes:
        finish: is called once after it ended well.
    """

    is_needed: Callable[[], bool] = lambda: True
    finish: Callable[[], object] = lambda: None
    _is_done: bool = False

    @property
    def is_done(self) -> bool:
        if not self._is_done and self.process is not None and self.process.poll() == 0:
            self.finish()
            self._is_done = True
        return self._is_done

    def start(self, *, new_session: bool = False) -> None:
        """Start it where there is something to do."""
        self._is_done = not self.is_needed()
        if not self._is_done:
            super().start(new_session=new_session)


def say_end(log: Path) -> str:
    """The end of a log, as the last part of a message."""
    return f"the end of {log} says:\n{read_end(log)}"


def python_command(*arguments: str) -> tuple[str, ...]:
    """A module of this environment: `python -m ...`, so that PATH plays no part."""
    return (sys.executable, "-m", *arguments)


def fetch(url: str, patience: Patience | None = None) -> str | None:
    """The body at a local address; None when nobody answers well. No proxy ever stands between us and 127.0.0.1."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    seconds = (patience or Patience.from_environment()).allow(PROBE_SECONDS)
    try:
        with opener.open(url, timeout=seconds) as answer:
            return str(answer.read().decode(errors="replace"))
    except (OSError, HTTPException, ValueError):  # ValueError: the address is none
        return None


def read_end(log: Path, lines: int = 12) -> str:
    """The last lines of a log, for messages."""
    return "\n".join(_read_tail(log)[-lines:]) or "(no log)"


def read_last_line(log: Path) -> str:
    """The newest line that says something, without colours; empty when there is none."""
    lines = (ESCAPES.sub("", line).strip() for line in reversed(_read_tail(log)))
    return next((line for line in lines if any(character.isalnum() for character in line)), "")


def _read_tail(log: Path) -> list[str]:
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - TAIL_BYTES))
            return file.read().decode(errors="replace").splitlines()
    except OSError:
        return []


def make_mlflow(
    folder: Path, port: int, *, backend_url: str, patience: Patience | None = None, login: tuple[str, str] | None = None
) -> Server:
    """MLflow with PostgreSQL behind it; it hands out and takes in artifacts itself, from `folder`/artifacts.

    Args:
        login: user and password that everybody but a question about its health must send; None: it asks for none.
    """
    app = () if login is None else ("--app-name", "perennial")
    return Server(
        "mlflow",
        python_command("mlflow", "server", "--host", HOST, "--port", str(port), "--workers", "1", "--serve-artifacts", *app),
        folder,
        lambda: fetch(f"http://{HOST}:{port}/health", patience) == "OK",
        environment={
            "MLFLOW_BACKEND_STORE_URI": backend_url,  # here, not on the command line: it holds the password
            "MLFLOW_ARTIFACTS_DESTINATION": str(folder / "artifacts"),
            **({} if login is None else {DIGEST: digest_login(*login)}),
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # 2 processes and 0.4 GB instead of 10 and 1.3
        },
        port=port,
        port_variable="PERENNIAL_MLFLOW_PORT",
    )
