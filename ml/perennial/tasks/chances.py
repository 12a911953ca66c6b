"""The figures of yes or no: the order within a day, losses of probabilities, calibration, and whom they bring to the top."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property, partial

import pandas as pd

from perennial import metrics
from perennial.config import Model
from perennial.metrics.capacity import precision_at_capacity, prepare_precision_at_capacity
from perennial.records import Interval
from perennial.tasks.measure import Guarded, Headline, Measure
from perennial.tasks.top import guard_value, measure_order_at_top, measure_value


class Figures:
    """What can be measured of the probabilities of one model."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.confidence = model.promotion.confidence

    @cached_property
    def auc(self) -> Headline:
        """Within as_ofs."""
        return Headline(
            "auc",
            metrics.mean_auc,
            partial(metrics.paired_auc_difference, confidence=self.confidence),
            title="AUC",
            by_day=metrics.paired_auc_by_day,
            single=lambda scores, labels, sure: metrics.auc_with_interval(scores, labels, confidence=sure),
        )

    @cached_property
    def log_loss(self) -> Measure:
        """Of the probability given to what came."""
        difference = partial(metrics.paired_loss_difference, loss="log_loss", confidence=self.confidence)
        return Measure("log_loss", metrics.log_loss, difference, is_lower_better=True)

    @property
    def measures(self) -> tuple[Measure, ...]:
        """The AUC, then what else is shown."""
        brier = partial(metrics.paired_loss_difference, loss="brier", confidence=self.confidence)
        return (
            self.auc,
            Measure("average_precision", metrics.average_precision, partial(self._draw, metrics.prepare_average_precision)),
            self.log_loss,
            Measure("brier", metrics.brier, brier, is_lower_better=True),
            self._precision_at_recall,
            self._calibration_error,
            *self._at_the_top,
        )

    @property
    def _at_the_top(self) -> tuple[Measure, ...]:
        """The order of those that are acted on, and what they are worth where labels say so."""
        return (*measure_order_at_top(self.model), *(measure_value(self.model) if self.model.label.value else ()))

    @property
    def guarded(self) -> tuple[Guarded, ...]:
        """What the scores say, and whom they bring to the top."""
        borne = self.model.promotion.tolerated
        return (
            Guarded("log_loss", self.log_loss, "Log-loss goes", borne.log_loss),
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
        return metrics.paired_bootstrap_difference(
            metric, (ours, theirs), labels, confidence=self.confidence, seed=self.model.training.seed
        )

    @property
    def singles(self) -> Mapping[str, Callable[..., Interval]]:
        """Each by itself, with its interval."""
        recall = self.model.promotion.precision_at_recall
        drawn = partial(metrics.bootstrap_interval, seed=self.model.training.seed)
        return {
            "auc": metrics.auc_with_interval,
            "average_precision": partial(drawn, metrics.prepare_average_precision),
            "log_loss": metrics.loss_with_interval,
            "brier": partial(metrics.loss_with_interval, loss="brier"),
            "precision_at_recall": partial(drawn, metrics.prepare_precision_at_recall(recall)),
            "calibration_error": partial(drawn, metrics.prepare_calibration_error),
        }
