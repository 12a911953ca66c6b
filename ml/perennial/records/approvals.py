"""A question to a person: may this version become champion?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from perennial.records.runs import Purpose

ApprovalAnswer = Literal["approve", "reject"]
AnswerSource = Literal["airflow", "shell"]


@dataclass(frozen=True)
class ApprovalQuestion:
    """What a person is asked, and the answer once there is one. At most one question of a model is open.

    Attributes:
        champion_version: the one it was compared with; an approval counts only while it still serves.
        because: why a person is asked, a sentence each.
        deadline: on the clock of the run that asked; so long Airflow waits; unanswered the question stays open, and the
            next look asks again.
        answered_by: the person; None unless approved or rejected.
        remark: what the answer adds, or why the question was closed without one.
        effective_at: the clock of the run that asked.
    """

    question_id: int
    model: str
    as_of: date
    version: int
    champion_version: int | None
    evaluation_id: int
    because: tuple[str, ...]
    status: Literal["open", "superseded", "approved", "rejected", "expired"]
    deadline: datetime
    purpose: Purpose
    effective_at: datetime
    answered_by: str | None = None
    answer_source: AnswerSource | None = None
    remark: str | None = None

    @property
    def commands(self) -> str:
        """What answers it in a shell, as it is typed."""
        if self.status == "approved":
            return f"`perennial approve {self.model} {self.version}`"
        return " or ".join(f"`perennial {verb} {self.model} {self.version}`" for verb in ("approve", "reject"))

    def __str__(self) -> str:
        return f"{self.model}, question {self.question_id} about version {self.version}"
