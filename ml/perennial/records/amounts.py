"""Amounts of any size as people read them."""

from __future__ import annotations

GROUPED_FROM = 10_000  # five digits read better grouped


def write_amount(value: float) -> str:
    """Four significant digits, never as a power of ten: 19430 is `19,430`."""
    return f"{value:,.0f}" if abs(value) >= GROUPED_FROM else f"{value:.4g}"
