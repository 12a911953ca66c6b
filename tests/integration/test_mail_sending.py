"""Notices leave through a real SMTP server: at least once, at most one double, and a double bears the same Message-ID."""

import ssl
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller

from perennial.config import Settings, Smtp
from perennial.errors import MailRefused, MailUnavailable
from perennial.local.health import answers_smtp
from perennial.local.ports import find_free_port
from perennial.pipeline import Stores, drain_outbox
from perennial.records import Notice, Run
from perennial.stores import ledger
from perennial.stores.mail import render, send
from perennial.stores.sessions import Database
from tests.certificates import write_certificate

RUN = Run(model="lapse", as_of=date(2017, 11, 27), clock=datetime(2017, 11, 27, 11, tzinfo=UTC), purpose="simulation")
NOTICE = Notice("lapse", RUN.as_of, "decision", "SKIP: nothing moved", "A quiet day.", (), ("Published the scores.",), ())


class PowerCut(Exception):
    """Stands for the death of our process: the transaction is lost."""


@pytest.fixture
def outbox(warehouse_urls):
    """A ledger with one waiting notice."""
    database = Database(warehouse_urls.pipeline)
    with database.transaction() as session:
        ledger.put_notice(session, RUN, NOTICE, "growth@example.com")
    yield database
    database.dispose()


def write(envelope):
    return render(
        envelope.notice,
        sender="perennial@example.com",
        recipient=envelope.recipient,
        message_id=envelope.message_id,
        sent_at=envelope.effective_at,
    )


def drain(outbox, smtp, after_sending=lambda: None):
    """What the pipeline does: claim under the row lock, send, mark, commit."""
    with outbox.transaction() as session:
        waiting = ledger.waiting_notices(session)
    for message_id in waiting:
        with outbox.transaction() as session:
            envelope = ledger.claim_notice(session, message_id)
            if envelope is not None:
                send(write(envelope), smtp)
                after_sending()
                ledger.mark_sent(session, message_id)


def cut_power():
    raise PowerCut


def test_a_notice_is_sent_once(outbox, smtp_sink):
    drain(outbox, smtp_sink.settings)
    drain(outbox, smtp_sink.settings)
    assert [message["Subject"] for message in smtp_sink.messages] == ["[perennial] lapse 2017-11-27: SKIP - nothing moved"]


def test_a_crash_after_the_servers_yes_gives_one_double_with_the_same_message_id(outbox, smtp_sink):
    with pytest.raises(PowerCut):
        drain(outbox, smtp_sink.settings, after_sending=cut_power)
    drain(outbox, smtp_sink.settings)
    drain(outbox, smtp_sink.settings)
    first, second = smtp_sink.messages
    assert first["Message-ID"] == second["Message-ID"]


def test_a_notice_that_somebody_is_sending_is_left_to_them(outbox, smtp_sink):
    drain(outbox, smtp_sink.settings, after_sending=lambda: drain(outbox, smtp_sink.settings))
    assert len(smtp_sink.messages) == 1


def test_a_notice_waits_while_the_server_is_down(outbox, smtp_sink):
    with pytest.raises(MailUnavailable, match="waits in the outbox"):
        drain(outbox, Smtp(port=1, timeout_seconds=1))
    drain(outbox, smtp_sink.settings)
    assert len(smtp_sink.messages) == 1


@contextmanager
def serve(handler, ssl_context=None):
    """A mail server of the test's own."""
    controller = Controller(handler, hostname="127.0.0.1", port=find_free_port(), ssl_context=ssl_context)
    controller.start()
    yield Smtp(port=controller.port, tls=ssl_context is not None)
    controller.stop()


class Mailboxes:
    """A server without the mailbox gone@example.com; `taken` are the recipients of what it took."""

    def __init__(self):
        self.taken = []

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802 - aiosmtpd's hook
        if address.startswith("gone@"):
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 - aiosmtpd's hook
        self.taken += envelope.rcpt_tos
        return "250 OK"


class TiredMailboxes(Mailboxes):
    """A server that is about to shut down when the client says goodbye."""

    async def handle_QUIT(self, server, session, envelope):  # noqa: N802 - aiosmtpd's hook
        return "421 shutting down"


def put_notices(outbox, *recipients):
    """One more waiting notice to each."""
    with outbox.transaction() as session:
        for number, recipient in enumerate(recipients):
            ledger.put_notice(session, RUN, replace(NOTICE, event=f"decision_{number}"), recipient)


def drain_as_pipeline(outbox, smtp):
    settings = Settings(warehouse_url=outbox.url, owner_url="", mlflow_uri="", home=Path(), artifacts=Path(), smtp=smtp)
    return drain_outbox(Stores(settings, outbox, registry=None))


def test_a_refused_recipient_is_named():
    message = render(
        NOTICE, sender="a@example.com", recipient="gone@example.com", message_id="<1@example.com>", sent_at=RUN.clock
    )
    with serve(Mailboxes()) as smtp, pytest.raises(MailRefused, match=r"gone@example\.com: 550 no such user"):
        send(message, smtp)


def test_notices_to_a_mailbox_that_is_gone_hold_up_no_others(outbox):
    put_notices(outbox, *["gone@example.com"] * 5, "risk@example.com")
    with serve(there := Mailboxes()) as smtp:
        facts = drain_as_pipeline(outbox, smtp)
    assert ["growth@example.com", "risk@example.com"] == there.taken
    assert (2, 5) == (facts["sent"], facts["waiting"])


def test_of_several_owners_those_who_can_be_reached_get_the_mail_once(outbox, caplog):
    put_notices(outbox, "gone@example.com, risk@example.com")
    with serve(there := Mailboxes()) as smtp:
        drain_as_pipeline(outbox, smtp)
        drain_as_pipeline(outbox, smtp)
    assert 1 == there.taken.count("risk@example.com")
    assert "gone@example.com: 550 no such user" in caplog.text


def test_what_was_refused_before_comes_after_what_was_never_tried(outbox):
    put_notices(outbox, "gone@example.com")
    with serve(Mailboxes()) as smtp:
        drain_as_pipeline(outbox, smtp)
    with outbox.transaction() as session:
        ledger.put_notice(session, RUN, replace(NOTICE, event="verdict"), "growth@example.com")
        waiting = ledger.waiting_notices(session)
    assert ["verdict", "decision_0"] == [message_id.split(".")[2].partition("@")[0] for message_id in waiting]


def test_a_server_that_is_down_is_asked_once(outbox):
    put_notices(outbox, "risk@example.com")
    drain_as_pipeline(outbox, Smtp(port=find_free_port()))
    with outbox.transaction() as session:
        tried = [ledger.claim_notice(session, message_id).attempts for message_id in ledger.waiting_notices(session)]
    assert [0, 1] == tried


def test_a_notice_that_cannot_be_addressed_holds_up_no_others(outbox, smtp_sink):
    put_notices(outbox, "risk@example.com\nBcc: all@example.com", "risk@example.com")
    facts = drain_as_pipeline(outbox, smtp_sink.settings)
    assert ["growth@example.com", "risk@example.com"] == [message["To"] for message in smtp_sink.messages]
    assert "decision_0" in facts["because"]


def test_a_notice_of_another_release_holds_up_no_others(outbox, smtp_sink, warehouse_urls):
    put_notices(outbox, "risk@example.com")
    superuser = Database(warehouse_urls.superuser)
    with superuser.transaction() as session:
        session.exec_driver_sql("update ledger.outbox set notice = notice - 'headline' where event = 'decision'")
    superuser.dispose()
    facts = drain_as_pipeline(outbox, smtp_sink.settings)
    assert (1, 1) == (facts["sent"], facts["waiting"])


def test_a_sender_may_have_a_name_of_its_own(outbox, smtp_sink):
    drain_as_pipeline(outbox, replace(smtp_sink.settings, sender="Retraining <no-reply@example.com>"))
    assert ["Retraining <no-reply@example.com>"] == [message["From"] for message in smtp_sink.messages]


def test_a_server_that_does_not_say_goodbye_is_not_sent_the_notice_again(outbox):
    with serve(there := TiredMailboxes()) as smtp:
        drain_as_pipeline(outbox, smtp)
        drain_as_pipeline(outbox, smtp)
    assert ["growth@example.com"] == there.taken


def test_a_server_without_encryption_is_refused_when_it_is_asked_for(smtp_sink):
    message = render(NOTICE, sender="a@example.com", recipient="b@example.com", message_id="<1@example.com>", sent_at=RUN.clock)
    with pytest.raises(MailUnavailable, match="STARTTLS"):
        send(message, replace(smtp_sink.settings, starttls=True))
    assert smtp_sink.messages == []


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return write_certificate(tmp_path_factory.mktemp("certificate") / "server.pem")


@pytest.fixture
def encrypted(certificate):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    return context


def test_a_notice_goes_to_a_server_that_encrypts_from_the_first_byte(outbox, encrypted, certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with serve(there := Mailboxes(), encrypted) as smtp:
        drain_as_pipeline(outbox, smtp)
    assert ["growth@example.com"] == there.taken


def test_a_server_that_encrypts_from_the_first_byte_is_seen_to_answer(encrypted, certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with serve(Mailboxes(), encrypted) as smtp:
        assert answers_smtp(smtp.host, smtp.port, tls=smtp.tls)


def test_a_server_with_a_certificate_that_nobody_trusts_gets_no_mail(outbox, encrypted):
    with serve(there := Mailboxes(), encrypted) as smtp:
        facts = drain_as_pipeline(outbox, smtp)
    assert "certificate verify failed" in facts["because"]
    assert [] == there.taken
