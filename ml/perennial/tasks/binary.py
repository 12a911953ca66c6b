"""Yes or no: labels are 0 or 1, scores are probabilities, and the ranking within a day decides."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property, partial
from typing import ClassVar

import numpy as np
import pandas as pd

from perennial import metrics
from perennial.config import Model
from perennial.config.label import TaskName
from perennial.metrics import ReliabilityBin
from perennial.metrics.capacity import precision_at_capacity, prepare_precision_at_capacity
from perennial.metrics.panel import AlignedRows, make_panel
from perennial.records import Interval
from perennial.tasks.fitting import PROBABILITIES
from perennial.tasks.measure import Guarded, Headline, Measure, Ranker, Worse, find_floor
from perennial.tasks.scores import Scores, read_numbers
from perennial.tasks.task import Floats, Mask, Task, Turn
from perennial.tasks.top import guard_value, measure_order_at_top, measure_value
from perennial.tasks.watching import compare_odds, rank_or_unknown, say_weighed, try_metric

PRIOR_SHOCK = 0.004


class Binary(Task):
    """A score is the calibrated probability that the label is 1."""

    name: ClassVar[TaskName] = "binary"
    label_column = "smallint not null check (label in (0, 1))"
    label_types = ("smallint", "integer", "bigint", "boolean")
    label_type, label_cast, label_dtype = "smallint", "integer", "int64"
    label_said = "0 or 1"
    wrong_label = "a label that is neither 0 nor 1"
    wrong_score = "lie outside [0, 1]"
    score_meaning = "Calibrated probability in [0, 1]"
    second = "log_loss"
    came_named, bins_law = "Share that came true", "Wilson's"
    rarer_named = "rows of a class"
    alike = "labels of one class only"
    awaited = "more of the rarer outcome"
    fitting = PROBABILITIES
    alone_named = "an AUC"
    mean_named = ("share of positives", "share of positives")
    calibration_named = ("mean score", "share that happened")
    score_range = (0.0, 1.0)
    carriers_named = "positives"
    can_be_missed = True

    def __init__(self, model: Model) -> None:
        super().__init__(model)
        confidence = model.promotion.confidence
        self.headline = Headline(
            "auc",
            metrics.mean_auc,
            partial(metrics.paired_auc_difference, confidence=confidence),
            title="AUC",
            by_day=metrics.paired_auc_by_day,
            single=lambda scores, labels, sure: metrics.auc_with_interval(scores, labels, confidence=sure),
        )
        difference = partial(metrics.paired_loss_difference, loss="log_loss", confidence=confidence)
        self.loss = Measure("log_loss", metrics.log_loss, difference, is_lower_better=True)

    # Labels

    def find_wrong_labels(self, labels: pd.Series) -> str | None:
        """0 and 1, and nothing else."""
        found = np.unique(labels.to_numpy(dtype=np.float64))
        if set(found.tolist()) <= {0.0, 1.0}:
            return None
        return f"labels must be 0 or 1, found {found[:5].tolist()}"

    def can_learn(self, labels: pd.Series) -> bool:
        """Both classes occur."""
        return 0 < float(labels.mean()) < 1 if len(labels) else False

    def say_unlearnable(self, labels: pd.Series) -> str:
        """All are of one class."""
        return f"all {len(labels)} training labels are {float(labels.iloc[0]):.0f}"

    def can_judge(self, labels: pd.Series) -> bool:
        """Both classes occur on some as_of."""
        return bool(labels.groupby(level="as_of").mean().between(0, 1, inclusive="neither").any())

    # Fitting

    @property
    def out_of_fold(self) -> tuple[Measure, ...]:
        """Those that are means or ranks; what a capacity says belongs to comparisons."""
        known = {measure.name: measure for measure in self.measures}
        return tuple(known[name] for name in ("auc", "log_loss", "brier", "average_precision"))

    def round_merit(self, merit: float) -> float:
        """AUCs closer than .0001 are equal: the standard error is six times that."""
        return round(merit, 4)

    def spread_alone(self, strength: float, labels: pd.Series) -> float:
        """By the positives and negatives among entities."""
        return metrics.spread_of_auc(strength, labels)

    # Judging

    @property
    def measures(self) -> tuple[Measure, ...]:
        """The AUC, then what else is shown."""
        brier = partial(metrics.paired_loss_difference, loss="brier", confidence=self.model.promotion.confidence)
        return (
            self.headline,
            Measure("average_precision", metrics.average_precision, partial(self._draw, metrics.prepare_average_precision)),
            self.loss,
            Measure("brier", metrics.brier, brier, is_lower_better=True),
            self._precision_at_recall,
            self._calibration_error,
            *self._at_the_top,
        )

    @property
    def _at_the_top(self) -> tuple[Measure, ...]:
        """The order of those that are acted on, and what they are worth where labels say so."""
        return (*measure_order_at_top(self.model), *(measure_value(self.model) if self.model.label.value else ()))

    def find_floor(self, champion: float) -> float:
        """Of a metric between 0 and 1."""
        return find_floor(self.model.promotion.min_gain, champion)

    @property
    def guarded(self) -> tuple[Guarded, ...]:
        """What the scores say, and whom they bring to the top."""
        borne = self.model.promotion.tolerated
        return (
            Guarded("log_loss", self.loss, "Log-loss goes", borne.log_loss),
            Guarded("calibration", self._calibration_error, "The calibration error goes", borne.calibration),
            self._guard_precision(),
            *(guard_value(self.model) if self.model.label.value else ()),
        )

    def _guard_precision(self) -> Guarded:
        """Where people act on the first k of a day, what matters is how many positives stand among them."""
        rules = self.model.promotion
        if rules.capacity is None:
            fact = f"Precision at {rules.precision_at_recall:.0%} recall goes"
            return Guarded("precision", self._precision_at_recall, fact, rules.tolerated.precision)
        drawn = partial(self._draw, prepare_precision_at_capacity(rules.capacity))
        measure = Measure("precision", partial(precision_at_capacity, capacity=rules.capacity), drawn)
        fact = f"Of the {rules.capacity} that are acted on in a day, the share of positives goes"
        return Guarded("precision", measure, fact, rules.tolerated.precision)

    @property
    def doubts(self) -> tuple[str, ...]:
        """None: a ranking cannot be won by a few rows."""
        return ()

    def find_prior_shock(self, champion: float) -> float:  # noqa: ARG002 - an AUC varies alike wherever it lies
        """In AUC; bench/gate.py says what it costs."""
        return PRIOR_SHOCK

    def code_rows(self, labels: pd.Series) -> AlignedRows:
        """Each 0 or 1."""
        return make_panel(labels)

    def name_sides(self, labels: pd.Series) -> Mapping[str, Mask]:
        """Positives, and negatives."""
        is_positive = labels.to_numpy(dtype=np.float64) == 1
        return {"a positive label": is_positive, "a negative label": ~is_positive}

    def select(self, rows: AlignedRows, scores: Floats, rank: Floats) -> Mask:  # noqa: ARG002 - a threshold needs no days
        """Who reaches the threshold, or the first `capacity` of each day."""
        capacity = self.model.promotion.capacity
        return scores >= self.model.scoring.threshold if capacity is None else rank < capacity

    def bear_within_segment(self, champion: float) -> float:  # noqa: ARG002 - an AUC falls alike wherever it lies
        """In AUC."""
        return self.model.promotion.tolerated.segment_auc

    @cached_property
    def _precision_at_recall(self) -> Measure:
        recall = self.model.promotion.precision_at_recall
        drawn = partial(self._draw, metrics.prepare_precision_at_recall(recall))
        return Measure("precision_at_recall", partial(metrics.precision_at_recall, recall=recall), drawn)

    @cached_property
    def _calibration_error(self) -> Measure:
        drawn = partial(self._draw, metrics.prepare_calibration_error)
        return Measure("calibration_error", metrics.calibration_error, drawn, is_lower_better=True)

    def _draw(self, metric: metrics.Metric, ours: pd.Series, theirs: pd.Series, labels: pd.Series) -> Interval:
        rules = self.model.promotion
        return metrics.paired_bootstrap_difference(
            metric, (ours, theirs), labels, confidence=rules.confidence, seed=self.model.training.seed
        )

    # Watching

    @property
    def turns(self) -> Mapping[str, Turn]:
        """Rankings fall, the log-loss rises, and the calibration goes either way."""
        return {"auc": "fall", "calibration": "either", "log_loss": "rise"}

    @property
    def names(self) -> Mapping[str, str]:
        """In words."""
        return {
            "auc": "the AUC of the scores",
            "calibration": "the calibration (log-odds of what happened minus log-odds of the mean score)",
            "log_loss": "the log-loss of the scores",
            "feature": "the AUC of a single feature",
        }

    @property
    def says_means(self) -> bool:
        """A probability is one."""
        return True

    def realise(self, scores: Scores, labels: pd.Series, confidence: float) -> Mapping[str, Interval]:
        """AUC and log-loss; a day of one class ranks nobody."""
        scores = read_numbers(scores)
        auc = rank_or_unknown(partial(self.headline.single, scores, labels, confidence))
        loss = try_metric(lambda: metrics.loss_with_interval(scores, labels, confidence=confidence))
        return {"auc": auc, "log_loss": replace(loss, estimate=self.loss.value(scores, labels))}

    def measure_day(self, scores: Scores, labels: pd.Series) -> Mapping[str, Interval]:
        """AUC, calibration, log-loss."""
        scores = read_numbers(scores)
        return {
            "auc": metrics.auc_with_interval(scores, labels),
            "calibration": compare_odds(scores, labels),
            "log_loss": metrics.loss_with_interval(scores, labels),
        }

    def open_ranker(self, labels: pd.Series) -> Ranker:
        """The AUC."""
        return partial(metrics.auc_alone, labels=labels)

    def list_figures(self, scores: Scores, labels: pd.Series) -> Mapping[str, Interval]:
        """Each by itself, with its interval."""
        recall = self.model.promotion.precision_at_recall
        drawn = partial(metrics.bootstrap_interval, seed=self.model.training.seed)
        measures: dict[str, Callable[..., Interval]] = {
            "auc": metrics.auc_with_interval,
            "average_precision": partial(drawn, metrics.prepare_average_precision),
            "log_loss": metrics.loss_with_interval,
            "brier": partial(metrics.loss_with_interval, loss="brier"),
            "precision_at_recall": partial(drawn, metrics.prepare_precision_at_recall(recall)),
            "calibration_error": partial(drawn, metrics.prepare_calibration_error),
        }
        sure = self.model.promotion.confidence
        return {name: rank_or_unknown(partial(each, scores, labels, confidence=sure)) for name, each in measures.items()}

    def cut_bins(self, scores: Scores, labels: pd.Series) -> tuple[ReliabilityBin, ...]:
        """With Wilson's intervals."""
        return metrics.reliability_bins(read_numbers(scores), labels, confidence=self.model.promotion.confidence)

    def say_answer(self, entity: str) -> str:
        """A probability, and from where on it counts as a yes."""
        days, threshold = self.model.label.horizon_days, self.model.scoring.threshold
        return (
            f"For every {entity} of the cohort a score in [0, 1]: the probability that the label comes true within "
            f"{days} days. A score of at least {threshold:g} predicts that it does."
        )

    @property
    def outage(self) -> tuple[str, str]:
        """It would look like the outcome."""
        return "counts what is missing in", "pass for an outcome"

    def say_action(self, threshold: float, recall: float) -> str:
        """The threshold, and the recall at which precision is given."""
        return f"The threshold of {threshold:g} is declared, not fitted, and precision is given at {recall:.0%} recall"

    def find_worse(self, promised: float, realised: Interval) -> Worse:
        """In AUC."""
        return Worse(points=promised - realised.high)

    def describe_labels(self, labels: pd.Series) -> str:
        """How often the outcome is there."""
        rows, positives = len(labels), int(labels.sum())
        return f"{positives} of {rows} labels are 1 ({metrics.average(labels):.1%}{say_weighed(labels)})"

    def advise_on_labels(self, labels: pd.Series) -> str:  # noqa: ARG002 - nothing of 0 and 1 is declared
        """Nothing."""
        return ""

    def count_rarer(self, labels: pd.Series) -> int:
        """Rows of the rarer class."""
        positives = int(labels.sum())
        return min(positives, len(labels) - positives)

    def count_positives(self, labels: pd.Series) -> int | None:
        """Those that are 1."""
        return int(labels.sum())

    def find_scale(self, spread: float, mean: float) -> float:  # noqa: ARG002 - the spread of amounts matters
        """The mean itself: a probability lies above 0."""
        return mean
