"""Figures as people read them in a notice."""

from __future__ import annotations

from perennial.records import write_amount


def show_number(value: float | None) -> str:
    """Four digits are as much as a person compares; nothing where nothing was measured."""
    return "" if value is None else write_amount(value)
