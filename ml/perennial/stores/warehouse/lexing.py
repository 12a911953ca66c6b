"""The text of a query cut into tokens as PostgreSQL cuts it, so that what is quoted means itself.

Only what decides where a quotation ends is known here: the grammar is PostgreSQL's own business. Its parser alone could not
do this, for it has never heard of `:as_of`.

Source: PostgreSQL documentation, 4.1 Lexical Structure, with standard_conforming_strings on, which is its default.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Kind = Literal["code", "word", "text", "name", "comment", "parameter"]

TOKENS = re.compile(
    r"""
    (?P<comment>--[^\n]*)
    | (?P<block>/\*)
    | (?P<name>(?:[uU]&)?"(?:[^"]|"")*")
    | (?P<text>
        [eE]'(?:[^'\\]|''|\\.)*'(?:\s*\n\s*'(?:[^'\\]|''|\\.)*')*  # a backslash hides the quote after it
        | (?:[uU]&|[bBxXnN])?'(?:[^']|'')*'
        | \$(?P<tag>(?:[^\W\d]\w*)?)\$.*?\$(?P=tag)\$
    )
    | (?P<word>[^\W\d][\w$]*)
    | (?P<cast>::|:=)
    | (?<![\w\])]):(?P<parameter>[^\W\d]\w*)
    | (?P<code>\d[\w.]*|.)
    """,
    re.DOTALL | re.VERBOSE,
)
BLOCK_EDGES = re.compile(r"/\*|\*/")


@dataclass(frozen=True)
class Token:
    """A piece of a query; of a parameter, `written` is its name without the colon."""

    kind: Kind
    written: str


def cut(sql: str) -> Iterator[Token]:
    """Every token in its order; together they are the whole text. White space and signs are code, one character each."""
    place = 0
    while place < len(sql):
        match = TOKENS.match(sql, place)
        assert match is not None  # any character is code at least
        if match["block"]:
            end = _end_block(sql, place)
            yield Token("comment", sql[place:end])
        else:
            end = match.end()
            yield _read(match)
        place = end


def _read(match: re.Match[str]) -> Token:
    if match["parameter"]:
        return Token("parameter", match["parameter"])
    kinds: tuple[Kind, ...] = ("comment", "name", "text", "word")
    return Token(next((kind for kind in kinds if match[kind]), "code"), match[0])


def _end_block(sql: str, begin: int) -> int:
    """Block comments nest; one that nobody closes reaches to the end, and PostgreSQL never sees what it hid."""
    depth = 0
    for edge in BLOCK_EDGES.finditer(sql, begin):
        depth += 1 if edge[0] == "/*" else -1
        if depth == 0:
            return edge.end()
    return len(sql)
