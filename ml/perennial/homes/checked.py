"""What `perennial check` says of one thing that it looked at."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """What a look gave: a fault to mend, advice that stops nothing, or facts that are good to know."""

    found: str = ""
    advice: str = ""
    fault: str = ""


@dataclass(frozen=True)
class Checked:
    """One thing that was looked at: a model, or dags/; `fault` says what is wrong, and is empty when all is well."""

    subject: str
    rule: str
    fault: str = ""
    advice: str = ""
    found: str = ""

    @property
    def sign(self) -> str:
        """How a terminal begins its line."""
        if self.fault:
            return "NOT SO"
        return "look" if self.advice else "ok"
