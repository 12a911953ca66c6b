"""Where mail goes, and how it is encrypted there."""

import pytest

from perennial.config import Smtp
from perennial.config.smtp import read_smtp
from perennial.errors import ConfigError

CONNECTION = "smtp://mail.example.com:587/?disable_ssl=true"


def test_without_a_word_mail_goes_to_this_machine():
    assert Smtp() == read_smtp({})


def test_own_variables_come_before_the_connection():
    environment = {"AIRFLOW_CONN_SMTP_DEFAULT": CONNECTION, "PERENNIAL_SMTP_PORT": "2525"}
    assert Smtp(port=2525) == read_smtp(environment)


def test_empty_variables_say_nothing():
    empty = {f"PERENNIAL_SMTP_{name}": "" for name in ("HOST", "PORT", "USER", "PASSWORD", "SENDER", "STARTTLS", "TLS")}
    assert Smtp() == read_smtp(empty)
    assert Smtp("mail.example.com", 587, starttls=True) == read_smtp({**empty, "AIRFLOW_CONN_SMTP_DEFAULT": CONNECTION})


@pytest.mark.parametrize(
    ("port", "extras", "starttls", "tls"),
    [
        (25, "disable_tls=true&disable_ssl=true", False, False),
        (587, "disable_ssl=true", True, False),
        (465, "disable_tls=true", False, True),
        (587, "", True, False),
        (465, "", False, True),
        (465, "disable_ssl=true", True, False),
    ],
)
def test_mail_is_encrypted_as_the_connection_asks(port, extras, starttls, tls):
    smtp = read_smtp({"AIRFLOW_CONN_SMTP_DEFAULT": f"smtp://mail.example.com:{port}/?{extras}"})
    assert (starttls, tls) == (smtp.starttls, smtp.tls)


@pytest.mark.parametrize("value", ["smtp://mail:port/", "{host", '{"extra": "no json"}', "smtp://mail/?__extra__=[1]"])
def test_a_connection_that_is_none_is_refused_and_not_quoted(value):
    with pytest.raises(ConfigError, match="AIRFLOW_CONN_SMTP_DEFAULT is no connection") as refusal:
        read_smtp({"AIRFLOW_CONN_SMTP_DEFAULT": value})
    assert value not in str(refusal.value)


def test_a_port_that_is_no_number_is_refused():
    with pytest.raises(ConfigError, match="PERENNIAL_SMTP_PORT is 'smtp'"):
        read_smtp({"PERENNIAL_SMTP_PORT": "smtp"})
