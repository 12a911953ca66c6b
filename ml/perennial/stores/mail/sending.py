"""Handing a message to the SMTP server."""

from __future__ import annotations

import logging
import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.message import EmailMessage

from perennial.config.smtp import Smtp
from perennial.errors import MailRefused, MailUnavailable

log = logging.getLogger(__name__)


def send(message: EmailMessage, smtp: Smtp) -> None:
    """Deliver one message; when this returns, the server has taken it.

    Raises:
        MailUnavailable: the server does not answer, or refuses encryption or login: it would take no other notice either.
        MailRefused: it refuses the sender, the recipient or the message.
    """
    try:
        with _open_session(smtp) as server:
            _hand_over(message, server, smtp)
    except (OSError, smtplib.SMTPException) as error:
        raise MailUnavailable(
            f"The mail server {smtp.host}:{smtp.port} takes no mail ({_describe(error)}). '{message['Subject']}' "
            "waits in the outbox and goes out with the next run; check PERENNIAL_SMTP_* or the connection smtp_default."
        ) from error


@contextmanager
def _open_session(smtp: Smtp) -> Iterator[smtplib.SMTP]:
    server = _connect(smtp)
    try:
        if smtp.starttls:
            server.starttls(context=ssl.create_default_context())
        if smtp.user is not None:
            server.login(smtp.user, smtp.password or "")
        yield server
    finally:
        with suppress(OSError, smtplib.SMTPException):  # however the server says goodbye, what it took stays taken
            server.quit()
        server.close()


def _connect(smtp: Smtp) -> smtplib.SMTP:
    if not smtp.tls:
        return smtplib.SMTP(smtp.host, smtp.port, timeout=smtp.timeout_seconds)
    context = ssl.create_default_context()  # the library's own would accept any certificate
    return smtplib.SMTP_SSL(smtp.host, smtp.port, timeout=smtp.timeout_seconds, context=context)


def _hand_over(message: EmailMessage, server: smtplib.SMTP, smtp: Smtp) -> None:
    try:
        refused = server.send_message(message)
    except (OSError, smtplib.SMTPException) as error:
        raise MailRefused(
            f"The mail server {smtp.host}:{smtp.port} did not take '{message['Subject']}' ({_describe(error)}). It waits in "
            "the outbox and is tried again with the next run; check the owner in the model file, and the sender."
        ) from error
    if refused:  # the others have it, and would get it twice
        some = _describe(smtplib.SMTPRecipientsRefused(refused))
        log.warning("'%s' reached not all of its owners; check the owner in the model file: %s.", message["Subject"], some)


def _describe(error: OSError | smtplib.SMTPException) -> str:
    match error:
        case smtplib.SMTPRecipientsRefused():
            return "; ".join(f"{recipient}: {code} {_decode(text)}" for recipient, (code, text) in error.recipients.items())
        case smtplib.SMTPResponseException():
            return f"{error.smtp_code} {_decode(error.smtp_error)}"
        case _:
            return str(error) or type(error).__name__


def _decode(text: bytes | str) -> str:
    return text.decode("utf-8", "replace") if isinstance(text, bytes) else text
