"""An estimate and how sure we are of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Interval:
    """A point estimate with its two-sided interval and standard error."""

    estimate: float
    low: float
    high: float
    standard_error: float

    def __str__(self) -> str:
        return f"{self.estimate:+.4f} [{self.low:+.4f}, {self.high:+.4f}]"
