"""A plan: what a change of a model's files means, in items that people read and in days that were compared."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

from perennial.records import Json, to_json

Effect = Literal["breaks", "to do", "changes", "note", "same"]
"""Something would stop or be wrong; a person has to do something; something will be another; people should know; nothing."""
Days = tuple[date, ...]


@dataclass(frozen=True)
class Item:
    """One thing that the files mean for an installation; `found` is a sentence."""

    subject: str
    effect: Effect
    found: str


@dataclass(frozen=True)
class ColumnChange:
    """A column of features.sql, or the label, that differs for entities which both sides hold.

    Attributes:
        kind: `new` and `gone` columns stand for all rows.
        share: of these entities those whose value differs, in [0, 1].
        largest: the largest change of a number that both sides know; None of texts, and where there is none.
    """

    name: str
    kind: Literal["changed", "new", "gone"]
    share: float
    largest: float | None = None


@dataclass(frozen=True)
class ScoreChange:
    """The champion's scores of the day as it stands, and as the files would build it.

    Attributes:
        share: of the entities that both sides hold those whose score differs, in [0, 1]; `largest`: the largest change.
        mean_before, mean_after: of all rows of each side.
        rank_correlation: Spearman's, of the entities that both sides hold.
        top: entities in the highest tenth of the day as it stands; `entering`, `leaving`: who joins and who leaves it.
    """

    share: float
    largest: float
    mean_before: float
    mean_after: float
    rank_correlation: float
    top: int
    entering: int
    leaving: int


@dataclass(frozen=True)
class DayChange:
    """One day as it stands beside what the files give for it.

    Attributes:
        rows_before, rows_after: entities; `entering`, `leaving`: those that only one side holds.
        columns: features that differ; empty when every value is the same.
        labels: how labels differ; None where they are the same, or have not matured.
        scores: None where there is no champion, or where it cannot score.
    """

    as_of: date
    rows_before: int
    rows_after: int
    entering: int
    leaving: int
    columns: tuple[ColumnChange, ...]
    labels: ColumnChange | None = None
    scores: ScoreChange | None = None

    @property
    def is_same(self) -> bool:
        """Does the day come out as it stands?"""
        return not (self.columns or self.entering or self.leaving)


@dataclass(frozen=True)
class Plan:
    """What the files of one model mean.

    Attributes:
        outdated: training days that are left out until they are built anew; `rebuilt`: the days that the backfill builds.
        labelled: days that have labels, which a training would build anew.
        days: those that were compared.
    """

    model: str
    items: tuple[Item, ...]
    outdated: Days = ()
    rebuilt: Days = ()
    labelled: Days = ()
    days: tuple[DayChange, ...] = ()

    @property
    def breaks(self) -> tuple[Item, ...]:
        """What would stop, or be wrong."""
        return tuple(item for item in self.items if item.effect == "breaks")

    @property
    def is_same(self) -> bool:
        """Does nothing change?"""
        return all(item.effect in ("same", "note") for item in self.items)

    @property
    def verdict(self) -> str:
        """In two words."""
        if self.breaks:
            return "would break"
        return "changes nothing" if self.is_same else "breaks nothing"

    def facts(self) -> Json:
        """As data for programs."""
        return {"model": self.model, "verdict": self.verdict, **{k: v for k, v in to_json(self).items() if k != "model"}}
