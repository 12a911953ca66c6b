"""Every stage, killed with -9 at known points or run again beside a survivor, ends as if it had run once.

So a scheduler's crash does it: the orphaned task is run again, and its first process is dead, or it stands still and
goes on later.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import date
from itertools import count

import pytest
from sqlalchemy import text

from tests.integration.lives import (
    DAILY,
    LEARNING,
    REFITTING,
    Life,
    find_runs,
    find_versions,
    forget_training,
    live,
    read_versions,
)
from tests.integration.stage_process import (
    PRELOADED,
    TRY_AGAIN,
    WAIT_SECONDS,
    Halt,
    attempt_stage,
    is_stopped,
    run_stage,
    wait_for,
)
from tests.world import FIRST_DAY, MODEL, World, end_state

NUMBERS = count(1)

# The points at which a process is killed: after a statement, before its transaction commits.
KILLS = {
    "refresh": (("insert", "features.lapse"), ("insert", "ledger.snapshots")),
    "validate": (("insert", "ledger.validations"), ("update", "ledger.snapshots")),
    "score": (("insert", "ledger.publications"), ("insert", "scores.lapse"), ("update", "ledger.publications")),
    "monitor": (("insert", "ledger.outcomes"), ("insert", "ledger.drift_checks"), ("insert", "ledger.events")),
    "decide": (("insert", "ledger.decisions"), ("insert", "ledger.outbox")),
    "report": (("update", "ledger.drift_checks"),),
    "mail": (("update", "ledger.deliveries"), ("update", "ledger.outbox")),  # a card that is written and not marked
    "train": (("insert", "ledger.snapshots"), ("insert", "ledger.admissions"), ("insert", "ledger.versions")),
    "refit": (
        ("insert", "ledger.admissions"),
        ("insert", 'scores."lapse$recipes"'),
        ("insert", "ledger.versions"),
        ("insert", "ledger.promotions"),
        ("update", "ledger.promotions"),
    ),
    "compare": (("insert", "ledger.evaluations"),),
    "promote": (("insert", "ledger.promotions"), ("update", "ledger.promotions"), ("insert", "ledger.outbox")),
}
GATE = 4711
STOP = """
create or replace function public.stop_here() returns trigger language plpgsql as
    $$ begin perform pg_advisory_xact_lock_shared(4711); return null; end $$;
create trigger stop_here after {event} on {table} for each statement execute function public.stop_here();
"""
# The answers of the registry after which a training is killed; each attempt goes on to the next.
REQUESTS = {
    "logging": (
        "GET /api/2.0/mlflow/experiments/get-by-name",
        "POST /api/2.0/mlflow/runs/search",
        "POST /api/2.0/mlflow/runs/create",
        "POST /api/2.0/mlflow/runs/log-batch",
        "artifacts/model/contract.json",
        "artifacts/baselines/",
        "artifacts/manifest.json",
    ),
    "registering": (
        "POST /api/2.0/mlflow/runs/update",
        "POST /api/2.0/mlflow/registered-models/create",
        "GET /api/2.0/mlflow/model-versions/search",
        "POST /api/2.0/mlflow/model-versions/create",
    ),
}

# Where a survivor stands still inside a transaction, holding what the second attempt needs.
SET_ALIAS = "POST /api/2.0/mlflow/registered-models/alias"
HOLDING = {
    "refresh": "insert into ledger.snapshots",
    "validate": "insert into ledger.validations",
    "score": "set status = 'live'",
    "monitor": "insert into ledger.drift_checks",
    "decide": "insert into ledger.decisions",
    "report": "update ledger.drift_checks",
    "mail": "for update skip locked",
    "train": "POST /api/2.0/mlflow/registered-models/create",
    "refit": SET_ALIAS,
    "compare": "insert into ledger.evaluations",
    "promote": SET_ALIAS,
}
# Where it stands still before it takes a lock, so that the second attempt overtakes it.
LOCK = "pg_advisory_xact_lock"
OVERTAKEN = {
    "refresh": LOCK,
    "validate": LOCK,
    "score": LOCK,
    "monitor": "insert into ledger.drift_checks",
    "decide": LOCK,
    "report": "update ledger.drift_checks",
    "mail": "for update skip locked",
    "train": "'training\\x1f",
    "refit": "'training\\x1f",
    "compare": LOCK,
    "promote": LOCK,
}
BLOCKED = """select count(*) from pg_stat_activity
    where datname = current_database() and cardinality(pg_blocking_pids(pid)) > 0"""
END_SESSIONS = """select count(pg_terminate_backend(pid, 5000)) from pg_stat_activity
    where datname = current_database() and application_name = 'perennial'"""


@pytest.fixture(scope="module")
def processes():
    """Starts children from a server that has imported everything and opened nothing."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    return context


@pytest.fixture(scope="module")
def lives(postgres, copy_world, backfilled, session_smtp_sink) -> Iterator[dict[str, Life]]:
    """By stage. Each trains for a day of its own, and the world opened last keeps its versions: the registry is shared."""
    smtp = session_smtp_sink.settings
    with (
        copy_world() as world,
        live(postgres, world, Life(date(2017, 7, 3), smtp), DAILY) as daily,  # the labels of the first day have matured
        copy_world() as third,
        live(postgres, third, Life(date(2017, 6, 19), smtp), REFITTING) as refitting,
        copy_world(backfilled) as first,
        live(postgres, first, Life(date(2017, 6, 14), smtp), LEARNING) as training,
        copy_world(backfilled) as second,
        live(postgres, second, Life(date(2017, 6, 13), smtp), LEARNING) as assessing,
    ):
        learning = {**dict.fromkeys(LEARNING, assessing), "train": training, "refit": refitting}
        yield {**dict.fromkeys(DAILY, daily), **learning}


@pytest.fixture(scope="module")
def open_before(postgres, open_world, lives):
    """Opens the world as it is before a stage; the registry forgets what was trained there."""

    @contextmanager
    def open_it(stage: str) -> Iterator[World]:
        name, life = f"again_{next(NUMBERS)}", lives[stage]
        postgres.make(name, template=life.befores[stage])
        with open_world(name) as world:
            forget_training(world, life.day if stage in ("train", "refit") else None)
            yield world.with_smtp(life.smtp)
        postgres.drop(name)

    return open_it


@pytest.fixture
def start(processes):
    """Starts an attempt in a process of its own, which is dead after the block."""

    @contextmanager
    def start_it(stage: str, world: World, life: Life, halt: Halt | None = None) -> Iterator:
        run = replace(world.run(life.day), actor="somebody else")
        child = processes.Process(target=attempt_stage, args=(stage, world.settings, run, halt))
        child.start()
        try:
            yield child
        finally:
            child.kill()
            child.join()

    return start_it


@pytest.fixture
def stand_still(start):
    """Starts an attempt that stands still at some words."""

    @contextmanager
    def start_it(stage: str, world: World, life: Life, halt: Halt) -> Iterator:
        with start(stage, world, life, halt) as child:
            wait_for(lambda: not child.is_alive() or is_stopped(child.pid))
            assert child.is_alive(), f"{stage} ended without {halt.words}"
            yield child

    return start_it


def go_on(child) -> int:
    """Let a process go on; its exit code."""
    os.kill(child.pid, signal.SIGCONT)
    child.join(WAIT_SECONDS)
    return child.exitcode


# Kills
@pytest.mark.attack("a process is killed, or goes on after it was given up")
@pytest.mark.parametrize("stage", KILLS)
def test_a_killed_stage_is_finished_by_two_reruns_at_once(stage, lives, open_before, start):
    life = lives[stage]
    with open_before(stage) as world:
        for event, table in KILLS[stage]:
            with _gate(world, event, table), start(stage, world, life) as child:
                wait_for(lambda: _count_stopped(world) == 1 or not child.is_alive())
                assert child.is_alive(), f"{stage} ended without a {event} of {table}"
                child.kill()
                wait_for(lambda: _count_stopped(world) == 0)
        with start(stage, world, life) as one, start(stage, world, life) as other:
            assert [0, 0] == [_join(one), _join(other)]
        assert life.afters[stage] == end_state(world)


@pytest.mark.attack("a process is killed, or goes on after it was given up")
@pytest.mark.parametrize("requests", REQUESTS.values(), ids=REQUESTS)
def test_a_training_that_is_killed_after_any_request_is_registered_once(requests, lives, open_before, start):
    life = lives["train"]
    with open_before("train") as world:
        for request in requests:
            with start("train", world, life, Halt(request, signal=signal.SIGKILL)) as child:
                assert -signal.SIGKILL == _join(child), request
        run_stage("train", world.settings, world.run(life.day))
        assert life.afters["train"] == end_state(world)
        assert find_versions(world, life.day) == read_versions(world, life.day)
        finished = {run.info.run_id for run in find_runs(world, life.day) if run.info.status != "KILLED"}
        assert finished == {mlflow_run_id for _, mlflow_run_id in read_versions(world, life.day)}


# Survivors
@pytest.mark.parametrize("stage", HOLDING)
def test_a_stage_that_waits_for_a_survivor_ends_as_if_it_had_run_once(stage, lives, open_before, stand_still):
    life = lives[stage]
    with open_before(stage) as world, stand_still(stage, world, life, Halt(HOLDING[stage])) as survivor:
        with ThreadPoolExecutor(1) as pool:
            second = pool.submit(run_stage, stage, world.settings, world.run(life.day))
            wait_for(lambda: second.done() or world.ask_one(BLOCKED) > 0)
            assert 0 == go_on(survivor)
            second.result(WAIT_SECONDS)
        assert life.afters[stage] == end_state(world)
        assert find_versions(world, life.day) == read_versions(world, life.day)


@pytest.mark.attack("a process is killed, or goes on after it was given up")
@pytest.mark.parametrize("stage", ["refresh", "score", "train", "refit", "promote"])
def test_a_survivor_that_lost_its_sessions_says_so_and_spoils_nothing(stage, lives, open_before, stand_still):
    """As when it stands still for longer than `idle_in_transaction_session_timeout`."""
    life = lives[stage]
    with open_before(stage) as world, stand_still(stage, world, life, Halt(HOLDING[stage])) as survivor:
        world.tell(END_SESSIONS)
        run_stage(stage, world.settings, world.run(life.day))
        assert TRY_AGAIN == go_on(survivor)
        assert life.afters[stage] == end_state(world)
        assert find_versions(world, life.day) == read_versions(world, life.day)


@pytest.mark.attack("a process is killed, or goes on after it was given up")
@pytest.mark.parametrize("stages", [DAILY, LEARNING], ids=["daily", "learning"])
def test_survivors_that_were_overtaken_change_nothing_when_they_go_on(stages, lives, open_before, stand_still):
    """One of every stage; they go on when the last stage has ended, the first stage's last."""
    life = lives[stages[0]]
    with open_before(stages[0]) as world, ExitStack() as survivors:
        standing = []
        for stage in stages:
            halt = Halt(OVERTAKEN[stage], "before")
            standing.insert(0, survivors.enter_context(stand_still(stage, world, life, halt)))
            run_stage(stage, world.settings, world.run(life.day))
        assert [0] * len(stages) == [go_on(survivor) for survivor in standing]
        assert life.afters[stages[-1]] == end_state(world)
        assert find_versions(world, life.day) == read_versions(world, life.day)


def test_a_survivor_that_lost_its_lock_does_not_move_the_alias(lives, open_before, stand_still):
    """It has read that there is no champion, and has not announced its promotion yet."""
    halt = Halt("GET /api/2.0/mlflow/registered-models/alias")
    with open_before("promote") as world, stand_still("promote", world, lives["promote"], halt) as survivor:
        world.tell(END_SESSIONS)
        (another, _), *_ = find_versions(world, FIRST_DAY)
        world.stores.registry.set_champion(MODEL, another)
        assert TRY_AGAIN == go_on(survivor)
        assert another == world.stores.registry.get_champion(MODEL)


def _join(child) -> int:
    child.join(WAIT_SECONDS)
    return child.exitcode


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
