"""What a comparison looks at; it reads nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import pandas as pd

from ml.config import Model

LOGISTIC = "logistic"


@dataclass(frozen=True, eq=False)
class Contestant:
    """A predictor with the as_ofs it was trained on and its scores of the holdout rows, indexed by (as_of, entity_id)."""

    version: int
    algorithm: str
    training_as_ofs: tuple[date, ...]
    scores: pd.Series

    @property
    def newest_as_of(self) -> date:
        return max(self.training_as_ofs)


@dataclass(frozen=True, eq=False)
class ComparisonInput:
    """The rows that judge, and everybody's scores of them. All frames and series are indexed by (as_of, entity_id).

    Attributes:
        as_of: the day the challenger was trained for; knowledge lag counts to it.
        champion: None when nothing has been promoted yet.
        logistic, recency: scores of the baselines, fitted on the challenger's training rows.
        labels: 0 or 1; its index says which rows judge.
        segments: text columns; a missing value is a segment of its own.
        shifted_labels_mature_on: when drift asked for the training: the day its rows get labels, if that is still ahead.
    """

    model: Model
    as_of: date
    challenger: Contestant
    champion: Contestant | None
    logistic: pd.Series
    recency: pd.Series
    labels: pd.Series
    segments: pd.DataFrame
    shifted_labels_mature_on: date | None = None

    @property
    def contestants(self) -> tuple[Contestant, ...]:
        return (self.challenger,) if self.champion is None else (self.challenger, self.champion)

    @property
    def holdout_as_ofs(self) -> tuple[date, ...]:
        return tuple(sorted(stamp.date() for stamp in self.labels.index.get_level_values("as_of").unique()))

    @property
    def every_series(self) -> Sequence[pd.Series]:
        return (*(contestant.scores for contestant in self.contestants), self.logistic, self.recency)

    @property
    def knowledge_lag_days(self) -> int:
        return (self.as_of - self.challenger.newest_as_of).days

    def __str__(self) -> str:
        return f"{self.model.name}, as_of {self.as_of}"
