"""A real server of `perennial serve` on the toy of tests/integration: its versions are files, ledger rows and nothing else."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import httpx
from sqlalchemy import text
from uvicorn import Server

from perennial.predictor import Predictor, write_files
from perennial.records import Version
from perennial.serve import ServeOptions
from perennial.serve.application import Application
from perennial.serve.running import make_config
from perennial.stores import ledger
from perennial.stores.registry import find_kept
from perennial.stores.registry.loading import CACHE
from tests.integration.publish_toy import VERSION, Toy

PATIENCE_SECONDS = 120.0
MODEL_FILE = """
name = "toy"
description = "A toy"
owner = "toy@example.com"
timezone = "UTC"
[entity]
key = "person_id"
[sources.people]
times = "static"
[schedule]
refresh = "30 6 * * *"
retrain = "0 8 * * 3"
[label]
horizon_days = 28
[features]
segments = ["income"]
"""
RECIPE = """
insert into ledger.recipes (model, recipe, algorithm, parameters, origin, because, purpose, effective_at)
values ('toy', :recipe, 'logistic', '{}', 'search', 'A test wants it.', 'simulation', '2017-10-30')
on conflict do nothing
"""
TEST = """
insert into ledger.contests (
    model, challenger_recipe, champion_recipe, side, alpha, last_look, overlap, opened_for, purpose, effective_at
)
values ('toy', :recipe, 1, 'superiority', 0.01, 26, 4, '2017-10-30', 'simulation', '2017-10-30')
returning contest_id
"""
START = """
insert into ledger.canaries (
    model, contest_id, challenger_recipe, champion_recipe, salt, alpha, harm_alpha, last_look, overlap, missing, started_for,
    actor, purpose, effective_at
)
values ('toy', :tested, :recipe, 1, :salt, 0.01, 0.05, 26, 4, 0, '2017-11-06', 'tester', 'simulation', '2017-11-06')
returning canary_id
"""
END = """
insert into ledger.canary_ends (canary_id, kind, reason, as_of, actor, effective_at)
select max(canary_id), 'stopped', 'Seen.', '2017-11-07', 'tester', '2017-11-07' from ledger.canaries
"""
MOVE = """
insert into ledger.promotions (model, version, previous_version, kind, reason, actor, purpose, effective_at)
values ('toy', :version, :previous, 'forced', 'A test wants it.', 'tester', 'simulation', :at)
returning promotion_id
"""


APPLY = "update ledger.promotions set status = 'applied', applied_at = clock_timestamp() where promotion_id = :moved"


@dataclass
class ToyInstallation:
    """A home, a cache of model files, and a warehouse in which the toy's champion moves as a test wants."""

    toy: Toy
    analyst_url: str
    folder: Path
    champion: int | None = field(default=None)

    def __post_init__(self) -> None:
        for name in ("models", "sql/toy", "expectations/toy"):
            (self.home / name).mkdir(parents=True)
        (self.home / "models" / "toy.toml").write_text(MODEL_FILE, encoding="utf-8")
        for query in ("features", "labels"):
            (self.home / "sql" / "toy" / f"{query}.sql").write_text("select 1", encoding="utf-8")

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def artifacts(self) -> Path:
        return self.folder / "artifacts"

    def add_version(self, number: int, predictor: Predictor, golden, recipe: int = 1) -> Version:
        """Files where this machine keeps them, and a row of the ledger."""
        version = replace(VERSION, version=number, mlflow_run_id=f"run{number}", data_hash=f"d{number}", recipe=recipe)
        folder = find_kept(version, self.artifacts / CACHE)
        manifest = write_files(folder, predictor.booster, predictor.contract, golden)
        version = replace(version, algorithm=predictor.contract.algorithm, manifest=manifest)
        with self.toy.pipeline.transaction() as session:
            session.execute(text(RECIPE), {"recipe": recipe})
            return ledger.record_version(session, version)

    def promote(self, number: int) -> None:
        at = datetime(2017, 11, 1, number, tzinfo=UTC)
        with self.toy.pipeline.transaction() as session:
            moved = session.execute(text(MOVE), {"version": number, "previous": self.champion, "at": at}).scalar_one()
            statement = (
                "update ledger.promotions set status = 'applied', applied_at = clock_timestamp() where promotion_id = :moved"
            )
            session.execute(text(statement), {"moved": moved})
        self.champion = number

    def start_canary(self, recipe: int, salt: str) -> int:
        """Let a recipe act, that is under test against recipe 1."""
        with self.toy.pipeline.transaction() as session:
            tested = session.execute(text(TEST), {"recipe": recipe}).scalar_one()
            return session.execute(text(START), {"tested": tested, "recipe": recipe, "salt": salt}).scalar_one()

    def end_canary(self) -> None:
        with self.toy.pipeline.transaction() as session:
            session.execute(text(END))

    def options(self, **changes) -> ServeOptions:
        plain = ServeOptions(
            warehouse_url=self.analyst_url,
            mlflow_uri="",
            home=self.home,
            artifacts=self.artifacts,
            models=("toy",),
            tokens=None,
            port=0,
            rate=0,
            poll_seconds=0.05,
        )
        return replace(plain, **changes)


@contextmanager
def serving(
    options: ServeOptions,
    *,
    until_ready: bool = True,
    application: Application | None = None,
    while_ending: Callable[[], None] = lambda: None,
) -> Iterator[httpx.Client]:
    """uvicorn in a thread of this process, on a free port; the client waits as long as a slow machine needs.

    Args:
        while_ending: called when the server was told to end and lets nobody new in.
    """
    config = make_config(options)
    config.log_config = None
    if application is not None:
        config.app, config.factory = application.guarded, False
    listening = socket.create_server((options.host, 0))
    server = Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    try:
        with httpx.Client(base_url=url, timeout=PATIENCE_SECONDS) as client:
            wait_for(lambda: server.started)
            if until_ready:
                wait_for(lambda: client.get("/ready").status_code == 200)
            yield client
    finally:
        server.should_exit = True
        wait_for(lambda: listening.fileno() < 0 or not thread.is_alive())
        while_ending()
        thread.join(PATIENCE_SECONDS)
        listening.close()


def wait_for(condition) -> None:
    """Until it holds; as long as it takes on a busy machine."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.02)
