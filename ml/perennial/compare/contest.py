"""What a comparison looks at; it reads nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import pandas as pd

from perennial.compare.looks import TestPlan
from perennial.config import Model
from perennial.records import Look, Side

LOGISTIC = "logistic"


@dataclass(frozen=True, eq=False)
class Contestant:
    """A predictor with the as_ofs it was trained on and its scores of the holdout rows, indexed by (as_of, entity_id).

    Attributes:
        size_bytes: of its files.
        seconds_per_1000_rows: one timing for each repetition, taken in turns with the opponent's; empty: not measured.
    """

    version: int
    algorithm: str
    training_as_ofs: tuple[date, ...]
    scores: pd.Series
    size_bytes: int | None = None
    seconds_per_1000_rows: tuple[float, ...] = ()

    @property
    def newest_as_of(self) -> date:
        return max(self.training_as_ofs)


@dataclass(frozen=True, eq=False)
class ComparisonInput:
    """The rows to compare on, and everybody's scores of them. All frames and series are indexed by (as_of, entity_id).

    Attributes:
        as_of: the day of the comparison; knowledge lag counts to it.
        champion: None when nothing has been promoted yet.
        logistic, recency: scores of the baselines, fitted on the challenger's training rows.
        labels: 0 or 1; its index says which rows are compared.
        segments: text columns; a missing value is a segment of its own.
        shifted_labels_mature_on: when drift asked for the training: the day its rows get labels, if that is still ahead.
        side: against a champion: is the challenger better, or (its own recipe on newer rows) not worse?
        test: what was fixed before the first look; None when the account of errors is empty.
        former: the looks at this pair so far, oldest first; the last may have been on these very rows.
        account_frees_on: the account is empty: the day on which enough of it has grown old.
        refit: scores of the champion's own recipe on the challenger's rows, to tell new recipe and new data apart.
        anchor: of a renewal: the last version that entered by being better, where that is not the champion.
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
    side: Side = "superiority"
    test: TestPlan | None = None
    former: tuple[Look, ...] = ()
    account_frees_on: date | None = None
    refit: pd.Series | None = None
    anchor: Contestant | None = None

    @property
    def contestants(self) -> tuple[Contestant, ...]:
        return (self.challenger,) if self.champion is None else (self.challenger, self.champion)

    @property
    def holdout_as_ofs(self) -> tuple[date, ...]:
        return tuple(sorted(stamp.date() for stamp in self.labels.index.get_level_values("as_of").unique()))

    @property
    def every_series(self) -> Sequence[pd.Series]:
        beside = (self.refit, None if self.anchor is None else self.anchor.scores)
        known = (series for series in beside if series is not None)
        return (*(contestant.scores for contestant in self.contestants), self.logistic, self.recency, *known)

    @property
    def knowledge_lag_days(self) -> int:
        return (self.as_of - self.challenger.newest_as_of).days

    def __str__(self) -> str:
        return f"{self.model.name}, as_of {self.as_of}"
