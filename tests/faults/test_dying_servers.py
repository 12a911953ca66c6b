"""Servers that end, fill up, hang or lie in the middle of an operation; processes that are paused, doubled, or live in the past.

`make faults` does so with every operation and every behaviour, `make test` with one of each.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from perennial import pipeline
from perennial.config import Smtp
from perennial.errors import UnavailableError, WarehouseUnavailable
from perennial.stores.registry import Registry
from tests.faults.conftest import IS_WHOLE
from tests.faults.place import Place, with_settings
from tests.faults.points import Point
from tests.faults.proxies import answer_mail, drop_after_data, hang, stand_before, turn_away
from tests.faults.soak import END_SESSIONS
from tests.faults.stages import DAYS, OPERATIONS, perform
from tests.integration.stage_process import TRY_AGAIN
from tests.scaled import cut_power

SET_ALIAS = "POST /api/2.0/mlflow/registered-models/alias"
ENDS = {0, TRY_AGAIN}  # it was done, or it said that another attempt may help


def every(names, few):
    """All of them in `make faults`, else a few."""
    return list(names) if IS_WHOLE else few


def find_commit(calls: list[str]) -> int:
    """The commit in the middle."""
    commits = [number for number, name in enumerate(calls, 1) if name == "commit"]
    return commits[len(commits) // 2]


# PostgreSQL
@pytest.mark.parametrize("operation", every(OPERATIONS, ["carry_out"]))
def test_a_database_that_ends_at_once_in_the_middle_is_named_and_a_rerun_finishes(course, operation, restart_postgres):
    point = Point(find_commit(course.count(operation)), signal=signal.SIGSTOP)
    with course.open_before(operation) as place:
        attempt = course.start(operation, place, point)
        if attempt.await_stop():
            restart_postgres()
            assert attempt.go_on() in ENDS
        assert [] == course.rerun_and_judge(operation, place)


@pytest.fixture
def small_disk(postgres) -> Iterator[Path]:
    """A file system of 64 MB, most of which is taken by one file."""
    folder = Path("/tmp") / f"perennial-small-{os.getpid()}"
    folder.mkdir(mode=0o755)
    try:
        mount(folder)
        yield folder
        subprocess.run(["umount", str(folder)], check=True)
    finally:
        folder.rmdir()


def mount(folder: Path) -> None:
    """Root may, outside of most containers; others have no disk that they could fill."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root may mount a small file system")
    command = ["mount", "-t", "tmpfs", "-o", "size=64m,mode=0777", "none", str(folder)]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode != 0:
        pytest.skip(f"no small file system can be mounted here: {mounted.stderr.strip()}")


@contextmanager
def filled(disk: Path) -> Iterator[None]:
    """Nothing is left inside the block."""
    ballast = disk / "ballast"
    with suppress(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    yield
    ballast.unlink()


@pytest.mark.parametrize("operation", every(["capture", "shards", "train"], ["capture"]))  # they make tables
def test_a_full_disk_is_named_and_a_rerun_finishes_once_there_is_room(course, operation, small_disk):
    with course.open_before(operation) as place:
        server, user = place.postgres.server, course.server_user
        os.chown(small_disk, user, user)
        server.run_sql("postgres", f"create tablespace small location '{small_disk}'")
        server.run_sql("postgres", f"alter database {place.name} set tablespace small")
        try:
            with filled(small_disk), pytest.raises(WarehouseUnavailable, match=r"(?s)No space left on device.*Make room"):
                perform(operation, place.stores, place.run(DAYS[operation]))
            assert [] == course.rerun_and_judge(operation, place)
        finally:
            server.run_sql("postgres", f"alter database {place.name} set tablespace pg_default")
            server.run_sql("postgres", "drop tablespace small")


# MLflow
def reach_by(place: Place, url: str) -> Place:
    """The same place, whose MLflow is asked by another address."""
    there = with_settings(place, mlflow_uri=url)
    return replace(there, stores=replace(there.stores, registry=Registry(url)))


@pytest.mark.parametrize("behaviour", every(["500", "late", "die before", "die after"], ["die after"]))
@pytest.mark.parametrize("operation", every(["carry_out", "refit", "rollback"], ["carry_out"]))
def test_an_mlflow_that_fails_in_the_middle_of_a_movement_leaves_one_champion(course, operation, behaviour, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with (
        course.open_before(operation) as place,
        stand_before(place.settings.mlflow_uri, lambda said: behaviour if said.startswith(SET_ALIAS) else "pass") as url,
    ):
        with suppress(UnavailableError):
            perform(operation, reach_by(place, url).stores, place.run(DAYS[operation]))
        assert [] == course.rerun_and_judge(operation, place)


@pytest.mark.skipif(not IS_WHOLE, reason="make faults kills MLflow's server")
@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("operation", ["carry_out", "refit", "rollback"])
def test_an_mlflow_that_is_killed_in_the_middle_of_a_movement_leaves_one_champion(course, mlflow, operation, moment):
    (call,) = (number for number, name in enumerate(course.count(operation), 1) if name == f"http {SET_ALIAS}")
    with course.open_before(operation) as place:
        attempt = course.start(operation, place, Point(call, moment, signal.SIGSTOP))
        assert attempt.await_stop()
        cut_power(mlflow.server)
        try:
            assert attempt.go_on() in ENDS
        finally:
            mlflow.start()
        assert [] == course.rerun_and_judge(operation, place)


# Mail
@pytest.mark.parametrize("talk", every([hang, turn_away, drop_after_data], [drop_after_data]))
def test_a_mail_server_that_fails_costs_no_letter_and_its_reason_is_kept(course, talk):
    with course.open_before("mail") as place, answer_mail(talk) as port:
        said = pipeline.deliver(with_settings(place, smtp=Smtp(port=port, timeout_seconds=0.2)).stores)
        assert (0, True) == (said["sent"], bool(said["because"]))
        assert [] == course.rerun_and_judge("mail", place)


# Processes
@pytest.mark.parametrize("operation", every(OPERATIONS, ["score"]))
def test_one_that_is_paused_declared_dead_and_woken_spoils_nothing(course, operation):
    point = Point(find_commit(course.count(operation)), signal=signal.SIGSTOP)
    with course.open_before(operation) as place:
        run = place.run(DAYS[operation])
        attempt = course.start(operation, place, point)
        if attempt.await_stop():
            place.ask(END_SESSIONS)
            pipeline.mark_lost(place.stores, run.clock)
            perform(operation, place.stores, run)
            assert attempt.go_on() in ENDS
        assert [] == course.judge(operation, place)


@pytest.mark.parametrize("operation", every(OPERATIONS, ["rollback"]))
def test_two_at_once_end_as_one(course, operation):
    with course.open_before(operation) as place:
        attempts = [course.start(operation, place) for _ in range(2)]
        assert {attempt.join() for attempt in attempts} <= ENDS
        assert [] == course.rerun_and_judge(operation, place)


@pytest.mark.parametrize("operation", every(OPERATIONS, ["carry_out"]))
def test_a_rerun_by_a_clock_that_was_set_back_finds_its_work_done(course, operation):
    with course.open_before(operation) as place:
        run = place.run(DAYS[operation])
        perform(operation, place.stores, replace(run, clock=run.clock + timedelta(hours=1)))
        assert [] == course.rerun_and_judge(operation, place)
