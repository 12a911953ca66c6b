"""Letters as mail: `render` writes the message, `send` hands it to the SMTP server."""

from ml.stores.mail.message import render
from ml.stores.mail.sending import send

__all__ = ["render", "send"]
