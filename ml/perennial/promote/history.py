"""What the movements of a champion say: who serves, who served before, and who was taken back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from perennial.records import Promotion

History = tuple[Promotion, ...]
"""Applied movements, oldest first; the last names the champion."""

FORWARD = ("promote", "refresh")
"""Kinds of movements that the system made; the others are people's, who may also go back."""


def newest_champion(history: History) -> int | None:
    """The version that serves; None before the first promotion."""
    return history[-1].version if history else None


def list_champions(history: History) -> tuple[int, ...]:
    """The line of champions behind the present one, oldest first: a rollback takes back what came after its target.

    Promoted 1, 2, 3, then rolled back to 2: the line is (1, 2), and the next rollback goes to 1, not to 3 again.
    """
    return _follow(history)[0]


def find_taken_back(history: History) -> Mapping[int, datetime]:
    """Versions that were taken back and not put back since, each with the instant: version 3 in the example above."""
    return _follow(history)[1]


def _follow(history: History) -> tuple[tuple[int, ...], Mapping[int, datetime]]:
    line: list[int] = []
    taken_back: dict[int, datetime] = {}
    for promotion in history:
        if promotion.version in line and promotion.kind not in FORWARD:
            after = len(line) - line[::-1].index(promotion.version)
            taken_back |= dict.fromkeys(line[after:], promotion.effective_at)
            del line[after:]
        else:
            line.append(promotion.version)
        taken_back.pop(promotion.version, None)
    return tuple(line), taken_back
