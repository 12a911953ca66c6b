"""What PostgreSQL understood of a query, read from the text in which it keeps a view's rule (`pg_rewrite.ev_action`).

The format is PostgreSQL's own (src/backend/nodes/outfuncs.c, read.c): `{KIND :field value ...}`, lists in parentheses, `<>` for
nothing, bytes in brackets after their number; white space, brackets and backslashes inside a word stand behind a backslash.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

WORDS = re.compile(r"[(){}]|(?:[^\s(){}\\]|\\.)[^\s(){}\\]*(?:\\.[^\s(){}\\]*)*", re.DOTALL)
NOTHING = "<>"


@dataclass(frozen=True)
class Node:
    """One part of a query: its kind in capitals, and its fields."""

    kind: str
    fields: Mapping[str, Value]

    def number(self, field: str) -> int:
        """A number that a field holds; 0 where this PostgreSQL has no such field."""
        value = self.fields.get(field)
        return int(value) if isinstance(value, str) and re.fullmatch(r"-?\d+", value) else 0

    def is_set(self, field: str) -> bool:
        """Does a field hold anything?"""
        return self.fields.get(field, NOTHING) != NOTHING

    def nodes(self, field: str) -> list[Node]:
        """The nodes that a field, a list, holds."""
        value = self.fields.get(field)
        return [each for each in value if isinstance(each, Node)] if isinstance(value, list) else []

    def numbers(self, field: str) -> list[int]:
        """The numbers that a field, a list such as `(o 23 1184)`, holds."""
        value = self.fields.get(field)
        return [int(each) for each in value if isinstance(each, str) and each.isdigit()] if isinstance(value, list) else []


Value: TypeAlias = "str | Node | list[Value]"


def read_tree(text: str) -> Value:
    """The tree that a text describes."""
    words = WORDS.findall(text)
    value, end = _read(words, 0)
    assert end == len(words), "PostgreSQL's text of a rule is one value"
    return value


def walk(value: Value) -> Iterator[Node]:
    """Every node of a tree, those above before those below."""
    left = [value]
    while left:
        next_one = left.pop()
        if isinstance(next_one, Node):
            yield next_one
            left += [each for each in reversed(list(next_one.fields.values())) if not isinstance(each, str)]
        elif isinstance(next_one, list):
            left += [each for each in reversed(next_one) if not isinstance(each, str)]


def _read(words: list[str], place: int) -> tuple[Value, int]:
    word = words[place]
    if word == "{":
        return _read_node(words, place + 1)
    if word != "(":
        return word, _skip_bytes(words, place + 1)
    values: list[Value] = []
    place += 1
    while words[place] != ")":
        value, place = _read(words, place)
        values.append(value)
    return values, place + 1


def _read_node(words: list[str], place: int) -> tuple[Node, int]:
    """A field's name is followed by one value, which may look like a name: an alias is `:x` where somebody calls it so."""
    kind, fields = words[place], dict[str, Value]()
    place += 1
    while words[place] != "}":
        name = words[place].removeprefix(":")
        fields[name], place = _read(words, place + 1)
    return Node(kind, fields), place + 1


def _skip_bytes(words: list[str], place: int) -> int:
    """Behind the bytes of a constant, which no judgement needs."""
    if place < len(words) and words[place] == "[":
        return words.index("]", place) + 1
    return place
