"""The figures of a comparison: each metric of both on the same rows, with the interval of their difference."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import pandas as pd

from perennial import metrics
from perennial.compare.contest import ComparisonInput
from perennial.compare.shocks import measure_gain
from perennial.config import Model
from perennial.errors import OneClassLabels
from perennial.records import Interval, MetricComparison, SegmentComparison

MIN_POSITIVES = 50  # of a segment, from at least so many entities: below that its AUC moves by .05 by chance alone
MIN_ENTITIES = 30
MISSING = "(missing)"

AUC = "auc"
LOG_LOSS = "log_loss"
PRECISION_AT_RECALL = "precision_at_recall"

Value = Callable[[pd.Series, pd.Series], float]
Difference = Callable[[pd.Series, pd.Series, pd.Series], Interval]


@dataclass(frozen=True)
class Measure:
    """A metric with its paired difference; where lower is better the difference is turned round into a gain."""

    name: str
    value: Value
    difference: Difference
    is_lower_better: bool = False

    def gain(self, ours: pd.Series, theirs: pd.Series, labels: pd.Series) -> Interval:
        """Positive when `ours` is better."""
        found = self.difference(ours, theirs, labels)
        if not self.is_lower_better:
            return found
        return Interval(-found.estimate, -found.high, -found.low, found.standard_error)

    def compare(self, ours: pd.Series, theirs: pd.Series | None, labels: pd.Series) -> MetricComparison:
        """Both figures, and the gain of ours where there is another."""
        return MetricComparison(
            metric=self.name,
            champion=None if theirs is None else self.value(theirs, labels),
            challenger=self.value(ours, labels),
            gain=None if theirs is None else self.gain(ours, theirs, labels),
        )


def compare_metrics(contest: ComparisonInput) -> tuple[MetricComparison, ...]:
    """Every metric, the AUC first."""
    champion = None if contest.champion is None else contest.champion.scores
    auc, *others = (
        measure.compare(contest.challenger.scores, champion, contest.labels) for measure in _all_measures(contest.model)
    )
    if champion is not None:  # its gain is what the test looks at, and as_ofs are a sample too
        auc = replace(auc, gain=measure_gain(contest).interval(contest.model.promotion.confidence))
    return (auc, *others)


def compare_segments(contest: ComparisonInput) -> tuple[SegmentComparison, ...]:
    """The AUC within each value of each segment column, against the champion if there is one."""
    return tuple(
        _compare_segment(contest, str(column), value, contest.labels[members])
        for column in contest.segments.columns
        for value, members in _members(contest.segments[column].reindex(contest.labels.index))
    )


def _members(column: pd.Series) -> list[tuple[str, pd.Series]]:
    values = column.astype("object").where(column.notna(), MISSING).astype(str)
    return [(value, values == value) for value in sorted(values.unique())]


def _compare_segment(contest: ComparisonInput, column: str, value: str, labels: pd.Series) -> SegmentComparison:
    positives = labels[labels == 1]
    carriers = positives.index.get_level_values(-1).nunique()  # entities, or clusters of them
    is_assessed = len(positives) >= MIN_POSITIVES and carriers >= MIN_ENTITIES
    gain = None
    if is_assessed and contest.champion is not None:
        try:
            gain = _auc(contest.model.promotion.confidence).gain(
                contest.challenger.scores.reindex(labels.index), contest.champion.scores.reindex(labels.index), labels
            )
        except OneClassLabels:  # on each single as_of: enough positives, but no negative to rank them against
            is_assessed = False
    return SegmentComparison(column, value, len(labels), len(positives), is_assessed, gain)


def _all_measures(model: Model) -> tuple[Measure, ...]:
    confidence, recall, seed = model.promotion.confidence, model.promotion.precision_at_recall, model.training.seed
    drawn = partial(_draw_difference, confidence=confidence, seed=seed)
    return (
        _auc(confidence),
        Measure("average_precision", metrics.average_precision, partial(drawn, metrics.prepare_average_precision)),
        _log_loss(confidence),
        Measure(
            "brier",
            metrics.brier,
            partial(metrics.paired_loss_difference, loss="brier", confidence=confidence),
            is_lower_better=True,
        ),
        Measure(
            PRECISION_AT_RECALL,
            partial(metrics.precision_at_recall, recall=recall),
            partial(drawn, metrics.prepare_precision_at_recall(recall)),
        ),
        Measure(
            "calibration_error",
            metrics.calibration_error,
            partial(drawn, metrics.prepare_calibration_error),
            is_lower_better=True,
        ),
    )


def _auc(confidence: float, name: str = AUC) -> Measure:
    return Measure(name, metrics.mean_auc, partial(metrics.paired_auc_difference, confidence=confidence))


def _log_loss(confidence: float, name: str = LOG_LOSS) -> Measure:
    difference = partial(metrics.paired_loss_difference, loss="log_loss", confidence=confidence)
    return Measure(name, metrics.log_loss, difference, is_lower_better=True)


def _draw_difference(
    metric: metrics.Metric, ours: pd.Series, theirs: pd.Series, labels: pd.Series, *, confidence: float, seed: int
) -> Interval:
    return metrics.paired_bootstrap_difference(metric, (ours, theirs), labels, confidence=confidence, seed=seed)
