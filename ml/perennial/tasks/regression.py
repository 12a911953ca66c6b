"""An amount in its own unit, such as spend, days or demand: labels are finite numbers, and so are scores.

Amounts above `label.cap` count as the cap, in training and in judging: a handful of entities would decide alone otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import ClassVar

import numpy as np
import pandas as pd

from perennial import metrics
from perennial.config import Model
from perennial.config.terms import Figure, Terms
from perennial.metrics import ReliabilityBin
from perennial.metrics.panel import AlignedRows, make_amounts
from perennial.records import Interval
from perennial.records.profiles import SeenAmounts
from perennial.tasks.amounts import WITHOUT_CAP, Figures, draft_metric, find_wrong_amounts, total_bias
from perennial.tasks.binary import PRIOR_SHOCK
from perennial.tasks.measure import AMOUNT, Guarded, Measure, Ranker, Worse, find_floor
from perennial.tasks.outcomes import OutcomeColumn, tell_headline
from perennial.tasks.scores import Scores, read_numbers
from perennial.tasks.task import Floats, Mask, Task, Turn
from perennial.tasks.top import select_first
from perennial.tasks.watching import (
    advise_against_cap,
    advise_cap,
    compare_sums,
    describe_amounts,
    find_scale,
    remark_on_lowest,
    remark_on_sums,
    try_metric,
)

PRIOR_SHOCK_SHARE = 0.005  # of the loss, half of the floor, as .004 AUC is; bench/amounts.py says what it costs


class Regression(Task):
    """A score is the amount that is expected, or the quantile that `training.metric` asks for."""

    terms: ClassVar[Terms] = Terms(
        labels="amounts, as scores then are",
        metrics={
            "mae": "mae",
            "rmse": "mse",
            "gini": "gini",
            "poisson": "poisson",
            "tweedie": "tweedie",
            "pinball:0.9": "pinball",
        },
        figures={
            "mae": Figure("mean absolute error", is_lower_better=True, of_amounts=True),
            "mse": Figure("mean squared error", is_lower_better=True, of_amounts=True),
            "rmse": Figure("root mean squared error", is_lower_better=True, of_amounts=True),
            "gini": Figure("normalised Gini", of_amounts=True),
            "poisson": Figure("Poisson deviance", is_lower_better=True, of_amounts=True),
            "tweedie": Figure("Tweedie deviance", is_lower_better=True, of_amounts=True),
            "pinball": Figure("pinball loss", is_lower_better=True, of_amounts=True),
            "bias": Figure("bias of the sum", is_lower_better=True, of_amounts=True),
            "total_bias": Figure("total bias", of_amounts=True, best=1),
            "coverage_gap": Figure("coverage gap", is_lower_better=True),
        },
        drafted_from="sum",
        has_amounts=True,
        unbound=("mae", "pinball:0.9"),
    )
    outcomes: ClassVar[Mapping[str, OutcomeColumn]] = {
        "mean_label": OutcomeColumn(
            "outcomes.base_rate", "Mean of the labels, none above label.cap, weighted by label.weight if there is one"
        ),
        "mean_score": OutcomeColumn("outcomes.mean_score", "Mean score; equals mean_label when the sums agree"),
        **tell_headline(terms),
        "total_bias": OutcomeColumn(
            "total_bias.value",
            "Sum of the scores over sum of the labels: 1.2 promised a fifth too much; NaN where the labels add up to nothing",
        ),
    }
    label_column = "double precision not null check (label > '-infinity' and label < 'infinity')"
    label_types = ("smallint", "integer", "bigint", "numeric", "real", "double precision")
    label_type, label_cast, label_dtype = "double precision", "double precision", "float64"
    label_said = "a finite number"
    wrong_label = "a label that is no finite number"
    wrong_score = "are infinite"
    score_meaning = "Amount that is expected, in the unit of the label; read one below 0 as 0 where no label lies below"
    second = "total_bias"
    came_named, bins_law = "Mean that came", "normal"
    rarer_named = "rows with another label than the commonest"
    alike = "labels that are all the same"
    awaited = "labels that differ"
    alone_named = "a strength, (1 + normalised Gini) / 2,"
    mean_named = ("mean label", "mean label")
    calibration_named = ("mean predicted", "mean realised")
    score_range = (None, None)
    carriers_named = "rows"
    can_be_missed = False

    def __init__(self, model: Model) -> None:
        super().__init__(model)
        self.figures = Figures(model)
        self.fitting, self.headline, self.loss = self.figures.fitting, self.figures.headline, self.figures.loss

    @classmethod
    def draft_metric(cls, seen: SeenAmounts | None) -> tuple[str, ...]:
        """By how many come to nothing."""
        return tuple(draft_metric(seen))

    # Labels

    def find_wrong_labels(self, labels: pd.Series) -> str | None:
        """Finite numbers; of counts and of amounts with many zeros none below 0."""
        return find_wrong_amounts(labels.to_numpy(dtype=np.float64), self.model.metric)

    def can_learn(self, labels: pd.Series) -> bool:
        """Not all are the same."""
        return len(labels) > 0 and float(labels.min()) < float(labels.max())

    def say_unlearnable(self, labels: pd.Series) -> str:
        """All are the same, or count as the cap."""
        same, cap = float(labels.iloc[0]), self.model.label.cap
        found = f"are {same:g}" if same != cap else f"come to label.cap = {cap:g} or more, and count as that much"
        return f"all {len(labels)} training labels {found}"

    def can_judge(self, labels: pd.Series) -> bool:
        """There is an as_of on which not all are the same."""
        days = labels.groupby(level="as_of")
        return bool((days.max() > days.min()).any())

    # Fitting

    @property
    def search_inputs(self) -> tuple[object, ...]:
        """What is fitted, and to what."""
        return (self.model.metric, self.model.label.cap)

    @property
    def out_of_fold(self) -> tuple[Measure, ...]:
        """All of them, and the loss where the order decides."""
        is_shown = self.loss.name in [measure.name for measure in self.measures]
        return self.measures if is_shown else (self.headline, self.loss, *self.measures[1:])

    def round_merit(self, merit: float) -> float:
        """To four digits, whatever the unit is."""
        return float(f"{merit:{AMOUNT}}")

    def spread_alone(self, strength: float, labels: pd.Series) -> float:
        """By the entities above the median, and the others."""
        return metrics.spread_of_amounts(strength, labels)

    # Judging

    @property
    def measures(self) -> tuple[Measure, ...]:
        """The headline, then what is shown of every amount: both usual losses, the order, and whether the sums agree."""
        shown = (
            self.figures.absolute_error,
            self.figures.rmse,
            self.figures.judge_by_order(),
            self.figures.bias,
            *self.figures.at_the_top,
        )
        covered = () if self.figures.quantile is None else (self.figures.coverage_gap,)
        return (self.headline, *(measure for measure in shown if measure.name != self.headline.name), *covered)

    def find_floor(self, champion: float) -> float:
        """A share of the champion's loss; of the Gini as of an AUC, for both end at 1."""
        share = self.model.promotion.min_gain
        return share * champion if self.headline.is_lower_better else find_floor(share, max(champion, 0.0))

    @property
    def guarded(self) -> tuple[Guarded, ...]:
        """The sum, or of a quantile its share; order and squared error, where others decide; what the top comes to."""
        return self.figures.guarded

    @property
    def doubts(self) -> tuple[str, ...]:
        """Squared errors of amounts without a bound are those of a few rows."""
        return (WITHOUT_CAP,) if self.headline.name == "mse" and self.model.label.cap is None else ()

    def remark_on(self, scores: Scores, labels: pd.Series) -> tuple[str, ...]:
        """Scores below every label; and sums that lie far apart, where scores are means."""
        numbers = read_numbers(scores)
        return (*remark_on_lowest(numbers, labels), *(remark_on_sums(numbers, labels) if self.says_means else ()))

    def find_prior_shock(self, champion: float) -> float:
        """A share of the champion's loss; of the Gini twice what it is of the AUC, for a Gini of 0/1 labels is 2 AUC - 1."""
        return PRIOR_SHOCK_SHARE * champion if self.headline.is_lower_better else 2 * PRIOR_SHOCK

    def code_rows(self, labels: pd.Series) -> AlignedRows:
        """Each finite."""
        return make_amounts(labels)

    def name_sides(self, labels: pd.Series) -> Mapping[str, Mask]:
        """Every row says something."""
        return {"a label": np.ones(len(labels), dtype=np.bool_)}

    def select(self, rows: AlignedRows, scores: Floats, rank: Floats) -> Mask:
        """The first `capacity` of each day, who reaches the threshold where one is declared, or else the first tenth."""
        return select_first(self.model, rows.days, scores, rank)

    def bear_within_segment(self, champion: float) -> float:
        """A share of the champion's loss there; of the Gini as it is."""
        borne = self.model.promotion.tolerated
        return borne.segment_loss * champion if self.headline.is_lower_better else borne.segment_gini

    # Watching

    @property
    def turns(self) -> Mapping[str, Turn]:
        """The headline gets worse, sums differ either way, and where the order is looked at its squared errors rise."""
        worse: Turn = "rise" if self.headline.is_lower_better else "fall"
        return {self.headline.name: worse, "calibration": "either"} | ({} if self.loss is self.headline else {"mse": "rise"})

    @property
    def names(self) -> Mapping[str, str]:
        """By the titles of the metrics."""
        return {
            self.headline.name: f"the {self.headline.title} of the scores",
            "calibration": "the calibration (logarithm of what came over what was predicted)",
            "mse": "the mean squared error of the scores",
            "feature": "the rank measure, (1 + normalised Gini) / 2, of a single feature",
        }

    @property
    def says_means(self) -> bool:
        """But for the absolute loss and that of a quantile."""
        return self.headline.name not in ("mae", "pinball")

    def realise(self, scores: Scores, labels: pd.Series, confidence: float) -> Mapping[str, Interval]:
        """The headline, the squared error where it is another one, and the total bias."""
        singles = {**self.figures.deciding, "total_bias": total_bias}
        return {name: try_metric(partial(single, scores, labels, confidence)) for name, single in singles.items()}

    def measure_day(self, scores: Scores, labels: pd.Series) -> Mapping[str, Interval]:
        """The same with calibration by the sums."""
        found = {name: try_metric(partial(single, scores, labels, 0.95)) for name, single in self.figures.deciding.items()}
        return found | {"calibration": compare_sums(read_numbers(scores), labels)}

    def open_ranker(self, labels: pd.Series) -> Ranker:
        """(1 + normalised Gini) / 2."""
        return partial(metrics.amounts_alone, labels=labels)

    def list_figures(self, scores: Scores, labels: pd.Series) -> Mapping[str, Interval]:
        """The headline, both usual errors in the unit of the label, the order, and the sums."""
        singles, sure = self.figures.singles, self.figures.confidence
        return {name: try_metric(partial(single, scores, labels, sure)) for name, single in singles.items()}

    def cut_bins(self, scores: Scores, labels: pd.Series) -> tuple[ReliabilityBin, ...]:
        """With normal intervals."""
        bins = metrics.amount_bins(read_numbers(scores), labels, confidence=self.figures.confidence)
        return tuple(ReliabilityBin(each.rows, each.mean_predicted, each.realised) for each in bins)

    def say_answer(self, entity: str) -> str:
        """An amount, and what it is of all that may come."""
        quantile = self.figures.quantile
        meant = f"{quantile:g} quantile" if quantile is not None else "mean" if self.says_means else "median"
        days, cap = self.model.label.horizon_days, self.model.label.cap
        counted = "" if cap is None else f" Amounts count up to {cap:g}."
        return f"For every {entity} of the cohort the {meant} of its label within {days} days, in the unit of the label.{counted}"

    @property
    def outage(self) -> tuple[str, str]:
        """It would look like less."""
        return "adds up what comes in", "make it too small"

    def say_action(self, threshold: float, recall: float) -> str:  # noqa: ARG002 - who is acted on is a question of the order
        """Nothing is measured at a threshold."""
        return "All figures are about the whole cohort, not about those with the highest amounts"

    def find_worse(self, promised: float, realised: Interval) -> Worse:
        """As a share: the rise of a loss, or the fall of the Gini."""
        if not promised > 0:
            return Worse()
        return Worse(share=realised.low / promised - 1 if self.headline.is_lower_better else 1 - realised.high / promised)

    def describe_labels(self, labels: pd.Series) -> str:
        """Zeros, the middle, and what lies far out."""
        return describe_amounts(labels)

    def advise_on_labels(self, labels: pd.Series) -> str:
        """A cap where there is none, and a few amounts would decide alone; a higher one where it cuts off many."""
        cap = self.model.label.cap
        return advise_cap(labels) if cap is None else advise_against_cap(labels, cap)

    def count_rarer(self, labels: pd.Series) -> int:
        """Rows with another label than the commonest."""
        return len(labels) - int(labels.value_counts().iloc[0])

    def count_positives(self, labels: pd.Series) -> int | None:  # noqa: ARG002 - of amounts none
        """It means nothing of amounts."""
        return None

    def find_scale(self, spread: float, mean: float) -> float:
        """The mean, or the spread where the mean lies near 0."""
        return find_scale(spread, mean)
