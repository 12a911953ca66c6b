"""Letters leave through a real SMTP server: at least once, at most one double, and a double bears the same Message-ID."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from aiosmtpd.controller import Controller

from ml.config import Smtp
from ml.errors import MailUnavailable
from ml.local.ports import find_free_port
from ml.records import Letter, Run
from ml.stores import ledger
from ml.stores.mail import render, send
from ml.stores.sessions import Database

RUN = Run(model="lapse", as_of=date(2017, 11, 27), clock=datetime(2017, 11, 27, 11, tzinfo=UTC), purpose="simulation")
LETTER = Letter("lapse", RUN.as_of, "decision", "SKIP: nothing moved", "A quiet day.", (), ("Published the scores.",), ())


class PowerCut(Exception):
    """Stands for the death of our process: the transaction is lost."""


@pytest.fixture
def outbox(warehouse_urls):
    """A ledger with one waiting letter."""
    database = Database(warehouse_urls.pipeline)
    with database.transaction() as session:
        ledger.put_letter(session, RUN, LETTER, "growth@example.com")
    yield database
    database.dispose()


def write(envelope):
    return render(
        envelope.letter,
        sender="perennial@example.com",
        recipient=envelope.recipient,
        message_id=envelope.message_id,
        sent_at=envelope.effective_at,
    )


def drain(outbox, smtp, after_sending=lambda: None):
    """What the pipeline does: claim under the row lock, send, mark, commit."""
    with outbox.transaction() as session:
        waiting = ledger.waiting_letters(session)
    for message_id in waiting:
        with outbox.transaction() as session:
            envelope = ledger.claim_letter(session, message_id)
            if envelope is not None:
                send(write(envelope), smtp)
                after_sending()
                ledger.mark_sent(session, message_id)


def cut_power():
    raise PowerCut


def test_a_letter_is_sent_once(outbox, smtp_sink):
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


def test_a_letter_that_somebody_is_sending_is_left_to_them(outbox, smtp_sink):
    drain(outbox, smtp_sink.settings, after_sending=lambda: drain(outbox, smtp_sink.settings))
    assert len(smtp_sink.messages) == 1


def test_a_letter_waits_while_the_server_is_down(outbox, smtp_sink):
    with pytest.raises(MailUnavailable, match="It waits in the outbox"):
        drain(outbox, Smtp(port=1, timeout_seconds=1))
    drain(outbox, smtp_sink.settings)
    assert len(smtp_sink.messages) == 1


class RefusesRecipients:
    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802 - aiosmtpd's hook
        return "550 no such user"


def test_a_refused_recipient_is_named(smtp_sink):
    port = find_free_port()
    controller = Controller(RefusesRecipients(), hostname="127.0.0.1", port=port)
    controller.start()
    message = render(
        LETTER, sender="a@example.com", recipient="gone@example.com", message_id="<1@example.com>", sent_at=RUN.clock
    )
    try:
        with pytest.raises(MailUnavailable, match=r"gone@example\.com: 550 no such user"):
            send(message, Smtp(port=port))
    finally:
        controller.stop()


def test_a_server_without_encryption_is_refused_when_it_is_asked_for(smtp_sink):
    message = render(LETTER, sender="a@example.com", recipient="b@example.com", message_id="<1@example.com>", sent_at=RUN.clock)
    with pytest.raises(MailUnavailable, match="STARTTLS"):
        send(message, replace(smtp_sink.settings, starttls=True))
    assert smtp_sink.messages == []
