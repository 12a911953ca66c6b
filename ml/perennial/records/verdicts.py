"""What compare and promote leave behind."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Literal

from perennial.records.contests import BlastRadius, Guard, Look
from perennial.records.intervals import Interval

MoveKind = Literal["promote", "refresh", "rollback", "manual", "forced"]


class Outcome(StrEnum):
    PROMOTE = "PROMOTE"
    REJECT = "REJECT"
    INCONCLUSIVE = "INCONCLUSIVE"


@dataclass(frozen=True)
class MetricComparison:
    """One metric on the same rows. `gain` is positive when the challenger is better, whatever the metric's direction."""

    metric: str
    champion: float | None
    challenger: float
    gain: Interval | None


@dataclass(frozen=True)
class SegmentComparison:
    """The headline within one segment; not assessed where too few rows, or too few entities, carry the evidence."""

    segment: str
    value: str
    rows: int
    positives: int
    is_assessed: bool
    gain: Interval | None


@dataclass(frozen=True)
class Verdict:
    """May the challenger replace the champion? With everything that was looked at.

    Attributes:
        metrics: the headline first.
        reasons: sentences, the deciding one first.
        compared_again_on: INCONCLUSIVE: the day when there will be more to compare on, else None.
        challenger_version, champion_version: the newest fit of each recipe on that day.
        baselines: of verdicts from before recipes were kept: against a single feature and logistic regression.
        challenger_recipe, champion_recipe: what was compared; None in verdicts from before recipes were kept.
        side: `first` without a champion; `refresh` stands in old verdicts on a refit of the champion's own recipe.
        alpha, looks: of the contest, this look last; empty without a champion.
        guards: what must not be harmed, each with its finding; those not assessed stand here too.
        doubts: sentences, each of which turns an automatic promotion into a question to a person.
        warnings: sentences about how much a promotion would change, and what the training remarked; they stop nothing.
    """

    model: str
    as_of: date
    outcome: Outcome
    challenger_version: int
    champion_version: int | None
    holdout_as_ofs: tuple[date, ...]
    rows: int
    positives: int
    metrics: tuple[MetricComparison, ...]
    segments: tuple[SegmentComparison, ...]
    knowledge_lag_days: int
    reasons: tuple[str, ...]
    compared_again_on: date | None = None
    side: Literal["first", "superiority", "refresh"] = "superiority"
    alpha: float | None = None
    looks: tuple[Look, ...] = ()
    guards: tuple[Guard, ...] = ()
    blast_radius: BlastRadius | None = None
    doubts: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    challenger_recipe: int | None = None
    champion_recipe: int | None = None
    baselines: tuple[MetricComparison, ...] = ()

    def metric(self, name: str) -> MetricComparison:
        return next(metric for metric in self.metrics if metric.metric == name)


@dataclass(frozen=True)
class Comparison:
    """All verdicts of a day, one for each challenger; that on the newest version last."""

    verdicts: tuple[Verdict, ...]

    def about(self, version: int) -> Verdict:
        return next(verdict for verdict in self.verdicts if verdict.challenger_version == version)


@dataclass(frozen=True)
class Evaluation:
    """A verdict with its number in the ledger."""

    evaluation_id: int
    verdict: Verdict


@dataclass(frozen=True)
class Move:
    """A movement of the alias champion that may begin: to which version, why, and on which evidence.

    Attributes:
        kind: `promote` rests on a verdict, `refresh` is the newest fit of the champion's recipe, `rollback` and `forced` rest on
            a person, `manual` was found done by hand.
    """

    version: int
    kind: MoveKind
    reason: str
    evaluation_id: int | None = None


@dataclass(frozen=True)
class Promotion:
    """A movement of the alias champion as the ledger knows it; the newest applied one names the champion.

    Attributes:
        recipe: of the version; None when the ledger does not know the version (moved by hand).
    """

    promotion_id: int
    model: str
    version: int
    previous_version: int | None
    kind: MoveKind
    status: Literal["intended", "applied", "undone"]
    evaluation_id: int | None
    reason: str
    actor: str
    effective_at: datetime
    recipe: int | None = None
