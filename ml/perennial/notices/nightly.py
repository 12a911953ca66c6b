"""Notices about the whole installation: what does not hold of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from perennial.records import Notice

MOST_NAMED = 12


def write_broken(model: str, as_of: date, broken: Sequence[tuple[str, str]]) -> Notice:
    """The mail of a night that found something.

    Args:
        as_of: the day of the check, where the model lives.
        broken: what does not hold, and its remedy.
    """
    named = tuple(f"{said}. Remedy: {remedy}." for said, remedy in broken[:MOST_NAMED])
    more = (f"See the {len(broken) - MOST_NAMED} others: perennial check --all.",) if len(broken) > MOST_NAMED else ()
    return Notice(
        model=model,
        as_of=as_of,
        event="nightly",
        headline=f"the nightly check found {len(broken)} thing{'s' * (len(broken) != 1)} that should not be",
        summary="What must hold of the whole installation was looked at, and something does not. Scores are served as before.",
        moved=(),
        system_did=("Looked, and changed nothing.",),
        you_must=(*named, *more),
    )
