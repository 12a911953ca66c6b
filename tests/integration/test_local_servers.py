"""The servers that the tests themselves stand on."""

from __future__ import annotations

import smtplib
from email.message import EmailMessage

import psycopg2
import pytest

from perennial.local.servers import fetch


def _connect(url: str):
    return psycopg2.connect(url.replace("postgresql+psycopg2://", "postgresql://"))


def test_each_role_of_the_warehouse_can_log_in(warehouse_urls):
    for role in ("owner", "loader", "pipeline", "analyst"):
        with _connect(getattr(warehouse_urls, role)) as connection, connection.cursor() as cursor:
            cursor.execute("select current_user")
            assert cursor.fetchone() == (role,)
        connection.close()


def test_a_role_of_another_service_cannot_enter_the_warehouse(postgres, warehouse_urls):
    database = warehouse_urls.owner.rpartition("/")[2]
    with pytest.raises(psycopg2.OperationalError, match="permission denied for database"):
        _connect(postgres.server.url(database, "mlflow"))


def test_each_test_gets_a_migrated_warehouse_of_its_own(warehouse_urls):
    with _connect(warehouse_urls.owner) as connection, connection.cursor() as cursor:
        cursor.execute("select count(*) from ledger.runs")
        assert cursor.fetchone() == (0,)
    connection.close()


def test_a_wrong_password_is_refused(warehouse_urls):
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        _connect(warehouse_urls.owner.replace("owner:", "owner:wrong"))


def test_mlflow_answers_on_its_own_database(mlflow_server):
    assert fetch(f"{mlflow_server}/health") == "OK"


def test_the_mail_sink_keeps_what_it_is_sent(smtp_sink):
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@example.com", "b@example.com", "Good morning"
    message.set_content("text")
    with smtplib.SMTP(smtp_sink.settings.host, smtp_sink.settings.port) as client:
        client.send_message(message)
    assert [sent["Subject"] for sent in smtp_sink.messages] == ["Good morning"]
