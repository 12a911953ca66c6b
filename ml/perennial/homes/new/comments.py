"""Sentences as comments of a file, broken into lines."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import wrap

WIDTH = 120


def write_comment(mark: str, sentence: str) -> Iterator[str]:
    """The lines of a comment; `mark` is what begins one, such as `--`."""
    for line in wrap(" ".join(sentence.split()), WIDTH, break_long_words=False, break_on_hyphens=False):
        yield f"{mark} {line}"
