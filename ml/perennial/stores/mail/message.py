"""A `Notice` as an e-mail: text and HTML of equal content from the same data, and one picture that travels inside."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from functools import cache
from pathlib import Path

import css_inline
from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateError, select_autoescape

from perennial.errors import MailRefused
from perennial.records import Notice
from perennial.stores.mail.picture import describe_chart, draw_chart

LONGEST_SUBJECT = 140
"""Characters; phones show about 40 of them, desks about 100."""

TONES = {
    "TRAIN": "act",
    "REST": "act",
    "ADMIT": "good",
    "PROMOTE": "good",
    "SKIP": "calm",
    "REJECT": "calm",
    "INCONCLUSIVE": "calm",
    "BLOCK": "bad",
    "FAILED": "bad",
    "NOTE": "act",
}
UNSAID = ("FAILED", "NOTE")
"""Words that the sentence makes superfluous in a subject."""
VERDICT = re.compile(rf"^({'|'.join(TONES)}): (.+)$", re.DOTALL)


@dataclass(frozen=True)
class Heading:
    """The verdict in one word, and the sentence after it."""

    word: str
    sentence: str

    @property
    def title(self) -> str:
        """The sentence with a capital, unless it begins with a name such as `orders.amount_cents`."""
        first = self.sentence.split(maxsplit=1)[0]
        return self.sentence[0].upper() + self.sentence[1:] if first.isalpha() else self.sentence

    @property
    def tone(self) -> str:
        return TONES[self.word]


def render(notice: Notice, *, sender: str, recipient: str, message_id: str, sent_at: datetime) -> EmailMessage:
    """Write the message; the same notice gives the same parts.

    Args:
        notice: what to say.
        sender, recipient: addresses; the sender's may come with a name, as in `Name <name@example.com>`.
        message_id: with its angle brackets; a second delivery of the same notice bears the same.
        sent_at: the instant for the Date header.

    Raises:
        MailRefused: an address, or the notice, cannot be written as mail.
    """
    try:
        return _write(notice, sender=sender, recipient=recipient, message_id=message_id, sent_at=sent_at)
    except (ValueError, LookupError, AttributeError, MessageError, TemplateError) as error:  # email's parser raises them all
        raise MailRefused(
            f"The notice {message_id} from '{sender}' to '{recipient}' cannot be written as mail: {error}. It waits in the "
            "outbox; correct the owner in the model file, or the sender (from_email of smtp_default, or PERENNIAL_SMTP_SENDER)."
        ) from error


def _write(notice: Notice, *, sender: str, recipient: str, message_id: str, sent_at: datetime) -> EmailMessage:
    heading = _read_heading(notice)
    message = EmailMessage(policy=SMTP)
    message["Subject"] = _shorten(f"[perennial] {notice.model} {notice.as_of}: {_join(heading)}")
    name, address = parseaddr(sender)
    message["From"] = Address(name or "Perennial", addr_spec=address)
    message["To"] = recipient
    message["Date"] = format_datetime(sent_at)
    message["Message-ID"] = message_id
    message["Auto-Submitted"] = "auto-generated"  # asks robots not to answer (RFC 3834)
    picture_id = message_id.strip("<>").replace("@", ".chart@", 1)
    facts = {
        "notice": notice,
        "heading": heading,
        "recipient": recipient,
        "chart": describe_chart(notice),
        "picture_id": picture_id,
        "columns": _measure_columns(notice),
    }
    templates = _templates()
    message.set_content(templates.get_template("notice.txt").render(facts))
    message.add_alternative(_inline(templates.get_template("notice.html").render(facts)), subtype="html")
    if notice.chart:
        _attach(message, draw_chart(notice), picture_id)
    return message


def _read_heading(notice: Notice) -> Heading:
    match = VERDICT.match(notice.headline)
    if match:
        return Heading(match[1], match[2])
    return Heading("FAILED" if notice.event.startswith("failure_") else "NOTE", notice.headline)


def _join(heading: Heading) -> str:
    return heading.sentence if heading.word in UNSAID else f"{heading.word} - {heading.sentence}"


def _shorten(subject: str) -> str:
    line = " ".join(subject.split())
    return line if len(line) <= LONGEST_SUBJECT else line[: LONGEST_SUBJECT - 1].rsplit(" ", 1)[0] + "\N{HORIZONTAL ELLIPSIS}"


HEADER = ("What", "Before", "Now", "Remark")


def _measure_columns(notice: Notice) -> tuple[int, ...]:
    """Widths in characters of the first three columns of the text table."""
    return tuple(max(len(row[column]) for row in (HEADER, *notice.moved)) for column in range(3))


@cache
def _templates() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["header"] = HEADER
    return environment


def _inline(page: str) -> str:
    """Put the styles on the elements, for readers that ignore style sheets; only the dark and narrow rules stay on top."""
    return css_inline.CSSInliner(keep_at_rules=True, load_remote_stylesheets=False).inline(page)


def _attach(message: EmailMessage, picture: bytes, picture_id: str) -> None:
    html = message.get_body(("html",))
    assert isinstance(html, EmailMessage)
    html.add_related(picture, "image", "png", cid=f"<{picture_id}>", disposition="inline", filename="chart.png")
