"""Refresh: when a day may be photographed. The photograph itself is SQL (`stores.warehouse`)."""

from __future__ import annotations

from perennial.config import Model
from perennial.errors import TooEarly
from perennial.records import Run


def check_clock(model: Model, run: Run) -> None:
    """Refuse a run before start(as_of) + settle on its own clock: facts of the last hours may still be missing.

    Raises:
        TooEarly: says from when on it may run.
    """
    settled_at = model.known_until(run.as_of)
    if run.clock < settled_at:
        raise TooEarly(
            f"{run}: it is {run.clock:%Y-%m-%d %H:%M} UTC, and the day has settled only at {settled_at:%Y-%m-%d %H:%M} UTC "
            f"(start of the day in {model.timezone} and {model.schedule.settle_hours} hours). The former scores stay."
        )
