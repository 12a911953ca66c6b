"""What a model card is written from, beside the records of the stages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from math import isfinite
from typing import Literal

from perennial.records.intervals import Interval
from perennial.records.training import Origin
from perennial.records.verdicts import Verdict


@dataclass(frozen=True)
class LoggedTraining:
    """What the registry remembers of a training.

    Attributes:
        metrics: name -> value, out of fold unless the name says otherwise.
        fold_headlines: fold, counted from 1 -> the headline; learning_curve: number of training as_ofs -> it on the last fold.
        importances: feature -> share of the gain.
        alarms: sentences about what looked suspicious and did not stop the training.
        pictures: name -> PNG.
    """

    metrics: Mapping[str, float] = field(default_factory=dict)
    fold_headlines: Mapping[int, float] = field(default_factory=dict)
    learning_curve: Mapping[int, float] = field(default_factory=dict)
    importances: Mapping[str, float] = field(default_factory=dict)
    alarms: str = ""
    pictures: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class DatedVerdict:
    """A verdict with the clock of the run that assessed."""

    evaluation_id: int
    effective_at: datetime
    verdict: Verdict


@dataclass(frozen=True)
class Asked:
    """A question to a person about a recipe, with the clock of its answer or closing; None while it is open."""

    effective_at: datetime
    because: tuple[str, ...]
    status: Literal["open", "superseded", "approved", "rejected", "expired"]
    answered_by: str | None
    remark: str | None
    answered_effective_at: datetime | None


@dataclass(frozen=True)
class BuiltDay:
    """A snapshot that a version learned from or was held to.

    Attributes:
        quarantined: entities that were rejected.
        known_rule: source -> how its times were read when the snapshot was built.
    """

    as_of: date
    rows: int
    quarantined: int
    purpose: str
    known_rule: Mapping[str, Mapping[str, object]]


@dataclass(frozen=True)
class ServedDay:
    """How good one publication turned out to be.

    Attributes:
        positives: labels that are 1; None of amounts.
        metrics: the headline first; it is NaN when all labels are equal and it ranks.
        base_rate: mean of the labels.
    """

    publication_id: int
    as_of: date
    version: int
    rows: int
    positives: int | None
    metrics: Mapping[str, Interval]
    mean_score: float
    base_rate: float

    @property
    def headline(self) -> Interval:
        return next(iter(self.metrics.values()))

    @property
    def is_ranked(self) -> bool:
        """Whether labels differ, so that there is a headline."""
        return isfinite(self.headline.estimate)


@dataclass(frozen=True)
class KnownFit:
    """A version among the fits of its recipe.

    Attributes:
        newest_as_of: the newest that it learned from.
        published: as_ofs that it has published and analysts still see.
    """

    version: int
    trained_for: date
    origin: Origin
    newest_as_of: date
    published: int


@dataclass(frozen=True)
class PublishedDay:
    """A day that a version published, and what came true; the last three are None until its labels have matured."""

    as_of: date
    rows: int
    mean_score: float
    positives: int | None
    metrics: Mapping[str, Interval] | None
    base_rate: float | None = None

    @property
    def headline(self) -> Interval | None:
        return next(iter(self.metrics.values())) if self.metrics else None

    @property
    def is_ranked(self) -> bool:
        """Whether labels have matured and differ, so that there is a headline."""
        return self.headline is not None and isfinite(self.headline.estimate)
