"""The supervisor starts again what fell, but not for ever."""

from __future__ import annotations

import time

import pytest

from ml.errors import StackError
from ml.local import Ports
from ml.local.addresses import Addresses
from ml.local.supervisor import HOUR_SECONDS, MOST_FALLS, Supervisor


@pytest.fixture
def supervisor(tmp_path):
    return Supervisor(Addresses(tmp_path, Ports()))


def test_a_server_that_falls_again_and_again_ends_the_stack(supervisor):
    supervisor._falls = (time.monotonic(),) * MOST_FALLS
    with pytest.raises(StackError, match="mlflow fell, the 6th fall of a server within an hour"):
        supervisor._start_again("mlflow", pytest.fail)


def test_falls_of_long_ago_do_not_count(supervisor):
    supervisor._falls = (time.monotonic() - HOUR_SECONDS,) * MOST_FALLS
    started = []
    supervisor._start_again("mlflow", lambda: started.append("mlflow"))
    assert started == ["mlflow"]
