"""The embedded stack as a whole; it is started once for the whole test session."""

from __future__ import annotations

import os
import signal
import smtplib
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from email.message import EmailMessage
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from perennial.config.logins import write_header
from perennial.errors import StackError
from perennial.local import Ports, Stack, airflow_api, find_airflow, find_settings
from perennial.local.doctor import Finding, diagnose
from perennial.local.processes import find_members
from perennial.local.record import is_locked
from perennial.stores.registry import Registry


def _read_states(stack):
    return {server.name: server.state for server in stack.status()}


SERVERS = (
    "postgres",
    "mail",
    "mlflow",
    "airflow-api-server",
    "airflow-scheduler",
    "airflow-dag-processor",
    "airflow-triggerer",
)


def test_every_server_is_healthy(stack):
    assert dict.fromkeys(SERVERS, "healthy") == _read_states(stack)


def test_a_second_up_says_what_is_running(stack):
    said = []
    assert not Stack(stack.var, simulated_until=date(2018, 1, 3)).up(said.append)
    assert [f"already up in {stack.var}: pid {stack.record.supervisor.pid}"] == [line.partition(" (")[0] for line in said]


def test_a_simulation_is_not_taken_for_a_live_stack(stack):
    with pytest.raises(StackError, match=r"A simulation until 2018-01-03 runs in .*perennial down"):
        Stack(stack.var).up()


def test_a_shell_finds_the_settings_of_the_running_stack(stack):
    shell = {"PERENNIAL_VAR": str(stack.var)}
    assert find_settings(shell) == stack.settings()
    assert find_airflow(stack.settings(), shell).user == stack.login[0]


def test_airflow_loads_every_dag_file(stack):
    assert stack.airflow.import_errors() == ()


def test_every_dag_is_listed_however_many_pages_they_fill(stack, monkeypatch):
    dags = stack.airflow.dags()
    monkeypatch.setattr(airflow_api, "PAGE", 5)
    assert len(dags) > 5
    assert dags == stack.airflow.dags()


def test_the_doctor_finds_everything_well_and_asks_its_caller_too(stack):
    asked = Finding("keys", is_well=True, found="none waits")
    findings = diagnose(stack.settings(), stack.airflow, [lambda: (asked,)])
    assert [finding for finding in findings if not finding.is_well and finding.component != "disk"] == []
    assert findings[-1] == asked


def test_the_mail_sink_keeps_each_mail_as_a_file(stack):
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@example.com", "b@example.com", "Good morning"
    with smtplib.SMTP("127.0.0.1", stack.addresses.ports.mail) as client:
        client.send_message(message)
    assert any(b"Good morning" in path.read_bytes() for path in stack.addresses.mail_folder.glob("*.eml"))


def ask_mlflow(stack, path, login=None):
    """The status that MLflow answers a question with."""
    headers = {"Authorization": write_header(login)} if login else {}
    try:
        with urlopen(Request(f"{stack.addresses.mlflow_url}{path}", headers=headers), timeout=30) as answer:
            return answer.status
    except HTTPError as error:
        return error.code


@pytest.mark.parametrize("path", ["/", "/api/2.0/mlflow/registered-models/search", "/get-artifact?path=a&run_uuid=b", "/graphql"])
def test_mlflow_answers_nobody_without_the_login_of_the_stack(stack, path):
    user, password = stack.addresses.mlflow_login
    assert [401, 401, 401] == [ask_mlflow(stack, path, login) for login in (None, (user, "admin"), ("", password))]


def test_mlflow_answers_our_client_and_shows_its_health_to_everybody(stack):
    registry = Registry(stack.settings().mlflow_uri)
    assert registry.get_champion("nobodys_model") is None
    assert [200, 200] == [ask_mlflow(stack, "/", stack.addresses.mlflow_login), ask_mlflow(stack, "/health")]
    assert stack.addresses.mlflow_login[1] not in f"{registry.uri} {registry.public_url} {stack.settings()}"


def test_nobody_else_on_the_machine_reads_anything_of_it(stack):
    """Stages of a shell write below `artifacts` with the umask of that shell, into a folder that nobody else enters."""
    below = (path for path in stack.var.rglob("*") if not path.is_symlink() and stack.var / "artifacts" not in path.parents)
    open_to_others = [str(path) for path in (stack.var, *below) if path.exists() and path.stat().st_mode & 0o077]
    assert [] == open_to_others


def test_a_fallen_server_is_started_again_though_a_child_of_its_own_holds_its_port(stack):
    fallen = stack.record.servers["mlflow"].process
    os.kill(fallen.pid, signal.SIGKILL)
    deadline = stack.patience.begin(60)
    while stack.record and (
        stack.record.servers["mlflow"].process in (fallen, None) or _read_states(stack)["mlflow"] != "healthy"
    ):
        assert not deadline.is_over
        time.sleep(0.5)
    assert dict.fromkeys(SERVERS, "healthy") == _read_states(stack)


def test_up_recovers_after_everything_was_killed(stack):
    killed = find_members(stack.record.supervisor)
    for member in killed:
        os.kill(member.pid, signal.SIGKILL)
    stack._process.wait()
    assert stack.up(tied=True)
    assert dict.fromkeys(SERVERS, "healthy") == _read_states(stack)


def test_a_stack_that_never_ran_is_down(tmp_path):
    stack = Stack(tmp_path, ports=Ports.free())
    assert not stack.down()
    assert {"down"} == set(_read_states(stack).values())


def test_down_finds_a_stack_that_has_only_begun_to_come_up(tmp_path):
    with ThreadPoolExecutor() as pool:
        coming = pool.submit(Stack(tmp_path, ports=Ports.free()).up)
        while not is_locked(tmp_path):
            time.sleep(0.01)
        assert Stack(tmp_path).down()
        with pytest.raises(StackError, match="was ended while it came up"):
            coming.result()
    assert not is_locked(tmp_path)
