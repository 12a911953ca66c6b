"""There is one supervisor of a folder; it starts again what fell, but not for ever, and what failed takes nothing along."""

from __future__ import annotations

import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from perennial.errors import ConfigError, StackError
from perennial.local import Ports, Stack
from perennial.local.addresses import Addresses
from perennial.local.following import explain_failures
from perennial.local.logs import LOG_BYTES
from perennial.local.patience import Patience
from perennial.local.processes import Identity, identify
from perennial.local.record import (
    Record,
    ServerRecord,
    has_request,
    read_record,
    settle_request,
    take_request,
    try_lock,
    write_record,
    write_request,
)
from perennial.local.services import complete
from perennial.local.supervised import HOUR_SECONDS, MOST_FALLS, Supervised
from perennial.local.supervisor import Supervisor
from tests.paths import ROOT


@dataclass
class Falling:
    """A program that ends as soon as it has started."""

    log: Path
    name: str = "mlflow"
    after: tuple[str, ...] = ()
    identity: Identity | None = None
    has_ended: bool = True
    is_done: bool = False
    starts: int = 0

    def start(self):
        self.starts += 1

    def is_healthy(self):
        return True

    def explain_end(self):
        return "mlflow ended by itself"


@pytest.fixture
def falling(tmp_path):
    program = Falling(tmp_path / "mlflow.log")
    supervised = Supervised(program, Patience(), lambda _: None)
    supervised.state = "healthy"
    return supervised


def test_a_server_that_falls_again_and_again_fails_and_is_left_down(falling):
    falling._falls = (time.monotonic(),) * MOST_FALLS
    assert falling.has_fallen
    falling.start_again()
    assert (falling.state, falling.program.starts) == ("failed", 0)
    assert "mlflow fell for the 6th time within an hour" in falling.why


def test_falls_of_long_ago_do_not_count(falling):
    falling._falls = (time.monotonic() - HOUR_SECONDS,) * MOST_FALLS
    falling.start_again()
    assert (falling.state, falling.program.starts) == ("starting", 1)


def test_what_needs_a_failed_server_names_it(tmp_path):
    waiting = Supervised(Falling(tmp_path / "log", after=("postgres",)), Patience(), lambda _: None)
    assert waiting.find_cause({"postgres": "failed"}) == "postgres"
    assert waiting.is_free({"postgres": "healthy"})
    assert not waiting.is_free({"postgres": "starting"})


def test_a_server_that_ends_while_it_starts_fails_with_its_own_words(falling):
    falling.start()
    falling.look()
    assert (falling.state, falling.why) == ("failed", "after 0 s mlflow ended by itself")


def test_what_the_system_refuses_fails_one_server_and_no_supervisor(falling, monkeypatch):
    def start():
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(falling.program, "start", start)
    falling.start()
    assert falling.state == "failed"
    assert falling.why == "mlflow was not started: [Errno 11] Resource temporarily unavailable"


def test_a_supervisor_keeps_the_logs_small(tmp_path):
    log = tmp_path / "log" / "mail.log"
    log.parent.mkdir()
    with log.open("wb") as file:
        file.truncate(LOG_BYTES + 1)
    Supervisor(Addresses(tmp_path, Ports(), ROOT), (), Patience())._step()
    assert (0, LOG_BYTES + 1) == (log.stat().st_size, log.with_name("mail.log.1").stat().st_size)


def test_a_migration_that_was_done_is_not_said_to_be_up(tmp_path):
    servers = {
        "postgres": ServerRecord("healthy", 0.0, tmp_path),
        "warehouse-migrations": ServerRecord("healthy", 0.0, tmp_path),
        "mlflow": ServerRecord("failed", 0.0, tmp_path, why="mlflow ended by itself"),
    }
    record = Record(identify(os.getpid()), Addresses(tmp_path, Ports(), ROOT), state="incomplete", servers=servers)
    assert "What is healthy stays up: postgres. `perennial up`" in explain_failures(record, tuple(servers))


def test_two_who_ask_at_the_same_time_are_both_heard(tmp_path):
    write_request(tmp_path, ("mlflow",))
    write_request(tmp_path, ("mail",))
    assert take_request(tmp_path) == ("mlflow", "mail")
    assert has_request(tmp_path)
    settle_request(tmp_path)
    assert (take_request(tmp_path), has_request(tmp_path)) == ((), False)


def test_a_second_up_waits_until_the_first_has_said_who_it_is(tmp_path):
    lock = try_lock(tmp_path)
    addresses = Addresses(tmp_path, Ports(), ROOT)
    healthy = {"postgres": ServerRecord("healthy", 0.0, tmp_path), "warehouse-migrations": ServerRecord("healthy", 0.0, tmp_path)}
    with ThreadPoolExecutor() as pool:
        second = pool.submit(Stack(tmp_path).up, only=("postgres",))
        time.sleep(0.5)
        assert not second.done()
        write_record(tmp_path, Record(identify(os.getpid()), addresses, state="ready", wanted=("postgres",), servers=healthy))
        assert second.result() is False
    os.close(lock)


def test_a_service_that_does_not_exist_is_refused_with_the_list(tmp_path):
    with pytest.raises(ConfigError, match="postgres, mail, mlflow, airflow"):
        Stack(tmp_path).up(only=("postgress",))


def test_what_a_service_needs_comes_along():
    assert complete(("mlflow",)) == ("postgres", "mlflow")


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_elsewhere_than_on_linux_up_says_what_there_is_instead(tmp_path, monkeypatch, platform):
    stack = Stack(tmp_path)
    monkeypatch.setattr(sys, "platform", platform)
    with pytest.raises(StackError, match=r"the embedded stack is for Linux, and this is (macOS|Windows)\. On Windows use WSL2"):
        stack.up()


def test_numbers_of_processes_from_before_a_reboot_name_nobody(tmp_path):
    record = Record(identify(os.getpid()), Addresses(tmp_path, Ports(), ROOT))
    write_record(tmp_path, record)
    assert read_record(tmp_path) == record
    write_record(tmp_path, replace(record, place="another boot"))
    assert read_record(tmp_path) is None
