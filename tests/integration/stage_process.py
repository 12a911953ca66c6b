"""One stage in a process of its own, which a test may kill, or stop and let go on."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

import requests
from sqlalchemy import Engine, event

from perennial import pipeline
from perennial.config import Settings
from perennial.errors import Refused, UnavailableError
from perennial.local.processes import read_stat
from perennial.records import Run

WAIT_SECONDS = 60
TRY_AGAIN = 75  # exit code of a process that met an error of ours which another attempt may not meet
PRELOADED = ["tests.integration.stage_process", "great_expectations", "evidently", "mlflow", "optuna", "lightgbm", "xgboost"]


@dataclass
class Halt:
    """Where a process signals itself: once, around its first statement or request that contains the words.

    A statement is followed by its parameters, so that a lock is found by its name; a request is its method and path.
    """

    words: str
    moment: Literal["before", "after"] = "after"
    signal: signal.Signals = signal.SIGSTOP
    is_over: bool = field(default=False, init=False)

    def install(self) -> None:
        """Look at everything that this process sends to PostgreSQL and MLflow from now on."""
        event.listen(Engine, "before_cursor_execute", lambda *sent: self._pass("before", f"{sent[2]} {sent[3]}"))
        event.listen(Engine, "after_cursor_execute", lambda *sent: self._pass("after", f"{sent[2]} {sent[3]}"))
        send = requests.Session.send

        def send_and_look(session: requests.Session, request: requests.PreparedRequest, **options: Any) -> requests.Response:
            line = f"{request.method} {urlsplit(request.url).path}"
            self._pass("before", line)
            answer = send(session, request, **options)
            self._pass("after", line)
            return answer

        requests.Session.send = send_and_look

    def _pass(self, moment: str, sent: str) -> None:
        if not self.is_over and moment == self.moment and self.words in sent:
            self.is_over = True
            os.kill(os.getpid(), self.signal)


def run_stage(stage: str, settings: Settings, run: Run, halt: Halt | None = None) -> None:
    """Run a stage to its end; that a gate refuses is an end too."""
    if halt is not None:
        halt.install()
    with pipeline.open_stores(settings) as stores, suppress(Refused):
        if stage == "mail":
            pipeline.mail(stores, run, dag="score")
        else:
            pipeline.STAGES[stage](stores, run)


def attempt_stage(stage: str, settings: Settings, run: Run, halt: Halt | None = None) -> None:
    """Run a stage as the first thing of a process; its exit code says whether another attempt may help."""
    try:
        run_stage(stage, settings, run, halt)
    except UnavailableError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(TRY_AGAIN)


def is_stopped(pid: int) -> bool:
    """Whether a process stands still since a SIGSTOP; one that has ended, at any moment, does not."""
    found = read_stat(pid)
    return found is not None and found.state == "T"


def wait_for(is_done: Callable[[], bool]) -> None:
    """Wait for something that happens soon."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not is_done():
        assert time.monotonic() < deadline, "nothing happened"
        time.sleep(0.02)
