"""The tables of a model file about its scores: what is published, who is in a canary, and when drift asks for a retraining."""

from __future__ import annotations

from math import ceil
from typing import Annotated, Literal

from pydantic import Field, model_validator

from perennial.config.section import Band, Section, Share

Shards = Annotated[
    Annotated[int, Field(ge=1, le=64)] | Literal["auto"], Field(json_schema_extra={"format": 'whole number or "auto"'})
]
ROWS_OF_A_SHARD = 250_000
"""So many rows outweigh what a shard costs beside them: a process that imports and opens the version, a table, a merge."""
MOST_AUTO_SHARDS = 16
CanaryShare = Annotated[float, Field(ge=0, le=0.5)]


class Scoring(Section):
    threshold: float = Field(
        default=0.5,
        description="A score of at least this is a positive prediction, and acted on; without it the first tenth of "
        "amounts, or of classes, is",
    )
    reasons: int = Field(default=3, ge=0, le=3, description="Reasons beside each score")
    publish_max_shift: Band = Field(
        default=0.50,
        description="A larger relative move of the mean score, and beyond chance, is a broken pipeline: nothing is published",
    )
    shards: Shards = Field(
        default=1,
        description='Parts in which entities are scored at the same time, by processes or mapped tasks; "auto": one for every '
        "250,000 rows, up to 16",
    )

    canary: CanaryShare = Field(
        default=0,
        description="While a canary runs: share of the entities whose published scores come from the recipe under test",
    )
    acted_on: Literal["raises", "lowers"] | None = Field(
        default=None,
        description="What acting well on scores does to the mean label; the arms of a canary are then judged by what came true",
    )

    def count_shards(self, rows: int) -> int:
        """In how many shards so many rows are scored."""
        return self.shards if self.shards != "auto" else min(max(1, ceil(rows / ROWS_OF_A_SHARD)), MOST_AUTO_SHARDS)

    @property
    def most_shards(self) -> int:
        """In how many shards a day can be scored."""
        return self.shards if self.shards != "auto" else MOST_AUTO_SHARDS


class Serving(Section):
    canary: CanaryShare = Field(
        default=0,
        description="While a canary runs: share of the entities that `perennial serve` answers by the recipe under test",
    )


class Monitoring(Section):
    feature_psi: float = Field(
        default=0.10, gt=0, description="A column above this population stability index against the training rows has drifted"
    )
    drifted_share: Share = Field(default=0.3, description="Share of drifted columns that counts as drift")
    prediction_shift: float = Field(
        default=0.10, gt=0, description="Relative move of the mean score against that on unseen rows that counts as drift"
    )
    max_auc_loss: float = Field(
        default=0.03, gt=0, description="Realised AUC that lies further below that on unseen rows asks for a training"
    )
    max_loss_rise: float = Field(
        default=0.10,
        gt=0,
        description="Of amounts and of classes: a realised loss that is by a larger share worse than on unseen rows asks "
        "for a training",
    )
    calibration_budget: float = Field(
        default=0.02,
        gt=0,
        le=0.2,
        description="Largest share of years in which scores that mean what they say may be called wrong",
    )
    max_fit_age_days: int = Field(default=35, ge=1, description="An older fit asks for a training: refreshes were missed")
    persistence: tuple[int, int] = Field(
        default=(2, 3), strict=False, description="[k, n]: k of the last n checks that ran must show drift"
    )
    cooldown_days: int = Field(
        default=7,
        ge=0,
        description="Days in which no retraining is asked for after one was; weekly ones do not count",
    )
    max_retrains_per_30_days: int = Field(
        default=3, ge=0, description="Retrainings that may be asked for within 30 days; weekly ones do not count"
    )

    @model_validator(mode="after")
    def _persistence_is_k_of_n(self) -> Monitoring:
        needed, checks = self.persistence
        if not 1 <= needed <= checks:
            raise ValueError(f"persistence = [{needed}, {checks}] must read [k, n] with 1 <= k <= n")
        return self
