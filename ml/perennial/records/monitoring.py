"""What monitor and decide look at and leave behind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from perennial.records.amounts import write_amount
from perennial.records.intervals import Interval


@dataclass(frozen=True)
class FeatureDrift:
    """Effect sizes of one column, current against reference.

    Attributes:
        psi: population stability index; `limit`: what it had to exceed, chance included; None in checks of before.
    """

    column: str
    psi: float
    reference_mean: float | None
    current_mean: float | None
    reference_missing: float
    current_missing: float
    is_drifted: bool
    can_trigger: bool
    limit: float | None = None


@dataclass(frozen=True)
class DriftCheck:
    """What the champion sees now against what it was trained on.

    Attributes:
        drifted_share: drifted columns among those that can trigger.
        prediction_shift: relative change of the mean score against that on unseen rows.
        is_drifted: share or shift over its limit.
        shift_limit: what the shift had to exceed, either way and chance included; None in checks of before.
        is_restated: the training rows were rebuilt since, so that the reference is not what the version was trained on.
    """

    model: str
    as_of: date
    version: int
    rows: int
    features: tuple[FeatureDrift, ...]
    drifted_share: float
    prediction_shift: float
    score_psi: float
    is_drifted: bool
    report: str | None = None
    is_restated: bool = False
    shift_limit: float | None = None


@dataclass(frozen=True)
class Realised:
    """Metrics of one publication once its labels have matured.

    Attributes:
        positives: labels that are 1; None of amounts.
        metrics: by name, the headline first; NaN where its labels leave a metric undefined.
        base_rate: mean of the labels.
    """

    model: str
    as_of: date
    version: int
    rows: int
    positives: int | None
    metrics: Mapping[str, Interval]
    mean_score: float
    base_rate: float

    @property
    def headline(self) -> tuple[str, Interval]:
        """Name and value of what the model is judged by."""
        return next(iter(self.metrics.items()))


@dataclass(frozen=True)
class MaturedRate:
    """What one publication said on average, and what came true.

    Attributes:
        positives: labels that are 1; None of amounts.
        known_on: local day on which the outcome was known.
        base_rate: mean of the labels.
        total_bias: of amounts, the sum of what was said over the sum of what came.
    """

    as_of: date
    rows: int
    positives: int | None
    mean_score: float
    known_on: date
    base_rate: float | None = None
    total_bias: Interval | None = None

    @property
    def came(self) -> float:
        """The sum of the labels."""
        return self.positives if self.positives is not None else self.rows * (self.base_rate or 0.0)


@dataclass(frozen=True)
class CalibrationAlarm:
    """Scores that do not mean what they say, beyond chance.

    Attributes:
        as_of: of the publication at which it was seen, known on `known_on`; `first_as_of`: of the first that speaks for it.
        mean_score, realised_rate: pooled over these publications, whose label windows do not overlap.
    """

    as_of: date
    known_on: date
    publications: int
    first_as_of: date
    mean_score: float
    realised_rate: float

    @property
    def sentence(self) -> str:
        """What people read."""
        days = f"{self.first_as_of} to {self.as_of}" if self.publications > 1 else f"{self.as_of}"
        return f"The scores of {days} said {_show(self.mean_score)} on average, and {_show(self.realised_rate)} came true."


def _show(value: float) -> str:
    """A share, or an amount."""
    return f"{value:.3f}" if 0 <= value <= 1 else write_amount(value)


class Choice(StrEnum):
    TRAIN = "TRAIN"
    SKIP = "SKIP"
    BLOCK = "BLOCK"


@dataclass(frozen=True)
class DecisionEvidence:
    """All that `decide` looks at; it reads nothing else.

    Attributes:
        shift_limit: what the mean score had to move by today, chance included; None where no check ran, or long ago.
        blocked_because: why today's publication was stopped, else None.
        checks: is_drifted of the last checks that ran, newest first, today's included.
        auc_loss: AUC of the champion's recipe on unseen rows minus its realised AUC (upper doubt already taken off), or None.
        loss_rise: of amounts, how much worse than on unseen rows the headline came out, as a share (likewise), or None.
        last_training_at: clock of the last training, whoever asked for it; the cooldown counts from `retrains`.
        retrains: instants of the trainings asked for by a decision, within the last 30 days or the cooldown if that is longer.
        newest_matured: newest as_of with matured labels; `newest_trained`: newest as_of the last training had
            (those held out from its search too); equal means there is nothing new to learn.
        labels_mature_on: the day on which the labels of the drifted rows mature.
        timezone: the model's; cooldown and budget count its local days.
        matured_as_ofs: how many training as_ofs have matured; one is enough for a first training.
        left_out: why matured as_ofs can teach nothing, a sentence each.
        calibration: the newest alarm that no fit has answered yet: the champion was fitted before it was known.
    """

    model: str
    as_of: date
    clock: datetime
    blocked_because: str | None
    champion_version: int | None
    champion_age_days: int | None
    checks: tuple[bool, ...]
    drifted_share: float | None
    prediction_shift: float | None
    drifted_columns: tuple[str, ...]
    auc_loss: float | None
    last_training_at: datetime | None
    retrains: tuple[datetime, ...]
    newest_matured: date | None
    newest_trained: date | None
    next_maturity: date
    labels_mature_on: date | None
    timezone: str = "UTC"
    matured_as_ofs: int = 0
    left_out: tuple[str, ...] = ()
    shift_limit: float | None = None
    calibration: CalibrationAlarm | None = None
    loss_rise: float | None = None


@dataclass(frozen=True)
class Decision:
    """TRAIN, SKIP or BLOCK; `rule` names the branch that decided, `sentence` is for people."""

    model: str
    as_of: date
    choice: Choice
    rule: str
    sentence: str
    evidence: DecisionEvidence
