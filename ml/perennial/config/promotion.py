"""The table [promotion] of a model file: what a challenger must show, and which losses are borne."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from perennial.config.section import Section, Share


class Tolerated(Section):
    """Losses against the champion that are borne; a larger one is harm, and stops a promotion once it is beyond chance.

    Attributes:
        log_loss, calibration, precision: over all rows; precision at the wanted recall, or among the `capacity`.
        segment_auc: within each segment.
        selection_rate_gap: by which a segment's share on the action list may drift further from that of everybody else.
        false_negative_rate_gap: by which more of a segment's positives may be missed, before and beside everybody else's.
        size_ratio, scoring_time_ratio: of the challenger to the champion.
    """

    log_loss: float = Field(default=0.003, ge=0)
    calibration: float = Field(default=0.01, ge=0)
    precision: float = Field(default=0.02, ge=0)
    segment_auc: float = Field(default=0.02, ge=0)
    selection_rate_gap: float = Field(default=0.05, ge=0)
    false_negative_rate_gap: float = Field(default=0.10, ge=0)
    size_ratio: float = Field(default=4, ge=1)
    scoring_time_ratio: float = Field(default=4, ge=1)


class Promotion(Section):
    """The gate. `min_gain` is the floor, relative; the budgets are expected false promotions in any 365 days.

    Attributes:
        shadow_max: challengers under test at a time; shadow_looks: comparisons of each, one for every as_of that matures.
        max_age_days: from this age on the champion may be renewed by its own recipe.
        renewal_margin: AUC by which a renewal may be worse at most; its budget is shared by `renewals_per_year` tries.
        veto_level: probability, at one comparison, of any veto against a challenger that does no more harm than is tolerated.
        capacity: so many entities, the highest scores of a day, are acted on; without it, those that reach the threshold.
        min_top_decile_overlap, max_flips: a promotion that changes more than this is a person's to approve.
        answer_within_hours: a question to a person that nobody answers for so long expires, and nothing is promoted.
        rollback_cooldown_days: so long no verdict promotes a version that was taken back, or its twin.
        approvers: the Airflow users who may answer; empty for everybody who may answer required actions there.
    """

    min_gain: float = Field(default=0.01, ge=0)
    confidence: float = Field(default=0.95, gt=0.5, lt=1)
    shadow_max: int = Field(default=3, ge=0)
    shadow_looks: int = Field(default=13, ge=1)
    false_promotions_per_year: float = Field(default=0.05, gt=0, lt=1)
    max_age_days: int = Field(default=56, ge=1)
    renewal_margin: float = Field(default=0.004, gt=0)
    false_renewals_per_year: float = Field(default=0.05, gt=0, lt=1)
    renewals_per_year: int = Field(default=12, ge=1)
    veto_level: float = Field(default=0.10, gt=0, lt=1)
    tolerated: Tolerated = Tolerated()
    precision_at_recall: float = Field(default=0.80, gt=0, lt=1)
    capacity: int | None = Field(default=None, ge=1)
    min_top_decile_overlap: Share = 0.6
    max_flips: Share = 0.15
    approval: Literal["auto", "manual", "never"] = "auto"
    answer_within_hours: float = Field(default=72, gt=0)
    rollback_cooldown_days: int = Field(default=28, ge=0)
    approvers: tuple[str, ...] = Field(default=(), strict=False)
