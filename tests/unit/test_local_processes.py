"""Processes of our own are ended, all of them, and nobody else's."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

from perennial.local.binaries import NOBODY
from perennial.local.processes import Identity, describe_process, end_all, find_members, find_orphans, identify, spawn
from perennial.local.servers import python_command


def _wait_until(condition):
    deadline = time.monotonic() + 10
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert condition()


def _spawn(command, tmp_path, **arguments):
    return spawn(command, log=tmp_path / "log", **arguments)


def test_a_process_that_is_gone_is_not_alive(tmp_path):
    child = _spawn(["true"], tmp_path)
    identity = identify(child.pid)
    child.wait()
    assert not identity.is_alive


def test_a_number_that_was_given_away_is_another_process():
    own = identify(os.getpid())
    assert not Identity(own.pid, own.started - 1).is_alive


def test_a_child_dies_with_its_parent(tmp_path):
    code = """
import os, sys, time
from pathlib import Path
from perennial.local.processes import spawn
print(spawn(["sleep", "60"], log=Path(sys.argv[1])).pid, flush=True)
time.sleep(60)
"""
    parent = subprocess.Popen([sys.executable, "-c", code, tmp_path / "log"], stdout=subprocess.PIPE, text=True)
    child = identify(int(parent.stdout.readline()))
    time.sleep(0.3)  # the kernel is told after the number is known
    parent.kill()
    parent.communicate()
    _wait_until(lambda: not child.is_alive)


def test_a_module_in_the_folder_of_the_caller_is_not_taken_for_ours(tmp_path, monkeypatch):
    (tmp_path / "perennial").mkdir()
    (tmp_path / "perennial" / "__init__.py").touch()
    monkeypatch.chdir(tmp_path)
    child = _spawn(python_command("perennial.local.ports"), tmp_path)
    assert child.wait() == 0, (tmp_path / "log").read_text()


def test_settings_for_servers_of_the_caller_do_not_reach_ours(tmp_path, monkeypatch):
    for name in ("AIRFLOW__CORE__EXECUTOR", "AIRFLOW_CONN_WAREHOUSE", "MLFLOW_TRACKING_URI", "PGHOSTADDR"):
        monkeypatch.setenv(name, "theirs")
    _spawn(["env"], tmp_path, environment={"MLFLOW_TRACKING_URI": "ours"}).wait()
    lines = (tmp_path / "log").read_text().splitlines()
    assert [line for line in lines if line.startswith(("AIRFLOW", "MLFLOW", "PG"))] == ["MLFLOW_TRACKING_URI=ours"]


def test_a_session_ends_with_its_orphans_and_with_who_ignores_term(tmp_path):
    script = "trap '' TERM; setsid sleep 0; (sleep 60 &) ; echo ready; while :; do sleep 0.1; done"
    child = _spawn(["sh", "-c", script], tmp_path, new_session=True)
    leader = identify(child.pid)
    _wait_until(lambda: "ready" in (tmp_path / "log").read_text())
    assert len(find_members(leader)) >= 2
    end_all(lambda: find_members(leader), grace_seconds=0.3)
    assert child.wait() == -signal.SIGKILL
    assert find_members(leader) == ()


def test_a_session_that_is_not_ours_is_not_found(tmp_path):
    child = _spawn(["sleep", "60"], tmp_path, new_session=True)
    leader = identify(child.pid)
    _wait_until(lambda: find_members(leader) == (leader,))
    assert find_members(Identity(leader.pid, leader.started + 1)) == ()
    child.kill()
    child.wait()


def _find_command(leader, command):
    return next((member for member in find_members(leader) if describe_process(member.pid).endswith(f"({command})")), None)


def test_what_a_fallen_server_leaves_is_an_orphan_and_its_neighbours_are_not(tmp_path):
    child = _spawn(["sh", "-c", "sh -c 'sleep 60 & exec sleep 50' & sleep 40 & wait"], tmp_path, new_session=True)
    leader = identify(child.pid)
    _wait_until(lambda: all(_find_command(leader, f"sleep {seconds}") for seconds in (60, 50, 40)))
    left, server = _find_command(leader, "sleep 60"), _find_command(leader, "sleep 50")
    assert find_orphans(leader) == ()
    os.kill(server.pid, signal.SIGKILL)
    _wait_until(lambda: find_orphans(leader) == (left,))
    end_all(lambda: find_members(leader))
    child.wait()


def test_a_leader_outside_our_namespace_has_no_members():
    """In a container the session of a process may be led from outside: the kernel then says 0, for all of them."""
    assert find_members(Identity(0, -1)) == ()


def test_who_root_becomes_still_passes_a_closed_directory(tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    program = closed / "program"
    program.write_text("#!/bin/sh\n", encoding="utf-8")
    program.chmod(0o755)
    user = NOBODY if os.geteuid() == 0 else None
    ask = f"import os, sys; sys.exit(not os.access({str(program)!r}, os.X_OK))"  # as initdb asks for its siblings
    child = _spawn([sys.executable, "-I", "-S", "-c", ask], tmp_path, user=user)
    assert child.wait() == 0, (tmp_path / "log").read_text(encoding="utf-8")
