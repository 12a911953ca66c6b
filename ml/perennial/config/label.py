"""The table [label] of a model file: what the outcome is, when it is complete, and by what it is judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from perennial.config.entity import ENTITY
from perennial.config.section import Identifier, Section, Share

TaskName = Literal["binary", "regression", "multiclass"]
Metric = Annotated[
    str,
    StringConstraints(pattern=r"^(roc_auc|mae|rmse|gini|poisson|tweedie|pinball:0?\.\d+|log_loss|macro_auc)$"),
    Field(
        json_schema_extra={
            "format": '"roc_auc", "mae", "rmse", "gini", "poisson", "tweedie", such as "pinball:0.9", "log_loss" or "macro_auc"'
        }
    ),
]


@dataclass(frozen=True)
class Terms:
    """What a model file may say of one kind of labels.

    Attributes:
        metrics: what it may be judged by, its default first; a pinball loss bears its quantile behind a colon.
        has_amounts: `label.cap` may bound labels, and a threshold is any number; else it is a probability.
        has_direction: a score as a whole rises or falls, so that `training.monotone` can bind it.
    """

    metrics: tuple[str, ...]
    has_amounts: bool = False
    has_direction: bool = True


UNSAID: TaskName = "binary"
"""What labels are where nothing is said, as all were once: hashes of then say nothing of it."""
TERMS: Mapping[TaskName, Terms] = {
    UNSAID: Terms(("roc_auc",)),
    "regression": Terms(("mae", "rmse", "gini", "poisson", "tweedie", "pinball"), has_amounts=True),
    "multiclass": Terms(("log_loss", "macro_auc"), has_direction=False),
}
UNBOUND_METRICS = ("mae", "pinball")
"""Leaves are medians or quantiles, set after the split: no library binds those to a direction."""


WRITTEN = ("label", "as_of", ENTITY, "known_at")
"""Columns that are something else in the table of labels."""


class Label(Section):
    task: TaskName = Field(
        default=UNSAID,
        description="What labels are: binary, 0 or 1, so that scores are probabilities; regression, amounts, as scores then are; "
        "multiclass, names of classes, so that a score is the probability of the likeliest",
    )
    cap: float | None = Field(
        default=None,
        gt=0,
        description="Amounts above it count as the cap, in training and in judging; about the 98th percentile",
    )
    weight: Identifier | None = Field(
        default=None,
        description="Column of labels.sql: what a row weighs in fits and in figures, 0 or more; whoever is acted on counts once",
    )
    value: Identifier | None = Field(
        default=None,
        description="Column of labels.sql: what acting on a row turned out to be worth, costs below 0; its sum over the capacity "
        "is shown and guarded",
    )
    horizon_days: int = Field(ge=1, le=730, description="The outcome is counted in [as_of, as_of + horizon_days)")
    grace_days: int = Field(default=2, ge=0, description="For so long after the horizon its facts may still arrive")
    absence_of: Identifier | None = Field(
        default=None, description="Source whose missing facts make the label: an outage of it must not look like one"
    )
    min_weekly_volume: Share = Field(
        default=0.5, description="Each week of the horizon needs at least this share of the usual volume of that source"
    )

    @property
    def terms(self) -> Terms:
        """What the file may say of such labels."""
        return TERMS[self.task]

    @property
    def beside(self) -> Mapping[str, str]:
        """What labels.sql gives beside the label: what it is -> its column."""
        named = {"weight": self.weight, "value": self.value}
        return {name: column for name, column in named.items() if column is not None}

    @model_validator(mode="after")
    def _beside_is_no_label(self) -> Label:
        for name, column in self.beside.items():
            if column in WRITTEN:
                raise ValueError(f"label.{name} = '{column}' names a column that is something else: give it a name of its own")
        if self.weight is not None and self.weight == self.value:
            raise ValueError(f"label.weight and label.value both name {self.weight}: give each a column of its own")
        return self
