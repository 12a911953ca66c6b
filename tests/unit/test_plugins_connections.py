"""From Airflow's connections to our settings: nothing that they ask for is dropped in silence."""

import pytest

from plugins.connections import read_settings

WAREHOUSE = "postgres://pipeline:pass%2Fword@db.example.com:6432/warehouse"
BARE = "postgresql+psycopg2://pipeline:pass%2Fword@db.example.com:6432/warehouse"


@pytest.fixture
def read(monkeypatch):
    """Settings of an installation with these connections."""

    def read_it(*, warehouse=WAREHOUSE, smtp="smtp://mail.example.com:587"):
        monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", warehouse)
        monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", smtp)
        return read_settings()

    return read_it


def test_a_connection_without_extras_is_a_bare_address(read):
    assert BARE == read().warehouse_url


def test_extras_of_the_warehouse_are_parameters_of_libpq(read):
    url = read(warehouse=f"{WAREHOUSE}?sslmode=verify-full&sslrootcert=%2Fetc%2Fca.pem").warehouse_url
    assert f"{BARE}?sslmode=verify-full&sslrootcert=%2Fetc%2Fca.pem" == url


def test_extras_that_airflow_keeps_for_itself_do_not_reach_libpq(read):
    extra = "%7B%22keepalives_idle%22%3A+30%2C+%22cursor%22%3A+%22dictcursor%22%2C+%22iam%22%3A+false%7D"
    assert f"{BARE}?keepalives_idle=30" == read(warehouse=f"{WAREHOUSE}?__extra__={extra}").warehouse_url


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
def test_mail_is_encrypted_as_the_connection_asks(read, port, extras, starttls, tls):
    smtp = read(smtp=f"smtp://mail.example.com:{port}/?{extras}").smtp
    assert (starttls, tls) == (smtp.starttls, smtp.tls)
