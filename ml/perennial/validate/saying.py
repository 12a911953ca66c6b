"""How a finding reads, whoever found it."""

from __future__ import annotations

from perennial.records import write_amount


def say_observed(value: object) -> str:
    """Of a rule about a whole column or table."""
    return f"Found: {write_amount(value)}." if isinstance(value, float) else f"Found: {value}."


def say_failing(failing: int, rows: int) -> str:
    """Of a rule about rows."""
    return f"Found: {failing} of {rows} rows fail."
