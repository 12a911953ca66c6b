"""Markdown for the generated pages."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence


def write_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table whose cells may hold any text."""
    lines = [list(head), ["---"] * len(head), *([show(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def show(text: str) -> str:
    """Plain text for a cell: a word such as models/<name>.toml as code, since a browser would take <name> for a tag."""
    pieces = text.replace("|", "\\|").replace("\n", " ").split("`")
    pieces[::2] = [re.sub(r"(\S*<\w+>\S*)", r"`\1`", piece) for piece in pieces[::2]]
    return "`".join(pieces)


def open_page(title: str, source: str) -> str:
    """The head of a page that is generated from `source`."""
    return f"<!-- Written by `make reference` from {source}: edit that, not this page. -->\n# {title}"


def code(text: str) -> str:
    """As code; nothing stays nothing."""
    return f"`{text}`" if text else ""


def join(parts: Iterable[str]) -> str:
    """A page of these parts."""
    return "\n\n".join(parts) + "\n"
