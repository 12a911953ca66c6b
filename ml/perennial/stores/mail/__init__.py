"""Notices as mail: `render` writes the message, `send` hands it to the SMTP server."""

from perennial.stores.mail.message import render
from perennial.stores.mail.sending import send

__all__ = ["render", "send"]
