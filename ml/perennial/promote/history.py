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
    line: list[Promotion] = []
    taken_back: dict[int, datetime] = {}
    for promotion in history:
        target = _find_target(line, promotion)
        if target is not None:
            taken_back |= {each.version: promotion.effective_at for each in line[target + 1 :]}
            del line[target + 1 :]
        if target is None or line[target].version != promotion.version:
            line.append(promotion)
        taken_back.pop(promotion.version, None)
    return tuple(each.version for each in line), taken_back


def _find_target(line: list[Promotion], promotion: Promotion) -> int | None:
    """The place in the line that a movement goes back to; None when it goes forward.

    A rollback to a recipe ends at a fit of it that need not have served: recipe 1 fitted as 1, recipe 2 as 2 and 3, then back
    to version 4, a fit of recipe 1 that was kept warm. That takes back 2 and 3, and leaves the line (1, 4).
    """
    if promotion.kind in FORWARD:
        return None
    places = [place for place, each in enumerate(line) if each.version == promotion.version]
    if not places and promotion.kind == "rollback" and promotion.recipe is not None:
        places = [place for place, each in enumerate(line) if each.recipe == promotion.recipe]
    return places[-1] if places else None
