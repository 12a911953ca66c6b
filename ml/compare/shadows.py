"""Who stays under test."""

from __future__ import annotations

from collections.abc import Sequence

from ml.records import Contest


def choose_shadows(contenders: Sequence[Contest], most: int) -> tuple[Contest, ...]:
    """The contests that stay open."""
    return tuple(sorted(contenders, key=lambda c: c.looks[-1].estimate if c.looks else 0.0, reverse=True)[:most])
