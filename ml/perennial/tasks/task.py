"""The questions that the platform asks about labels and scores, and every task answers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from perennial.config import Model
from perennial.config.terms import Terms
from perennial.metrics import ClassReliability, ReliabilityBin, average
from perennial.metrics.panel import AlignedRows
from perennial.records import Interval
from perennial.records.profiles import SeenAmounts
from perennial.tasks.fitting import Fitting
from perennial.tasks.measure import Guarded, Headline, Measure, Ranker, Worse
from perennial.tasks.outcomes import OutcomeColumn
from perennial.tasks.scores import PublishedColumn, Scores, find_published

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Turn = Literal["fall", "rise", "either"]


class Task(ABC):
    """What one kind of labels asks for. Labels are a Series indexed by (as_of, entity_id), or with a cluster beside; scores
    are `Scores` with the same index.

    Attributes:
        terms: what a model file may say of it, in literals: they are read from the text of its module.
        outcomes: what analysts read of it in analytics.<model>_outcomes, by the name of the column.
        label_column: type and check of the column `label` in PostgreSQL.
        label_types: what labels.sql may give for it.
        label_type, label_cast, label_dtype: what it is in PostgreSQL, what it is cast to on its way there, and what it is in
            memory.
        label_said: what a label is, in words.
        wrong_label, wrong_score: what is said of a label that the column refuses, and of scores outside `score_range`.
        score_meaning: the comment on a published score.
        rarer_named: what `count_rarer` counts.
        second: the metric that is shown beside the headline.
        came_named, bins_law: what stands beside a mean score, and whose interval it has.
        alike, awaited: what labels are from which nothing can be learned, and what to wait for then.
        fitting: how recipes learn.
        alone_named: what the strength of a feature by itself is, `an AUC` or what stands for it.
        mean_named: what `average_labels` gives of the rows that train, and `average` of what came on unseen ones.
        calibration_named: what a picture of calibration shows: scores, and what became of them.
        score_range: scores lie inside, both ends included; None: no end.
        headline: what decides who is better.
        loss: what breaks ties of a search and chooses the first champion.
    """

    published: ClassVar[Mapping[str, PublishedColumn]] = {}
    """What is published beside the score, by the name of its column in scores.<model>."""
    kept_as: ClassVar[tuple[str, str]] = ("score", "double precision")
    """The column that holds all that a fit said of a row, and its type."""
    tells_constant: ClassVar[bool] = True
    """Does a first champion say what one score for all would have cost?"""

    terms: ClassVar[Terms]
    outcomes: ClassVar[Mapping[str, OutcomeColumn]]
    label_column: ClassVar[str]
    label_types: ClassVar[tuple[str, ...]]
    label_type: ClassVar[str]
    label_cast: ClassVar[str]
    label_dtype: ClassVar[Literal["int64", "float64", "str"]]
    label_said: ClassVar[str]
    wrong_label: ClassVar[str]
    wrong_score: ClassVar[str]
    score_meaning: ClassVar[str]
    rarer_named: ClassVar[str]
    came_named: ClassVar[str]
    second: str
    bins_law: ClassVar[str]
    alike: ClassVar[str]
    awaited: ClassVar[str]
    fitting: Fitting
    alone_named: ClassVar[str]
    mean_named: ClassVar[tuple[str, str]]
    calibration_named: ClassVar[tuple[str, str]]
    score_range: ClassVar[tuple[float | None, float | None]]
    headline: Headline
    loss: Measure

    def __init__(self, model: Model) -> None:
        self.model = model

    @classmethod
    def draft_metric(cls, seen: SeenAmounts | None) -> tuple[str, ...]:  # noqa: ARG003 - most have nothing to choose by
        """Lines of [training] in a model file that is drafted: the metric, and why; none where the default is meant.

        Args:
            seen: the amounts of real days, where labels are such and have matured.
        """
        return ()

    # Labels

    def code_labels(self, labels: pd.Series) -> tuple[Floats, tuple[str, ...] | None]:
        """Labels as recipes learn them, one number a row; of classes their places among those found, which follow."""
        return labels.to_numpy(dtype=np.float64), None

    @abstractmethod
    def find_wrong_labels(self, labels: pd.Series) -> str | None:
        """What labels must be and what was found, where some are not that; missing ones are somebody else's finding."""

    @abstractmethod
    def can_learn(self, labels: pd.Series) -> bool:
        """Is there a difference among these labels to learn?"""

    @abstractmethod
    def say_unlearnable(self, labels: pd.Series) -> str:
        """Why there is none."""

    @abstractmethod
    def can_judge(self, labels: pd.Series) -> bool:
        """Is there an as_of on which the headline tells predictors apart?"""

    # Fitting

    @property
    def search_inputs(self) -> tuple[object, ...]:
        """What the best parameters depend on beside rows, features and libraries: another search when it changes."""
        return ()

    @property
    @abstractmethod
    def out_of_fold(self) -> tuple[Measure, ...]:
        """What is written about every recipe that a training assesses."""

    @abstractmethod
    def round_merit(self, merit: float) -> float:
        """A merit of the headline without the digits that are chance: of equals the loss decides."""

    @abstractmethod
    def spread_alone(self, strength: float, labels: pd.Series) -> float:
        """The standard error that such a strength would have by the number of different entities alone."""

    # Judging

    @property
    @abstractmethod
    def measures(self) -> tuple[Measure, ...]:
        """Everything that a comparison shows, the headline first."""

    @abstractmethod
    def find_floor(self, champion: float) -> float:
        """The smallest gain in the headline worth a promotion, by `promotion.min_gain` and the champion's value."""

    @property
    @abstractmethod
    def guarded(self) -> tuple[Guarded, ...]:
        """What must not be harmed over all rows."""

    @property
    @abstractmethod
    def doubts(self) -> tuple[str, ...]:
        """Why nothing is promoted without a person, whatever the test says; a sentence each."""

    def doubt_scores(self, scores: Scores, labels: pd.Series) -> tuple[str, ...]:  # noqa: ARG002 - most have no doubt
        """Why a challenger with such scores of unseen rows is promoted by a person alone, a sentence each."""
        return ()

    def remark_on(self, scores: Scores, labels: pd.Series) -> tuple[str, ...]:  # noqa: ARG002 - most have nothing to say
        """What people should read about scores of unseen rows, a sentence each; it decides nothing."""
        return ()

    @abstractmethod
    def find_prior_shock(self, champion: float) -> float:
        """Standard deviation of what is common to an as_of in the gain of the headline, before anything is known of it."""

    @abstractmethod
    def code_rows(self, labels: pd.Series) -> AlignedRows:
        """The rows of these labels, which are checked.

        Raises:
            MisalignedScores: the index is not what metrics read.
            MetricNotFinite: a label is missing, or not what labels of the task are.
        """

    @abstractmethod
    def name_sides(self, labels: pd.Series) -> Mapping[str, Mask]:
        """The rows of each of which an assessment needs enough, by what they have, such as `a positive label`.

        Those that come first are counted everywhere, the others only where rankings within a segment are compared.
        """

    def carries(self, labels: pd.Series) -> Mask:
        """The rows that carry the evidence: the first of the sides."""
        return next(iter(self.name_sides(labels).values()))

    @abstractmethod
    def select(self, rows: AlignedRows, scores: Floats, rank: Floats) -> Mask:
        """Who is on the action list; `rank` counts from 0 within each as_of."""

    @abstractmethod
    def bear_within_segment(self, champion: float) -> float:
        """How far the headline may fall within a segment, by the champion's value there."""

    carriers_named: ClassVar[str]
    """What the rows that carry evidence are called, such as `positives`."""
    can_be_missed: ClassVar[bool]
    """Is one label looked for, so that it may be missed by who stays off the action list?"""

    # Watching

    @property
    @abstractmethod
    def turns(self) -> Mapping[str, Turn]:
        """Where each measure of a newly matured as_of goes when its labels are wrong."""

    @property
    @abstractmethod
    def says_means(self) -> bool:
        """Is a score the mean of what comes, so that sums must agree? A median or another quantile is not."""

    @abstractmethod
    def realise(self, scores: Scores, labels: pd.Series, confidence: float) -> Mapping[str, Interval]:
        """The metrics of published scores, the headline first; NaN on all sides where labels leave a metric undefined.

        Of a single entity a metric may be known, and its ends are not.
        """

    @abstractmethod
    def measure_day(self, scores: Scores, labels: pd.Series) -> Mapping[str, Interval]:
        """What `turns` names, of the labels of one as_of against the scores of that time; headline first, then calibration."""

    @abstractmethod
    def open_ranker(self, labels: pd.Series) -> Ranker:
        """Measures how well a column of the rows of these labels ranks by itself, in [.5, 1]; for 0 and 1 the AUC."""

    def average(self, scores: Scores, labels: pd.Series) -> tuple[float, float]:
        """One number that stands for what was said of these rows, and one for what came: the two agree where scores are right."""
        said, came = self.pair_rows(scores, labels)
        return average(said), average(came)

    def pair_rows(self, scores: Scores, labels: pd.Series) -> tuple[pd.Series, pd.Series]:
        """For each row the number that is published, and the number that came of it: of classes whether it is right."""
        return find_published(scores), labels

    def average_labels(self, labels: pd.Series) -> float:
        """One number that stands for these labels."""
        return average(labels)

    @abstractmethod
    def list_figures(self, scores: Scores, labels: pd.Series) -> Mapping[str, Interval]:
        """What a card says of unseen rows, by name, the headline first; NaN where the labels leave a figure undefined."""

    @abstractmethod
    def cut_bins(self, scores: Scores, labels: pd.Series) -> tuple[ReliabilityBin, ...]:
        """Tenths by score: the mean that was said, and the mean that came."""

    def cut_classes(self, scores: Scores, labels: pd.Series) -> tuple[ClassReliability, ...]:  # noqa: ARG002 - most have none
        """Of each class what was said, and what came of it."""
        return ()

    @abstractmethod
    def say_answer(self, entity: str) -> str:
        """What a score says, in a sentence or two."""

    @property
    @abstractmethod
    def outage(self) -> tuple[str, str]:
        """Where missing facts make the label: what it does with them, and what an outage of theirs would be taken for."""

    @abstractmethod
    def say_action(self, threshold: float, recall: float) -> str:
        """What is known of those on the action list, in a clause."""

    @abstractmethod
    def find_worse(self, promised: float, realised: Interval) -> Worse:
        """How much worse the headline came out than on unseen rows, by the better end of what was realised."""

    @abstractmethod
    def describe_labels(self, labels: pd.Series) -> str:
        """How the labels of one day lie, in a clause."""

    @abstractmethod
    def advise_on_labels(self, labels: pd.Series) -> str:
        """What the model file should say of such labels; nothing where it does."""

    @abstractmethod
    def count_rarer(self, labels: pd.Series) -> int:
        """How many labels differ from the commonest: too few of them, and a day cannot be measured."""

    @abstractmethod
    def count_positives(self, labels: pd.Series) -> int | None:
        """How many labels are 1; None where that means nothing."""

    @abstractmethod
    def find_scale(self, spread: float, mean: float) -> float:
        """By what the move of a mean score is divided, from the standard deviation and the mean of the scores before."""

    @property
    @abstractmethod
    def names(self) -> Mapping[str, str]:
        """What `turns` names, as people read it; `feature` is the figure of a single feature."""
