"""How often: labels are whole numbers from 0 on, a score is the number that is expected, and the deviance of counts decides.

This one file is a whole task. tests/counting.py drops it into the package, where it is no part of the program.
"""

from collections.abc import Mapping
from functools import cached_property
from typing import ClassVar

import numpy as np
import pandas as pd

from perennial import metrics
from perennial.config import Model
from perennial.config.terms import Figure, Terms
from perennial.metrics.panel import Floats
from perennial.records import Interval
from perennial.records.profiles import SeenAmounts
from perennial.tasks.amounts import Figures
from perennial.tasks.fitting import fit_amounts
from perennial.tasks.measure import Guarded, Headline, Measure, Single
from perennial.tasks.outcomes import OutcomeColumn
from perennial.tasks.regression import Regression
from perennial.tasks.scores import Scores
from perennial.tasks.task import Turn


def lose_none(labels: Floats, scores: Floats) -> Floats:
    """The squared error of the chance that nothing comes, exp(-score) where counts are Poisson's."""
    squares: Floats = np.square((labels == 0) - np.exp(-scores))
    return squares


class CountFigures(Figures):
    """Those of amounts, with a headline of their own, and a look at who comes to nothing."""

    def __init__(self, model: Model) -> None:
        super().__init__(model)
        self.fitting = fit_amounts("poisson", self.cap)

    @cached_property
    def headline(self) -> Headline:
        """Poisson's deviance."""
        return self.judge_by_loss("count_deviance", "deviance of counts", metrics.poisson_deviance)

    @cached_property
    def none(self) -> Measure:
        """How well the chance of nothing is known."""
        return self.measure("none_error", lose_none)

    @property
    def guarded(self) -> tuple[Guarded, ...]:
        """Those of amounts, and that chance."""
        borne = self.model.promotion.tolerated.loss
        return (*super().guarded, Guarded("none", self.none, "The error of the chance of none goes", borne, is_relative=True))

    @property
    def deciding(self) -> Mapping[str, Single]:
        """The headline, and that chance."""
        return {**super().deciding, "none_error": self._measure_none}

    def _measure_none(self, scores: pd.Series, labels: pd.Series, sure: float) -> Interval:
        return metrics.mean_loss_with_interval(scores, labels, lose_none, confidence=sure)


class Counts(Regression):
    """A score is the number that is expected, above 0."""

    terms: ClassVar[Terms] = Terms(
        labels="whole numbers from 0 on, as of visits; scores are the numbers that are expected",
        metrics={"count_deviance": "count_deviance"},
        figures={
            "count_deviance": Figure("deviance of counts", is_lower_better=True, of_amounts=True),
            "none_error": Figure("error of the chance of none", is_lower_better=True),
        },
        drafted_from="sum",
        is_drafted_by_name=True,
        has_amounts=True,
    )
    outcomes: ClassVar[Mapping[str, OutcomeColumn]] = {
        "mean_count": OutcomeColumn("outcomes.base_rate", "Mean of the counts"),
        "mean_score": OutcomeColumn("outcomes.mean_score", "Mean score; equals mean_count when the sums agree"),
        "deviance": OutcomeColumn("count_deviance.value", "Poisson's deviance within the as_of; lower is better"),
        "none_error": OutcomeColumn("none_error.value", "The squared error of the chance that nothing comes"),
    }
    label_column = "bigint not null check (label >= 0)"
    label_types = ("smallint", "integer", "bigint")
    label_type, label_cast, label_dtype = "bigint", "bigint", "int64"
    label_said = "a whole number from 0 on"
    wrong_label = "a label that is no count"
    wrong_score = "lie below 0"
    score_meaning = "Number that is expected"
    second = "none_error"
    score_range = (0.0, None)

    def __init__(self, model: Model) -> None:
        super().__init__(model)
        self.figures = CountFigures(model)
        self.fitting, self.headline, self.loss = self.figures.fitting, self.figures.headline, self.figures.loss

    @classmethod
    def draft_metric(cls, seen: SeenAmounts | None) -> tuple[str, ...]:
        """There is one."""
        return ()

    def find_wrong_labels(self, labels: pd.Series) -> str | None:
        """Whole numbers, none below 0."""
        wrong = labels[(labels < 0) | (labels % 1 != 0)]
        return f"labels must be whole numbers from 0 on, found {wrong.head().tolist()}" if len(wrong) else None

    @property
    def measures(self) -> tuple[Measure, ...]:
        """Those of amounts, and how well the chance of none is known."""
        return (*super().measures, self.figures.none)

    @property
    def turns(self) -> Mapping[str, Turn]:
        """The deviance rises where labels are wrong, and sums differ either way."""
        return {"count_deviance": "rise", "calibration": "either"}

    def measure_day(self, scores: Scores, labels: pd.Series) -> Mapping[str, Interval]:
        """The deviance, and the sums."""
        found = super().measure_day(scores, labels)
        return {name: found[name] for name in self.turns}
