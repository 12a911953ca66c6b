"""Logs stay small: what a server holds open is cut off where it lies, and old task logs go."""

import asyncio
import os
import subprocess
import sys

import pytest
from aiosmtpd.smtp import Envelope

from perennial.config import Settings
from perennial.local.cleaning import Cleaner
from perennial.local.logs import KEPT_LOGS, OLDEST_SECONDS, find_log_folders, find_secrets, rotate, sweep_task_logs, tend_logs
from perennial.local.mail_sink import Sink
from perennial.local.processes import spawn

BOUND = 1000
CLOCK = 1.8e9
WRITER = "import sys\nfor line in sys.stdin: print(line.strip(), flush=True)"


def write(path, size, age_seconds=0.0):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)
    os.utime(path, (CLOCK - age_seconds, CLOCK - age_seconds))


def test_a_log_within_its_bound_stays(tmp_path):
    log = tmp_path / "server.log"
    write(log, BOUND)
    assert not rotate(log, BOUND)
    assert [log] == list(tmp_path.iterdir())


def test_a_server_that_holds_its_log_open_writes_on_in_the_short_one(tmp_path):
    log = tmp_path / "server.log"
    with log.open("ab") as output:
        server = subprocess.Popen([sys.executable, "-c", WRITER], stdin=subprocess.PIPE, stdout=output)
        server.stdin.write(b"a" * BOUND + b"\n")
        server.stdin.flush()
        while log.stat().st_size <= BOUND:
            pass
        assert rotate(log, BOUND)
        server.communicate(b"after\n")
    assert b"after\n" == log.read_bytes()
    assert b"a" * BOUND + b"\n" == (tmp_path / "server.log.1").read_bytes()


def test_our_servers_append_to_their_logs(tmp_path):
    log = tmp_path / "server.log"
    log.write_bytes(b"before\n")
    spawn((sys.executable, "-c", "print('after')"), log=log).wait()
    assert b"before\nafter\n" == log.read_bytes()


def test_a_log_that_grows_for_ever_never_takes_more_than_its_bound(tmp_path):
    log = tmp_path / "server.log"
    for _ in range(3 * KEPT_LOGS):
        write(log, BOUND + 1)
        rotate(log, BOUND)
    assert KEPT_LOGS * (BOUND + 1) == sum(path.stat().st_size for path in tmp_path.iterdir())


def test_task_logs_beyond_the_bound_go_the_oldest_first(tmp_path):
    for age in range(5):
        write(tmp_path / f"dag_id=lapse.score/run_id={age}/attempt=1.log", 400, age)
    assert 3 == sweep_task_logs(tmp_path, CLOCK, BOUND)
    assert {"run_id=0", "run_id=1"} == {path.name for path in (tmp_path / "dag_id=lapse.score").iterdir()}


def test_old_task_logs_of_the_installation_go_with_their_folders_and_those_of_models_as_their_files_say(tmp_path):
    for name in ("dag_id=lapse.score", "dag_id=perennial.nightly", "dag_processor"):
        write(tmp_path / name / "run_id=1/attempt=1.log", 1, OLDEST_SECONDS + 1)
    assert 2 == sweep_task_logs(tmp_path, CLOCK)
    assert [tmp_path / "dag_id=lapse.score"] == list(tmp_path.iterdir())


def test_a_stack_tends_the_logs_of_all_its_servers(tmp_path):
    for name in ("log/mail.log", "mlflow/mlflow.log", "postgres/postgres.log", "supervisor.log"):
        write(tmp_path / name, 11 * 2**20)
    for name in ("log/mail.log.4", "supervisor.log.4", "airflow/logs/dag_id=perennial.nightly/run_id=1/attempt=1.log"):
        write(tmp_path / name, 1, OLDEST_SECONDS + 1)
    tend_logs(tmp_path, CLOCK)
    logs = {path.relative_to(tmp_path).as_posix(): path.stat().st_size > 0 for path in tmp_path.rglob("*.log*")}
    assert {
        "log/mail.log": False,
        "log/mail.log.1": True,
        "mlflow/mlflow.log": False,
        "mlflow/mlflow.log.1": True,
        "postgres/postgres.log": False,
        "postgres/postgres.log.1": True,
        "supervisor.log": False,
        "supervisor.log.1": True,
    } == logs


def test_mails_that_the_stack_keeps_as_files_go_after_a_month_and_numbers_go_on(tmp_path):
    write(tmp_path / "mail/000008-0a.eml", 1, OLDEST_SECONDS + 1)
    write(tmp_path / "mail/000009-0b.eml", 1, OLDEST_SECONDS - 1)
    tend_logs(tmp_path, CLOCK)
    letter = Envelope()
    letter.content = b"Subject: another\r\n"
    assert "250 OK" == asyncio.run(Sink(tmp_path / "mail").handle_DATA(None, None, letter))
    assert ["000009", "000010"] == sorted(path.name.partition("-")[0] for path in (tmp_path / "mail").iterdir())


def test_mails_beyond_the_bound_go_the_oldest_first_and_the_newest_always_stays(tmp_path):
    sink, taken = Sink(tmp_path, most_bytes=BOUND), []
    for size in (400, 400, 400, 2 * BOUND, 10):
        letter = Envelope()
        letter.content = b"x" * size
        asyncio.run(sink.handle_DATA(None, None, letter))
        taken.append(sum(path.stat().st_size for path in tmp_path.iterdir()))
    assert [400, 800, 800, 2 * BOUND, 10] == taken
    assert ["000005"] == [path.name.partition("-")[0] for path in tmp_path.iterdir()]


def test_airflows_database_is_cleaned_once_a_week_and_never_twice_at_once(tmp_path):
    begun = []

    def begin(clock_seconds):
        begun.append((clock_seconds, subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)))
        return begun[-1][1]

    (tmp_path / "airflow").mkdir()
    cleaner, week = Cleaner(tmp_path, begin), 7 * 86400.0
    for clock_seconds in (CLOCK, CLOCK + week - 1, CLOCK + week, CLOCK + 3 * week):
        cleaner.tend(clock_seconds)
    assert [CLOCK + week] == [clock_seconds for clock_seconds, _ in begun]
    begun[0][1].communicate(b"\n")
    cleaner.tend(CLOCK + 3 * week)
    begun[1][1].communicate(b"\n")
    Cleaner(tmp_path, begin).tend(CLOCK + 3 * week + 1)  # of a stack that was started again
    assert [CLOCK + week, CLOCK + 3 * week] == [clock_seconds for clock_seconds, _ in begun]


@pytest.fixture
def environment(tmp_path):
    write(tmp_path / "var/log/mail.log", 1)
    write(tmp_path / "tasks/one.log", 1)
    return {"PERENNIAL_VAR": str(tmp_path / "var"), "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(tmp_path / "tasks")}


def test_logs_are_found_where_the_stack_and_airflow_keep_them(tmp_path, environment):
    assert (tmp_path / "tasks", tmp_path / "var/log") == find_log_folders(environment)


def test_every_password_of_the_settings_is_a_secret(tmp_path, environment):
    settings = Settings(
        warehouse_url="postgresql+psycopg2://pipeline:first-word@localhost/warehouse",
        owner_url="",
        mlflow_uri="http://admin:second%20word@localhost",
        home=tmp_path,
        artifacts=tmp_path,
    )
    assert {"first-word", "second word"} == find_secrets(settings, environment)
