"""What a comparison looks at; it reads nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import pandas as pd

from perennial.compare.looks import TestPlan
from perennial.compare.served import ServedEvidence
from perennial.config import Model
from perennial.records import Look, RecipeChoice
from perennial.tasks import Scores, Task, task_of


@dataclass(frozen=True, eq=False)
class Contestant:
    """A recipe with what its weekly fits scored, or would have scored, indexed by (as_of, entity_id).

    Attributes:
        version: its newest fit; algorithm, size_bytes and the timings are that fit's.
        newest_as_of, learned_as_ofs: the newest as_of that this fit has learned from, and how many they are.
        chosen_on: the newest as_of that the choice of the recipe looked at; None when it looked at none.
        seconds_per_1000_rows: one timing for each repetition, taken in turns with the opponent's; empty: not measured.
        features: that the recipe reads; empty: nobody knows.
    """

    version: int
    recipe: int
    algorithm: str
    newest_as_of: date
    learned_as_ofs: int
    chosen_on: date | None
    scores: Scores
    size_bytes: int | None = None
    seconds_per_1000_rows: tuple[float, ...] = ()
    features: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class ComparisonInput:
    """The rows to compare on, and everybody's scores of them. All frames and series are indexed by (as_of, entity_id).

    Attributes:
        as_of: the day of the comparison; knowledge lag counts to it.
        champion: None when nothing has been promoted yet.
        labels: as the task has them; its index says which rows are compared.
        segments: text columns; a missing value is a segment of its own.
        shifted_labels_mature_on: when drift asked for the training: the day its rows get labels, if that is still ahead.
        test: what was fixed before the first look; None when the account of errors is empty.
        former: the looks at this pair so far, oldest first; the last may have been on these very rows.
        earlier: the newest look at every other pair of the model so far: what they say of shocks.
        clusters: text; rows that share one are one piece of evidence, as copies are; None: an entity is.
        beside: `weight` and `value` of each row, as in `TrainingSet`.
        account_frees_on: the account is empty: the day on which enough of it has grown old.
        choice: what the challenger was chosen from.
        served: what its canary has shown; None where it has none that runs.
    """

    model: Model
    as_of: date
    challenger: Contestant
    champion: Contestant | None
    labels: pd.Series
    segments: pd.DataFrame
    shifted_labels_mature_on: date | None = None
    test: TestPlan | None = None
    former: tuple[Look, ...] = ()
    earlier: tuple[Look, ...] = ()
    clusters: pd.Series | None = None
    account_frees_on: date | None = None
    choice: RecipeChoice | None = None
    beside: Mapping[str, pd.Series] = field(default_factory=dict)
    served: ServedEvidence | None = None

    @property
    def task(self) -> Task:
        """What kind of labels these are."""
        return task_of(self.model)

    @property
    def contestants(self) -> tuple[Contestant, ...]:
        return (self.challenger,) if self.champion is None else (self.challenger, self.champion)

    @property
    def holdout_as_ofs(self) -> tuple[date, ...]:
        return tuple(sorted(stamp.date() for stamp in self.labels.index.get_level_values("as_of").unique()))

    @property
    def every_series(self) -> Sequence[Scores]:
        return tuple(contestant.scores for contestant in self.contestants)

    @property
    def knowledge_lag_days(self) -> int:
        return (self.as_of - self.challenger.newest_as_of).days

    def __str__(self) -> str:
        return f"{self.model.name}, as_of {self.as_of}"
