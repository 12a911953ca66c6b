"""What may teach: what was measured on a newly matured as_of, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

from perennial.records.intervals import Interval
from perennial.records.runs import Purpose

AdmissionEvent = Literal["admit", "rest", "release", "reject"]


@dataclass(frozen=True)
class AsOfMeasures:
    """The labels of one as_of against the scores that the fit of that time gave, and against each feature.

    Attributes:
        rows: those that were scored; rarer: those of them with another label than the commonest.
        found: what the task measures of a day, the headline first; NaN where its labels leave a figure undefined. The
            calibration is 0 when the scores meant what they said.
        alone: feature -> how well it ranks by itself; features without a single value are left out.
    """

    rows: int
    rarer: int
    found: Mapping[str, Interval]
    alone: Mapping[str, Interval]


@dataclass(frozen=True)
class Statistic:
    """One measure of an as_of beside the same of those admitted before.

    Attributes:
        value: on the as_of; `former`: on those before, oldest first.
        z: distance from their mean in standard errors, their own spread included.
        is_beyond: whether it lies so far out that the as_of must rest.
        feature: whose figure it is, of the statistic `feature`.
    """

    value: float
    former: tuple[float, ...]
    z: float
    is_beyond: bool
    feature: str | None = None

    @property
    def usual(self) -> float:
        """The mean of those before."""
        return sum(self.former) / len(self.former)


@dataclass(frozen=True)
class Admission:
    """What came of looking at a newly matured as_of: it is admitted, or rests.

    Attributes:
        reason: a sentence; also why there was nothing to compare with.
        compared_with: the as_ofs admitted before that it was measured against, oldest first.
        statistics: by name, as the task has it; none when there was nothing to compare with.
    """

    as_of: date
    rests: bool
    reason: str
    compared_with: tuple[date, ...] = ()
    statistics: Mapping[str, Statistic] = field(default_factory=dict)


@dataclass(frozen=True)
class AdmissionEntry:
    """One row of the ledger about what may teach; of several about one as_of the newest holds.

    Attributes:
        snapshot_checksum, labels_checksum: of what was looked at: when either is rebuilt as something else, it is looked at
            again. Labels of an as_of that was rejected before it matured have none.
        rests_until: the local day from which a training releases it by itself; of the event `rest`.
        actor: the person, or whoever ran the stage that looked.
    """

    model: str
    as_of: date
    event: AdmissionEvent
    reason: str
    snapshot_checksum: str
    labels_checksum: str | None
    rests_until: date | None
    actor: str
    purpose: Purpose
    effective_at: datetime

    @property
    def may_teach(self) -> bool:
        return self.event in ("admit", "release")

    def __str__(self) -> str:
        return f"{self.model}, as_of {self.as_of}"
