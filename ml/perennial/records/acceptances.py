"""What a person has said of a level: it is new, and it stays."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from perennial.records.runs import Purpose, Run

Level = Literal["rows", "shift"]
"""What a day is compared by: the number of rows of its snapshot, or the shift of its mean score."""


@dataclass(frozen=True)
class Acceptance:
    """From `as_of` on days are compared with `level`: a number of rows, or a mean score in [0, 1]."""

    model: str
    as_of: date
    accepted: Level
    level: float
    reason: str
    actor: str
    purpose: Purpose
    effective_at: datetime


def say_how_to_accept(run: Run, level: Level) -> str:
    """What to do about a level that is new and here to stay."""
    command = f'perennial accept {run.model} --as-of {run.as_of} --check {level} --reason "..."'
    return f"If this is the new level, `{command}` accepts it from this day on."
