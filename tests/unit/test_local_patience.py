"""Limits are for quiet cores: they stretch with how slow the machine is, and with what its user says."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from itertools import count

import pytest

from perennial.errors import ConfigError, UnavailableError
from perennial.local.patience import Deadline, Patience

IMPATIENT = Patience(factor=0.001)


@pytest.fixture
def busy_cores():
    """Four programs for every core, which end by themselves should this test be killed."""
    loop = "import time; end = time.monotonic() + 60\nwhile time.monotonic() < end: pass"
    loops = [subprocess.Popen([sys.executable, "-I", "-S", "-c", loop]) for _ in range(4 * os.cpu_count())]
    time.sleep(0.2)
    yield
    for each in loops:
        each.kill()
        each.wait()


def test_a_busy_machine_shows_itself_slow(busy_cores):
    assert Patience.measure({}).pace > 1.3


def test_a_slower_machine_gets_more_time():
    began = time.monotonic()
    assert not Deadline(0.02, Patience(pace=20)).await_that(lambda: False, poll_seconds=0.01)
    assert time.monotonic() - began >= 0.4


def test_the_time_left_is_by_the_clock():
    assert Deadline(60, Patience(pace=10, factor=2)).left == pytest.approx(1200, rel=0.01)


def test_a_user_multiplies_every_limit():
    stretched = Patience.from_environment({"PERENNIAL_PATIENCE": "2.5"})
    assert stretched.factor == 2.5
    assert stretched.allow(10) >= 25


@pytest.mark.parametrize("text", ["0", "-1", "long", "nan", "inf", "1000"])
def test_a_patience_that_is_no_number_of_times_is_refused(text):
    with pytest.raises(ConfigError, match=rf"PERENNIAL_PATIENCE is '{text}': give a number such as 3"):
        Patience.from_environment({"PERENNIAL_PATIENCE": text})


def test_what_holds_at_the_last_moment_counts():
    assert Deadline(0, Patience()).await_that(lambda: True)


def test_whoever_does_not_answer_is_asked_again():
    tries = count(1)

    def ask():
        if (number := next(tries)) < 10:
            raise UnavailableError("nobody")
        return number

    assert Deadline(60, Patience()).insist(ask, poll_seconds=0) == 10


def test_asking_ends_with_the_time():
    def ask():
        raise UnavailableError("nobody")

    with pytest.raises(UnavailableError, match="nobody"):
        Deadline(1, IMPATIENT).insist(ask, poll_seconds=0.01)
