"""Airflow's scheduler dies by -9, and every process below it, in the middle of a DAG: the day ends as if nothing had happened.

A stack of its own with one small model: the supervisor starts the scheduler again, which repeats what the former one had begun.
"""

from __future__ import annotations

import os
import signal
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date
from email import message_from_bytes

import pytest
from sqlalchemy import text

from perennial import operate, pipeline
from perennial.demo.life import Life
from perennial.local import Ports, Stack
from perennial.local.processes import Identity, find_descendants
from perennial.pipeline import Stores
from perennial.records import Run
from perennial.stores.registry import Registry
from perennial.stores.sessions import Database, run_script
from tests.cases.harness import find_file
from tests.faults.conftest import IS_WHOLE
from tests.faults.lived import find_broken
from tests.faults.place import MODEL, make_home
from tests.faults.stages import FIRST, HISTORY, SECOND
from tests.scaled import add_airflow

SCHEDULER = "airflow-scheduler"
WAIT_SECONDS = 300  # of quiet cores
ROWS = f"select count(*), count(distinct entity_id) from scores.{MODEL} where as_of = :day"


@dataclass(frozen=True)
class Small:
    """A stack that runs, with the stores of this process, and its warehouse and Airflow's database as superuser sees them."""

    stack: Stack
    stores: Stores
    superuser: Database = field(repr=False)
    metadata: Database = field(repr=False)

    def ask(self, query: str) -> list[tuple[object, ...]]:
        with self.superuser.transaction() as session:
            return [tuple(row) for row in session.execute(text(query), {"model": MODEL, "day": SECOND})]

    def run(self, as_of: date) -> Run:
        return Run(MODEL, as_of, self.stores.declaration(MODEL).model.known_until(as_of), "simulation", actor="tester")

    @contextmanager
    def scores_held(self) -> Iterator[None]:
        """Nobody writes scores inside the block; who wants to waits."""
        with self.superuser.transaction() as session:
            session.execute(text(f"lock table scores.{MODEL} in share mode"))
            yield

    def is_publishing(self) -> bool:
        return bool(self.ask(f"select from pg_locks where relation = 'scores.{MODEL}'::regclass and not granted"))

    def find_scheduler(self) -> Identity | None:
        return self.stack.record.servers[SCHEDULER].process

    def has_another_scheduler(self, former: Identity) -> bool:
        return self.find_scheduler() not in (former, None)

    def list_schedulers(self) -> list[str]:
        """What Airflow's books say of each, the oldest first."""
        with self.metadata.transaction() as session:
            return list(session.execute(text("select state from job where job_type = 'SchedulerJob' order by id")).scalars())

    def kill(self, scheduler: Identity) -> None:
        """With every process that descends from it."""
        for member in find_descendants(self.stack.record.supervisor, scheduler):
            with suppress(ProcessLookupError):
                os.kill(member.pid, signal.SIGKILL)

    def read_letters(self) -> list[str]:
        letters = (message_from_bytes(path.read_bytes()) for path in self.stack.addresses.mail_folder.glob("*.eml"))
        return sorted(str(letter["Message-ID"]) for letter in letters)


@pytest.fixture
def small(server_folder, tmp_path) -> Iterator[Small]:
    """Its model has a champion, and no day that was scored."""
    home = make_home(tmp_path / "home", MODEL, approval="auto")
    add_airflow(home)
    stack = Stack(server_folder / "killed", simulated_until=date(2025, 8, 3), ports=Ports.free(), home=home)
    try:
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("PERENNIAL_TRIALS", "1")
            stack.up(tied=True)
        superuser, metadata = (
            Database(stack.addresses.database_url("postgres", name), "test") for name in ("warehouse", "airflow")
        )
        with warnings.catch_warnings(), pipeline.open_stores(stack.settings()) as stores:
            warnings.simplefilter("ignore")  # of libraries; unit tests of each stage are strict
            with Database(stack.addresses.database_url("loader"), "test").transaction() as session:
                run_script(session, find_file("plain", "tables.sql").read_text(encoding="utf-8"))
            operate.sync(stores, MODEL)
            list(operate.backfill(stores, MODEL, *HISTORY))
            small = Small(stack, stores, superuser, metadata)
            for stage in (pipeline.train, pipeline.compare, pipeline.promote):
                stage(stores, small.run(FIRST))
            yield small
        superuser.dispose()
        metadata.dispose()
    finally:
        stack.down()


@pytest.mark.skipif(not IS_WHOLE, reason="make faults kills the scheduler of a stack of its own")
def test_a_day_whose_scheduler_is_killed_while_it_publishes_ends_as_if_nothing_had_happened(small):
    life, killed = Life(small.stack.airflow, MODEL), small.find_scheduler()
    life.wake()
    with ThreadPoolExecutor() as pool:
        with small.scores_held():
            day = pool.submit(life.start, "refresh", SECOND)
            assert small.stack.patience.begin(WAIT_SECONDS).await_that(lambda: small.is_publishing() or day.done())
            begun = small.ask("select status from ledger.publications where model = :model and as_of = :day")
            small.kill(killed)
            assert small.stack.patience.begin(WAIT_SECONDS).await_that(lambda: not small.is_publishing())
        assert small.stack.patience.begin(WAIT_SECONDS).await_that(lambda: small.has_another_scheduler(killed))
        schedulers = small.list_schedulers()
        lived = day.result()
    assert [("building",)] == begun
    assert ("failed", {"running"}) == (
        schedulers[0],
        {"running", *schedulers[1:]},
    )  # the new one may not have written itself down
    assert [("refresh", "success"), ("score", "success"), ("monitor", "success")] == [(run.verb, run.state) for run in lived]
    (scoring,) = (
        task
        for task in small.stack.airflow.task_instances(f"{MODEL}.score", lived[1].run_id)
        if task["task_id"] == "score" and task["map_index"] == -1
    )
    assert ("success", 2) == (scoring["state"], scoring["try_number"])

    operate.reconcile(small.stores, small.run(SECOND), start=False)
    attempts = "select status from ledger.runs where model = :model and as_of = :day and stage = 'score' order by run_id"
    assert [("lost",), ("ok",)] == small.ask(attempts)
    published = small.ask("select status, rows from ledger.publications where model = :model and as_of = :day order by attempt")
    rows, entities = small.ask(ROWS)[0]
    assert [("replaced", None), ("live", entities)] == published
    assert rows == entities > 0
    assert Registry(small.stores.settings.mlflow_uri).get_champion(MODEL) == 1
    assert len(set(small.read_letters())) == len(small.read_letters()) > 0
    assert [] == find_broken(small.stores, everything=True)
