"""A run of a stage: what, for which day, at what time, and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

Purpose = Literal["live", "simulation", "backfill"]


@dataclass(frozen=True)
class Run:
    """One run of one stage: what, for which day, at what time, and why.

    Attributes:
        clock: the time of the run, UTC; the wall's when live, else start(as_of) + settle.
        actor: who asked: `airflow`, or the shell's user.
    """

    model: str
    as_of: date
    clock: datetime
    purpose: Purpose
    actor: str = "perennial"
    dag_run_id: str | None = None

    def __str__(self) -> str:
        return f"{self.model}, as_of {self.as_of}"
