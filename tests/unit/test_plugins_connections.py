"""From Airflow's connections to our settings: nothing that they ask for is dropped in silence."""

import pytest

from perennial.airflow.connections import read_settings
from perennial.config.smtp import read_smtp

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


def test_mail_goes_where_the_connection_says(read):
    smtp = read(smtp="smtp://post:pass%2Fword@mail.example.com:587/?from_email=models@example.com").smtp
    assert ("mail.example.com", 587, "post", "pass/word", "models@example.com") == (
        smtp.host,
        smtp.port,
        smtp.user,
        smtp.password,
        smtp.sender,
    )
    assert smtp.starttls


@pytest.mark.parametrize(
    "connection",
    [
        "smtp://post:pass%2Fword@mail.example.com:587/?from_email=models%40example.com&disable_ssl=true",
        "smtp://mail.example.com",
        "smtp://%3A%3A1:25/",
        "smtp://mail.example.com:465/?__extra__=%7B%22disable_ssl%22%3A+true%7D",
        '\n{"conn_type": "smtp", "host": "mail.example.com", "port": 465, "login": "post", "password": "word"}',
        '{"conn_type": "smtp", "host": "mail.example.com", "extra": {"disable_tls": true, "disable_ssl": true}}',
        '{"conn_type": "smtp", "host": "mail.example.com", "extra": "{\\"disable_tls\\": true}"}',
    ],
)
def test_a_shell_beside_airflow_reads_the_connection_as_airflow_does(read, connection):
    assert read(smtp=connection).smtp == read_smtp({"AIRFLOW_CONN_SMTP_DEFAULT": connection})


def test_links_lead_to_where_people_reach_airflow(read, monkeypatch):
    monkeypatch.setenv("PERENNIAL_AIRFLOW_URL", "http://api-server:8080")
    assert "http://api-server:8080" == read().airflow_pages
    monkeypatch.setenv("PERENNIAL_AIRFLOW_PUBLIC_URL", "https://airflow.example.com/")
    assert ("http://api-server:8080", "https://airflow.example.com") == (read().airflow_url, read().airflow_pages)
