"""Ports, passwords and what the servers of the embedded stack are told."""

from __future__ import annotations

import base64
import os
import re
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from perennial.config import Smtp
from perennial.config.logins import hide_login, read_login
from perennial.errors import ConfigError, StackError
from perennial.local import Ports, Stack, find_settings
from perennial.local.addresses import Addresses
from perennial.local.libgomp import link_libgomp
from perennial.local.passwords import read_passwords
from perennial.local.ports import require_free
from tests.paths import PACKAGE, ROOT


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_taken_port_names_its_owner():
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        with pytest.raises(StackError, match=rf"is taken by pid {os.getpid()} \(.+\).+PERENNIAL_MLFLOW_PORT"):
            require_free(holder.getsockname()[1], "mlflow", "PERENNIAL_MLFLOW_PORT")


def test_a_port_comes_from_its_variable():
    assert Ports(mlflow=5001) == Ports.from_environment({"PERENNIAL_MLFLOW_PORT": "5001"})


@pytest.mark.parametrize("value", ["http", "0", "65536", "-1"])
def test_a_port_that_is_none_is_refused(value):
    with pytest.raises(ConfigError, match="PERENNIAL_AIRFLOW_PORT"):
        Ports.from_environment({"PERENNIAL_AIRFLOW_PORT": value})


def test_passwords_are_made_once_for_their_owner_alone(tmp_path):
    first = read_passwords(tmp_path / "passwords.json")
    assert first == read_passwords(tmp_path / "passwords.json")
    assert _mode(tmp_path / "passwords.json") == 0o600
    assert len(set(first.values())) == len(first)


def test_the_jwt_secret_has_64_bytes(tmp_path):
    assert len(base64.b64decode(read_passwords(tmp_path / "passwords.json")["airflow_jwt_secret"])) == 64


def test_any_client_can_write_tables_as_loader(tmp_path):
    addresses = Addresses(tmp_path, Ports(postgres=5431), ROOT)
    assert f"postgresql://loader:{addresses.passwords['loader']}@127.0.0.1:5431/warehouse" == addresses.client_url("loader")


def test_airflow_never_learns_the_password_of_the_owner(tmp_path):
    addresses = Addresses(tmp_path, Ports(), ROOT)
    assert addresses.passwords["owner"] not in " ".join(addresses.airflow().values())


def test_a_login_travels_in_the_address_of_mlflow_and_is_not_shown(tmp_path):
    addresses = Addresses(tmp_path, Ports(mlflow=5001), ROOT)
    settings = addresses.settings()
    assert addresses.mlflow_login == read_login(settings.mlflow_uri)
    assert addresses.mlflow_login[1] not in repr(settings)
    assert ("a@b", "c:d/e") == read_login("https://a%40b:c%3Ad%2Fe@mlflow.example.com:8443/under")
    assert "https://mlflow.example.com:8443/under" == hide_login("https://a%40b:c%3Ad%2Fe@mlflow.example.com:8443/under")


def test_people_open_the_stack_where_it_listens(tmp_path):
    told = Addresses(tmp_path, Ports(), ROOT).airflow()
    assert ("", "") == (told["PERENNIAL_AIRFLOW_PUBLIC_URL"], told["PERENNIAL_MLFLOW_PUBLIC_URL"])


def test_the_settings_of_a_shell_are_those_of_the_stack(tmp_path):
    settings = Addresses(tmp_path, Ports(mlflow=5001, mail=2525), ROOT).settings()
    assert hide_login(settings.mlflow_uri) == "http://127.0.0.1:5001"
    assert (settings.smtp.port, settings.smtp.user) == (2525, None)


def test_a_shell_tunes_with_as_many_trials_as_the_stack_that_it_finds(tmp_path, monkeypatch):
    monkeypatch.setenv("PERENNIAL_TRIALS", "12")
    stack = Stack(tmp_path)
    monkeypatch.delenv("PERENNIAL_TRIALS")
    assert stack.settings().trials == 12
    assert stack.addresses.airflow()["PERENNIAL_TRIALS"] == "12"


def test_the_mail_connection_carries_the_login_of_a_named_server(tmp_path):
    server = Smtp(host="mail.example.com", port=587, user="me@example.com", password="a/b", starttls=True)
    connection = Addresses(tmp_path, Ports(), ROOT, mail_server=server).airflow()["AIRFLOW_CONN_SMTP_DEFAULT"]
    assert connection == "smtp://me%40example.com:a%2Fb@mail.example.com:587/?from_email=perennial%40example.com&disable_ssl=true"


def test_no_stack_means_no_settings(tmp_path):
    assert find_settings({"PERENNIAL_VAR": str(tmp_path)}) is None


def test_the_copy_of_libgomp_is_a_library(tmp_path):
    assert (link_libgomp(tmp_path) / "libgomp.so.1").resolve().read_bytes()[:4] == b"\x7fELF"


def test_a_command_loads_no_booster_before_it_has_found_libgomp():
    code = "import sys, perennial.cli, perennial.local.supervisor; print({'lightgbm', 'pandas', 'sklearn'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "set()\n"


def _write_dotenv(example: Path, target: Path) -> str:
    command = [sys.executable, "-I", PACKAGE / "local" / "dotenv.py", example, target]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_an_example_becomes_a_private_file_without_a_gap(tmp_path):
    target = tmp_path / ".env"
    _write_dotenv(ROOT / ".env.example", target)
    assert _mode(target) == 0o600
    assert re.findall(r"^\w+=$", target.read_text(), re.MULTILINE) == []


def test_secrets_have_the_length_that_their_name_asks_for(tmp_path):
    (tmp_path / "example").write_text("A_JWT_SECRET=\nA_FERNET_KEY=\nA_PASSWORD=\nKEPT=1\n")
    _write_dotenv(tmp_path / "example", tmp_path / ".env")
    values = dict(line.split("=", 1) for line in (tmp_path / ".env").read_text().splitlines())
    assert {name: len(value) for name, value in values.items()} == {
        "A_JWT_SECRET": 86,
        "A_FERNET_KEY": 44,
        "A_PASSWORD": 43,
        "KEPT": 1,
    }


def test_an_existing_file_is_never_overwritten(tmp_path):
    (tmp_path / "example").write_text("A=\n")
    (tmp_path / ".env").write_text("A=mine\n")
    assert "left as it is" in _write_dotenv(tmp_path / "example", tmp_path / ".env")
    assert (tmp_path / ".env").read_text() == "A=mine\n"
