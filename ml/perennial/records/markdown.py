"""Words of people and data in Markdown: they read as themselves, and become no link, picture, table or tag."""

from __future__ import annotations

import re

MARKUP = re.compile(r"([\\`*|<>]|(?<!\w)_|_(?!\w)|\](?=[(\[])|^\[(?=[^\]]*\]:)|^[#+=-](?=\s)|^\d+(?=[.)]\s)|&(?=#?\w+;))")


def escape_markdown(text: object) -> str:
    """Text that reads as itself in Markdown, on one line: nothing in it becomes a link, a tag, a table or emphasis."""
    return MARKUP.sub(r"\\\1", " ".join(str(text).split()))
