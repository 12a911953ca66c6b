"""The embedded PostgreSQL comes back after every kind of bad end."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from perennial.errors import StackError
from perennial.local.ports import find_free_port
from perennial.local.postgres import THROWAWAY, Postgres
from perennial.local.processes import find_members, identify

OPTIONS = {**THROWAWAY, "synchronous_commit": "on"}  # what was committed has reached the system, if not the disk


@pytest.fixture
def server(tmp_path):
    tmp_path.chmod(0o700)  # a closed home
    server = Postgres(tmp_path / "postgres", find_free_port(), passwords=tmp_path / "passwords.json", options=OPTIONS)
    server.start(new_session=True)
    yield server
    server.stop()


def test_it_comes_back_after_a_kill_with_what_was_committed(server):
    server.run_sql("postgres", "create table kept as select 1 as one;")
    os.kill(server.process.pid, signal.SIGKILL)
    server.start(new_session=True)
    assert server.run_sql("postgres", "select one from kept;").strip() == "1"


def test_it_is_made_anew_when_its_making_was_cut_off(tmp_path):
    code = "import sys; from pathlib import Path; from perennial.local.postgres import Postgres; folder = Path(sys.argv[1])\n"
    code += "Postgres(folder / 'postgres', int(sys.argv[2]), passwords=folder / 'passwords.json').start()"
    server = Postgres(tmp_path / "postgres", find_free_port(), passwords=tmp_path / "passwords.json", options=OPTIONS)
    first = subprocess.Popen([sys.executable, "-c", code, tmp_path, str(server.port)], start_new_session=True)
    leader = identify(first.pid)
    while not list(tmp_path.glob("postgres/*/PG_VERSION")):
        time.sleep(0.01)
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    while find_members(leader):
        time.sleep(0.01)
    server.start(new_session=True)
    assert server.run_sql("postgres", "select 1;").strip() == "1"
    server.stop()


def test_a_second_start_takes_over_from_the_first(server):
    former = server.process
    second = Postgres(server.data.parent, server.port, passwords=server.data.parent.parent / "passwords.json")
    second.start(new_session=True)
    assert not former.is_alive
    assert second.run_sql("postgres", "show fsync;").strip() == "on"
    second.stop()


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="only root loses rights, by setpriv")
def test_root_of_a_container_knows_its_server(server):
    """Docker's root lacks CAP_SYS_PTRACE, without which most of `/proc/<pid>` of the user nobody is closed."""
    code = """
import sys
import time
from pathlib import Path
from perennial.local.postgres import Postgres
print(Postgres(Path(sys.argv[1]), 1, passwords=Path(sys.argv[2])).process)
"""
    command = [sys.executable, "-c", code, server.data.parent, server.data.parent.parent / "passwords.json"]
    without = ["setpriv", "--bounding-set=-sys_ptrace", "--inh-caps=-sys_ptrace"]
    assert subprocess.check_output([*without, *command], text=True).strip() == str(server.process)


def test_a_stale_pidfile_that_names_a_living_process_is_no_obstacle(server):
    server.stop()
    pidfile = server.data / "postmaster.pid"
    pidfile.write_text(f"{os.getpid()}\n{server.data}\n")
    pidfile.chmod(0o600)
    server.start(new_session=True)
    assert server.run_sql("postgres", "select 1;").strip() == "1"


def test_a_taken_port_is_refused_before_anything_starts(server):
    server.stop()
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", server.port))
        holder.listen()
        with pytest.raises(StackError, match=rf"Port {server.port}, wanted for PostgreSQL, is taken by pid {os.getpid()}"):
            server.start(new_session=True)
    assert server.process is None


def test_it_listens_nowhere_but_on_this_machine(server):
    assert server.run_sql("postgres", "show listen_addresses; show unix_socket_directories;").split() == ["127.0.0.1"]
    assert not Path(f"/tmp/.s.PGSQL.{server.port}").exists()


def test_text_sorts_alike_on_every_machine(server):
    query = "select datlocprovider, datlocale from pg_database where datname = 'postgres';"
    assert server.run_sql("postgres", query).strip() == "b|C.UTF-8"
