"""Handing a message to the SMTP server."""

from __future__ import annotations

import smtplib
import ssl
from email.message import EmailMessage

from ml.config.settings import Smtp
from ml.errors import MailUnavailable


def send(message: EmailMessage, smtp: Smtp) -> None:
    """Deliver one message; when this returns, the server has taken it.

    Raises:
        MailUnavailable: the server does not answer, or refuses the login, the recipient or the message.
    """
    try:
        with smtplib.SMTP(smtp.host, smtp.port, timeout=smtp.timeout_seconds) as server:
            if smtp.starttls:
                server.starttls(context=ssl.create_default_context())
            if smtp.user is not None:
                server.login(smtp.user, smtp.password or "")
            server.send_message(message)
    except (OSError, smtplib.SMTPException) as error:
        raise MailUnavailable(
            f"The mail server {smtp.host}:{smtp.port} did not take '{message['Subject']}' ({_describe(error)}). "
            "It waits in the outbox and goes out with the next run; check PERENNIAL_SMTP_* or the connection smtp_default."
        ) from error


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
