"""Refresh: when a day may be photographed. The photograph itself is SQL (`stores.warehouse`)."""

from __future__ import annotations

from perennial.config import Model
from perennial.config.firing import name_nearest, say_grid
from perennial.errors import AmbiguousAsOf, TooEarly
from perennial.records import Run


def check_as_of(model: Model, run: Run) -> None:
    """Refuse a day that is no as_of of the model.

    Raises:
        AmbiguousAsOf: names the as_ofs around it.
    """
    if not model.grid.is_as_of(run.as_of):
        raise AmbiguousAsOf(
            f"{run}: a {run.as_of:%A} that is no as_of: {say_grid(model.schedule)}. The nearest are "
            f"{name_nearest(model.grid, run.as_of)}."
        )


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
