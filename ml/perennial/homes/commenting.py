"""A model file with a comment for each key: the text of the reference, behind the key or, if long, above it."""

from __future__ import annotations

import re
from collections.abc import Mapping

LINE = re.compile(r"^(?:\[(?P<table>[a-z0-9_.]+)\]|(?P<key>[a-z0-9_]+) = .+)$")
SOURCE = re.compile(r"^sources\.[a-z0-9_]+")
COLUMN = 40
WIDTH = 130


def comment_model(text: str, descriptions: Mapping[str, str]) -> str:
    """Write beside each key and table what it means, where it stands first.

    Args:
        text: a model file whose keys carry no comment.
        descriptions: dotted name -> meaning; of any source the key `x` is `sources.<name>.x`.
    """
    left, table, lines = dict(descriptions), "", []
    for line in text.splitlines():
        found = LINE.match(line)
        if found and found["table"]:
            table = SOURCE.sub("sources.<name>", found["table"])
        name = ".".join(part for part in (table, found["key"]) if part) if found else ""
        lines += _place(line, left.pop(name, ""))
    return "\n".join(lines) + "\n"


def _place(line: str, meaning: str) -> list[str]:
    behind = f"{line:<{COLUMN - 1}} # {meaning}"
    if not meaning:
        return [line]
    return [behind] if len(behind) <= WIDTH else [f"# {meaning}", line]
