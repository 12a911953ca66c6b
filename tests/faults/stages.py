"""Everything that a shell or a task starts, in the order of a small life, and a process of its own for each."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from typing import Any

from perennial import operate, pipeline
from perennial.config import Settings
from perennial.errors import Refused, UnavailableError
from perennial.pipeline import Stores, approving, forgetting
from perennial.records import Recipe, Run
from tests.faults.place import CAPTURED
from tests.faults.points import Calls, Point
from tests.integration.stage_process import PRELOADED as LIBRARIES
from tests.integration.stage_process import TRY_AGAIN, is_stopped

FIRST, SECOND, LAST = date(2025, 4, 21), date(2025, 4, 28), date(2025, 7, 21)
HISTORY = (date(2025, 3, 24), date(2025, 4, 14))
KILLED = -signal.SIGKILL
WAIT_SECONDS = 600  # for an end that comes, however busy the machine is
PRELOADED = ["tests.faults.stages", *LIBRARIES]

Operation = Callable[[Stores, Run], Any]


def _answer(stores: Stores, run: Run) -> None:
    question = approving.find_question(stores, run.model)
    approving.answer(stores, run, question.question_id, decision="approve", actor="ann", source="shell")


def _carry_out(stores: Stores, run: Run) -> None:
    approving.carry_out(stores, run, approving.find_question(stores, run.model).question_id)


def _challenge(stores: Stores, run: Run) -> None:
    pipeline.challenge(stores, run, recipe=Recipe("logistic", {"C": 0.01}), reason="A test wants it.")


def _forget(stores: Stores, run: Run) -> None:
    subject = forgetting.find_subject(stores, run.model, "m7")
    forgetting.forget(stores, subject, reason="They asked.", actor=run.actor, clock=run.clock)


def _score_in_shards(stores: Stores, run: Run) -> None:
    shards = pipeline.plan_shards(stores, run)
    for shard in shards:
        pipeline.score_shard(stores, run, shard)
    pipeline.commit_shards(stores, run, shards[0].attempt)


OPERATIONS: Mapping[str, Operation] = {
    "train": pipeline.train,
    "compare": pipeline.compare,
    "promote": pipeline.promote,
    "answer": _answer,
    "carry_out": _carry_out,
    "capture": lambda stores, run: pipeline.capture(stores, replace(run, model=CAPTURED)),
    "refresh": pipeline.refresh,
    "validate": pipeline.validate,
    "score": pipeline.score,
    "shards": _score_in_shards,
    "monitor": pipeline.monitor,
    "decide": pipeline.decide,
    "report": pipeline.report,
    "refit": pipeline.refit,
    "challenge": _challenge,
    "look": pipeline.compare,
    "mail": lambda stores, _: pipeline.deliver(stores),
    "rollback": pipeline.rollback,
    "unpin": lambda stores, run: pipeline.unpin(stores, run, reason="It was looked at."),
    "forget": _forget,
    "purge": lambda stores, run: pipeline.purge(stores, run.model, run.clock),
}
"""By name, in the order in which they are lived: the first five on FIRST, the others on SECOND, the last on LAST."""
WEEK = "week"
DAYS = {name: FIRST if number < 5 else SECOND for number, name in enumerate(OPERATIONS)} | {"purge": LAST}


def live_week(stores: Stores, run: Run) -> None:
    """A day with its retraining, as `operate.replay` lives it; then the mail, and what is done every night."""
    operate.live_day(stores, run)
    pipeline.deliver(stores)
    pipeline.mark_lost(stores, run.clock)
    pipeline.purge(stores, run.model, run.clock)


def perform(name: str, stores: Stores, run: Run) -> None:
    """Do it to its end; that a gate refuses is an end too."""
    with suppress(Refused):
        (live_week if name == WEEK else OPERATIONS[name])(stores, run)


def attempt(name: str, settings: Settings, run: Run, point: Point | None, calls: Connection) -> None:
    """Do it as the first thing of a process, and tell what calls it made; its exit code says whether another attempt may help."""
    watched = Calls((settings.artifacts,), point).install()
    try:
        with pipeline.open_stores(settings) as stores:
            perform(name, stores, run)
    except UnavailableError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(TRY_AGAIN)
    finally:
        calls.send(watched.made)


@dataclass
class Attempt:
    """An operation in a process of its own, whose calls come by a pipe once it has ended."""

    process: Any
    reading: Connection
    made: list[str] | None = None

    def join(self) -> int:
        """Its exit code, once it has ended; what it tells is read meanwhile, for a pipe holds little."""
        self._wait_for(lambda: not self.is_alive)
        self._listen()
        self.process.join()
        return int(self.process.exitcode)

    def end(self) -> None:
        self.process.kill()
        self.process.join()

    @property
    def calls(self) -> list[str]:
        """What it did; only of one that was not killed."""
        assert self.made is not None
        return self.made

    @property
    def is_alive(self) -> bool:
        return bool(self.process.is_alive())

    def await_stop(self) -> bool:
        """Wait until it has stopped at its point; False where it ended before."""
        self._wait_for(lambda: not self.is_alive or is_stopped(self.process.pid))
        return self.is_alive

    def _wait_for(self, is_done: Callable[[], bool]) -> None:
        deadline = time.monotonic() + WAIT_SECONDS
        while not is_done():
            self._listen()
            if time.monotonic() > deadline:
                self.end()
                raise AssertionError("it neither ended nor stopped")
            time.sleep(0.01)

    def _listen(self) -> None:
        with suppress(EOFError):  # it was killed
            if self.made is None and self.reading.poll():
                self.made = self.reading.recv()

    def go_on(self) -> int:
        os.kill(self.process.pid, signal.SIGCONT)
        return self.join()


def start(context: ForkServerContext, operation: str, settings: Settings, run: Run, point: Point | None = None) -> Attempt:
    """Begin an operation in a process of its own."""
    reading, writing = context.Pipe(duplex=False)
    process = context.Process(target=attempt, args=(operation, settings, run, point, writing))
    process.start()
    writing.close()
    return Attempt(process, reading)


def make_context() -> ForkServerContext:
    """Starts children from a server that has imported everything and opened nothing."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    return context
