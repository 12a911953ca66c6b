"""The table [label] of a model file: what the outcome is, when it is complete, and by what it is judged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, Field, model_validator

from perennial.config.entity import ENTITY
from perennial.config.section import Identifier, Section, Share
from perennial.config.terms import Terms, list_terms

Schema = dict[str, Any]
"""A piece of JSON Schema, as pydantic writes it."""
UNSAID = "binary"
"""What labels are where nothing is said, as all were once: hashes of then say nothing of it."""


def _tell_tasks(schema: Schema) -> None:
    schema["format"] = "; ".join(f'"{name}": {terms.labels}' for name, terms in list_terms().items())


def _check_task(name: str) -> str:
    known = list_terms()
    if name not in known:
        raise ValueError(f"there is no such task: write {', '.join(list(known)[:-1])} or {list(known)[-1]}")
    return name


TaskName = Annotated[str, AfterValidator(_check_task)]


WRITTEN = ("label", "as_of", ENTITY, "known_at")
"""Columns that are something else in the table of labels."""


class Label(Section):
    task: TaskName = Field(
        default=UNSAID, description="What labels are, and what scores are with them", json_schema_extra=_tell_tasks
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
        return list_terms()[self.task]

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
