"""There is one supervisor of a folder; it starts again what fell, but not for ever."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from perennial.errors import StackError
from perennial.local import Ports, Stack
from perennial.local.addresses import Addresses
from perennial.local.processes import identify
from perennial.local.record import Record, read_record, try_lock, write_record
from perennial.local.supervisor import HOUR_SECONDS, MOST_FALLS, Supervisor
from tests.paths import ROOT


@pytest.fixture
def supervisor(tmp_path):
    return Supervisor(Addresses(tmp_path, Ports(), ROOT))


def test_a_server_that_falls_again_and_again_ends_the_stack(supervisor):
    supervisor._falls = (time.monotonic(),) * MOST_FALLS
    with pytest.raises(StackError, match="mlflow fell, the 6th fall of a server within an hour"):
        supervisor._start_again("mlflow", pytest.fail)


def test_falls_of_long_ago_do_not_count(supervisor):
    supervisor._falls = (time.monotonic() - HOUR_SECONDS,) * MOST_FALLS
    started = []
    supervisor._start_again("mlflow", lambda: started.append("mlflow"))
    assert started == ["mlflow"]


def test_a_second_up_waits_until_the_first_has_said_who_it_is(tmp_path):
    lock = try_lock(tmp_path)
    with ThreadPoolExecutor() as pool:
        second = pool.submit(Stack(tmp_path).up)
        time.sleep(0.5)
        write_record(tmp_path, Record(identify(os.getpid()), Addresses(tmp_path, Ports(), ROOT)))
        with pytest.raises(StackError, match=rf"A live stack is starting in .*pid {os.getpid()}"):
            second.result()
    os.close(lock)


def test_numbers_of_processes_from_before_a_reboot_name_nobody(tmp_path):
    record = Record(identify(os.getpid()), Addresses(tmp_path, Ports(), ROOT))
    write_record(tmp_path, record)
    assert read_record(tmp_path) == record
    write_record(tmp_path, replace(record, place="another boot"))
    assert read_record(tmp_path) is None
