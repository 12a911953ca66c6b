"""Everything that a shell or a task starts, in the order of a small life, and a process of its own for each."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

from sqlalchemy import make_url

from perennial import backup, operate, pipeline, watch
from perennial.backup.manifest import read_manifest
from perennial.config import Settings
from perennial.errors import Refused, UnavailableError, WarehouseUnavailable, WouldOverwrite
from perennial.pipeline import Stores, admitting, approving, canaries, forgetting, scoring
from perennial.records import Recipe, Run, Version
from perennial.serve import ServeOptions
from perennial.serve.champions import Champions
from perennial.serve.versions import LoadedVersion, fetch_files, load
from perennial.stores.registry import find_kept
from perennial.stores.registry.loading import CACHE
from perennial.stores.sessions import Database
from perennial.stores.watching import LedgerWatch
from tests.faults.place import CAPTURED
from tests.faults.points import Calls, Point
from tests.integration.stage_process import PRELOADED as LIBRARIES
from tests.integration.stage_process import TRY_AGAIN, is_stopped

FIRST, SECOND, THIRD, LAST = date(2025, 4, 21), date(2025, 4, 28), date(2025, 5, 5), date(2025, 7, 21)
HISTORY = (date(2025, 3, 24), date(2025, 4, 14))
KILLED = -signal.SIGKILL
WAIT_SECONDS = 600  # for an end that comes, however busy the machine is
PRELOADED = ["tests.faults.stages", *LIBRARIES]
ADDRESSES = "addresses.json"
"""In the home: of the warehouse as other roles, of MLflow's database and files, and of PostgreSQL's programs."""

Operation = Callable[[Stores, Run], Any]


def _answer(stores: Stores, run: Run) -> None:
    question = approving.find_question(stores, run.model)
    approving.answer(stores, run, question.question_id, decision="approve", actor="ann", source="shell")


def _carry_out(stores: Stores, run: Run) -> None:
    approving.carry_out(stores, run, approving.find_question(stores, run.model).question_id)


STRICT = {
    **dict.fromkeys(("binary", "multiclass"), Recipe("logistic", {"C": 0.01})),
    "regression": Recipe("ridge", {"alpha": 100.0}),
}
"""By task: what a person proposes."""


def _challenge(stores: Stores, run: Run) -> None:
    recipe = STRICT[stores.declaration(run.model).model.label.task]
    pipeline.challenge(stores, run, recipe=recipe, reason="A test wants it.")


def _forget(stores: Stores, run: Run) -> None:
    subject = forgetting.find_subject(stores, run.model, "m7")
    forgetting.forget(stores, subject, reason="They asked.", actor=run.actor, clock=run.clock)


def _stop_canary(stores: Stores, run: Run) -> None:
    scoring.stop_canary(stores, run, because="Enough was seen.")


def _find_address(settings: Settings, role: str) -> str:
    """Of the same warehouse as another role."""
    address = make_url(json.loads((settings.home / ADDRESSES).read_text(encoding="utf-8"))[role])
    return address.set(database=make_url(settings.warehouse_url).database).render_as_string(hide_password=False)


def _back_up(stores: Stores, _: Run) -> None:
    """Under the same name again, unless it is there; whole."""
    known, folder = json.loads((stores.settings.home / ADDRESSES).read_text(encoding="utf-8")), find_backup(stores.settings)
    if not folder.exists():
        superuser = _find_address(stores.settings, "superuser")
        places = backup.Places(superuser, known["mlflow"], Path(known["files"]), Path(known["programs"]))
        with suppress(WouldOverwrite):  # another was quicker
            backup.make_backup(places, folder, datetime.now(UTC))
    read_manifest(folder)


def find_backup(settings: Settings) -> Path:
    """Nothing else is beside it once nobody writes it."""
    return settings.artifacts / "backups" / "whole"


def _show_metrics(stores: Stores, _: Run) -> None:
    watched = LedgerWatch(_find_address(stores.settings, "watcher"), WAIT_SECONDS)
    if b"perennial_warehouse_up 1.0" not in watch.Exporter(stores.settings.home, watched).write():
        raise WarehouseUnavailable("The metrics say that the warehouse is down.")


def _reload(stores: Stores, run: Run) -> None:
    """A server asks who is champion, fetches its files (in this process, whose calls are counted), and loads it."""
    settings, analyst = stores.settings, _find_address(stores.settings, "analyst")
    options = ServeOptions(analyst, settings.mlflow_uri, settings.home, settings.artifacts, (run.model,), None)
    database, cache = Database(analyst, "perennial serve"), settings.artifacts / CACHE

    def load_here(version: Version) -> LoadedVersion:
        if not find_kept(version, cache).exists():
            fetch_files(settings.mlflow_uri, version, cache)
        return load(version, settings.mlflow_uri, settings.artifacts)

    champions = Champions(options, database, load_here)
    champions.poll()
    database.dispose()
    if champions.silence:
        raise WarehouseUnavailable(champions.silence)
    serving = champions[run.model]
    assert serving.champion is not None, serving.trouble or champions.silence


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
    "reject": lambda stores, run: admitting.reject(stores, replace(run, as_of=HISTORY[0]), reason="Its labels are in doubt."),
    "admit": lambda stores, run: admitting.admit(stores, replace(run, as_of=HISTORY[0]), reason="They were looked at."),
    "start_canary": canaries.start,
    "score_canary": pipeline.score,
    "shards_canary": _score_in_shards,
    "stop_canary": _stop_canary,
    "reload": _reload,
    "metrics": _show_metrics,
    "backup": _back_up,
    "forget": _forget,
    "purge": lambda stores, run: pipeline.purge(stores, run.model, run.clock),
}
"""By name, in the order in which they are lived: on SECOND, but for these."""
WEEK = "week"
DAYS = {
    **dict.fromkeys(OPERATIONS, SECOND),
    **dict.fromkeys(("train", "compare", "promote", "answer", "carry_out"), FIRST),
    **dict.fromkeys(("score_canary", "shards_canary", "stop_canary"), THIRD),
    "purge": LAST,
}
READING = {"metrics"}
"""They leave nothing."""


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
