"""The table [promotion] of a model file: what a challenger must show, and which losses are borne."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from perennial.config.section import Section, Share


class Tolerated(Section):
    """Losses against the champion that are borne; a larger one is harm, and stops a promotion once it is beyond chance."""

    log_loss: float = Field(
        default=0.003, ge=0, description="Rise of the log-loss over all rows; of classes where macro_auc decides"
    )
    calibration: float = Field(default=0.01, ge=0, description="Rise of the expected calibration error")
    precision: float = Field(
        default=0.02,
        ge=0,
        description="Fall of the precision, at precision_at_recall or among the capacity; of the value there, as a share of it",
    )
    loss: float = Field(default=0.01, ge=0, description="Of amounts: rise of the root mean squared error, as a share of it")
    bias: float = Field(
        default=0.02, ge=0, description="Of amounts: how much further the predicted sum may lie from the realised one, as a share"
    )
    gini: float = Field(default=0.01, ge=0, description="Of amounts: fall of the normalised Gini")
    macro_auc: float = Field(
        default=0.01, ge=0, description="Of classes: fall of the AUC of each against the others, averaged over classes"
    )
    segment_loss: float = Field(
        default=0.05,
        ge=0,
        description="Of amounts and of classes: rise of the loss within each assessed segment, as a share of it",
    )
    segment_gini: float = Field(default=0.04, ge=0, description="Of amounts: fall of the normalised Gini within each one")
    segment_auc: float = Field(default=0.02, ge=0, description="Fall of the AUC within each assessed segment")
    selection_rate_gap: float = Field(
        default=0.05, ge=0, description="How much further a segment's share on the action list may move from everybody else's"
    )
    false_negative_rate_gap: float = Field(
        default=0.10, ge=0, description="How much more of a segment's positives may be missed than before, and than elsewhere"
    )
    size_ratio: float = Field(default=4, ge=1, description="Size of the model files, as a multiple of the champion's")
    scoring_time_ratio: float = Field(default=4, ge=1, description="Time to score, as a multiple of the champion's")


class Promotion(Section):
    """The promotion test: the floor, the error that tests may draw in any 365 days, and what a person is asked about."""

    min_gain: float = Field(
        default=0.01,
        ge=0,
        description="The floor: smallest gain, as a share of the headline, or of 5 times what is left to gain if that is less",
    )
    confidence: float = Field(
        default=0.95,
        gt=0.5,
        lt=1,
        description="Confidence of the intervals that are shown; an upper bound below the floor ends a test",
    )
    shadow_max: int = Field(default=3, ge=0, description="Undecided challengers that stay under test")
    shadow_looks: int = Field(
        default=13, ge=1, description="Comparisons of each challenger at most, one for every as_of that matures"
    )
    false_promotions_per_year: float = Field(
        default=0.05,
        gt=0,
        lt=1,
        description="Error that all tests together may draw in any 365 days: what tests begun then may promote falsely",
    )
    veto_level: float = Field(
        default=0.10, gt=0, lt=1, description="Chance of any veto against a challenger that harms no more than is borne"
    )
    tolerated: Tolerated = Field(
        default=Tolerated(), description="Losses against the champion that are borne; more, beyond chance, is a veto"
    )
    precision_at_recall: float = Field(
        default=0.80, gt=0, lt=1, description="The recall at which precision is reported and guarded"
    )
    capacity: int | None = Field(
        default=None,
        ge=1,
        description="So many entities, the highest scores of a day, are acted on: precision is guarded among them, not at a "
        "recall; without it the action list is whoever reaches scoring.threshold",
    )
    min_top_decile_overlap: Share | None = Field(
        default=None,
        description="A person approves a promotion that keeps less of the champion's top tenth; unset: below .6 it warns",
    )
    max_flips: Share | None = Field(
        default=None,
        description="A person approves a promotion that moves a larger share of the entities, or of a segment's, onto or off the "
        "action list; unset: above .15 it warns",
    )
    approval: Literal["auto", "manual", "never"] = Field(
        default="auto",
        description="Who lets a proven challenger in: the test (a person in doubt), a person, nobody",
    )
    answer_within_hours: float = Field(
        default=72, gt=0, description="So long a question waits in Airflow; it stays open, and the next look asks again"
    )
    rollback_cooldown_days: int = Field(
        default=28, ge=0, description="Days in which no verdict promotes a version that was rolled back"
    )
    approvers: tuple[str, ...] = Field(
        default=(), strict=False, description="Airflow users who may answer; empty: everybody who may act there"
    )
