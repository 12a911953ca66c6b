"""Every stage, killed with -9 at known points and run again by two processes at once, ends as if nothing had happened."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import date

import pytest
from sqlalchemy import text

from ml.errors import Refused
from tests.integration.stage_process import run_stage
from tests.world import World, end_state, forget_trainings

DAY = date(2017, 7, 3)  # the labels of the first day have matured, so that its outcome is measured too
TRAINING_DAY = date(2017, 6, 13)  # no other test trains for this day
WAIT_SECONDS = 60
PRELOADED = ["tests.integration.stage_process", "great_expectations", "evidently", "mlflow", "optuna", "lightgbm", "xgboost"]

# The points at which a process is killed: after a statement, before its transaction commits.
DAILY = {
    "refresh": (("insert", "features.lapse"), ("insert", "ledger.snapshots")),
    "validate": (("insert", "ledger.validations"), ("update", "ledger.snapshots")),
    "score": (("insert", "ledger.publications"), ("insert", "scores.lapse"), ("update", "ledger.publications")),
    "monitor": (("insert", "ledger.outcomes"), ("insert", "ledger.drift_checks")),
    "decide": (("insert", "ledger.decisions"), ("insert", "ledger.outbox")),
    "mail": (("update", "ledger.outbox"),),
}
LEARNING = {
    "train": (("insert", "ledger.snapshots"), ("insert", "ledger.versions")),
    "compare": (("insert", "ledger.evaluations"),),
    "promote": (("insert", "ledger.promotions"), ("update", "ledger.promotions"), ("insert", "ledger.outbox")),
}
GATE = 4711
STOP = """
create or replace function public.stop_here() returns trigger language plpgsql as
    $$ begin perform pg_advisory_xact_lock_shared(4711); return null; end $$;
create trigger stop_here after {event} on {table} for each statement execute function public.stop_here();
"""


@pytest.fixture(scope="module")
def processes():
    """Starts children from a server that has imported everything and opened nothing."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    return context


@dataclass
class Lives:
    """Two copies of a world: one in which nothing goes wrong, and one in which every stage is killed."""

    calm: World
    killed: World
    day: date

    def arguments(self, stage: str):
        return stage, self.killed.settings, replace(self.killed.run(self.day), actor="killed")


@pytest.fixture(scope="module")
def daily(copy_world, session_smtp_sink) -> Iterator[Lives]:
    with copy_world() as calm, copy_world() as killed:
        smtp = session_smtp_sink.settings
        yield Lives(calm.with_smtp(smtp), killed.with_smtp(smtp), DAY)


@pytest.fixture(scope="module")
def learning(copy_world, backfilled) -> Iterator[Lives]:
    with copy_world(backfilled) as calm, copy_world(backfilled) as killed:
        yield Lives(calm, killed, TRAINING_DAY)


@pytest.fixture(scope="module")
def calm_learning(learning) -> dict[str, dict]:
    """The end state after each stage; what the registry learned of it is then forgotten."""
    states = {stage: _live_calmly(learning, stage) for stage in LEARNING}
    learning.calm.tell("set local session_replication_role = replica; delete from ledger.promotions; delete from ledger.versions")
    forget_trainings(learning.calm)
    return states


@pytest.mark.parametrize("stage", DAILY)
def test_a_killed_stage_of_the_day_is_finished_by_two_reruns_at_once(stage, daily, processes):
    expected = _live_calmly(daily, stage)
    for event, table in DAILY[stage]:
        _kill_at(daily, stage, processes, event=event, table=table)
    _rerun_twice_at_once(daily, stage, processes)
    assert expected == end_state(daily.killed)


@pytest.mark.parametrize("stage", LEARNING)
def test_a_killed_stage_of_learning_is_finished_by_two_reruns_at_once(stage, learning, calm_learning, processes):
    for event, table in LEARNING[stage]:
        _kill_at(learning, stage, processes, event=event, table=table)
    _rerun_twice_at_once(learning, stage, processes)
    assert calm_learning[stage] == end_state(learning.killed)


def _live_calmly(lives: Lives, stage: str) -> dict:
    with suppress(Refused):
        run_stage(stage, lives.calm.settings, lives.calm.run(lives.day))
    return end_state(lives.calm)


def _kill_at(lives: Lives, stage: str, processes, *, event: str, table: str) -> None:
    with _gate(lives.killed, event, table):
        child = processes.Process(target=run_stage, args=lives.arguments(stage))
        child.start()
        _wait(lambda: _count_stopped(lives.killed) == 1 or not child.is_alive())
        assert child.is_alive(), f"{stage} ended without a {event} of {table}"
        child.kill()
        child.join()
        _wait(lambda: _count_stopped(lives.killed) == 0)


def _rerun_twice_at_once(lives: Lives, stage: str, processes) -> None:
    children = [processes.Process(target=run_stage, args=lives.arguments(stage)) for _ in range(2)]
    for child in children:
        child.start()
    for child in children:
        child.join(WAIT_SECONDS)
    assert [0, 0] == [child.exitcode for child in children]


@contextmanager
def _gate(world: World, event: str, table: str) -> Iterator[None]:
    """Whoever does `event` to the table waits here, before it commits, until the block ends."""
    world.tell(STOP.format(event=event, table=table))
    with world.database.transaction() as session:
        session.execute(text(f"select pg_advisory_xact_lock({GATE})"))
        yield
    world.tell(f"drop trigger stop_here on {table}")


def _count_stopped(world: World) -> int:
    return world.ask_one(
        "select count(*) from pg_locks join pg_database on oid = database "
        "where datname = current_database() and locktype = 'advisory' and objid = 4711 and not granted"
    )


def _wait(is_done) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not is_done():
        assert time.monotonic() < deadline, "nothing happened"
        time.sleep(0.02)
