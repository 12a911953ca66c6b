"""The measures of predicted amounts, each with its paired difference."""

from __future__ import annotations

from functools import partial

from perennial import metrics
from perennial.tasks.measure import Headline, Measure

AMOUNT = ".4g"


def measure_loss(name: str, loss: metrics.RowLoss, confidence: float) -> Measure:
    """The mean of a loss over rows."""
    return Measure(
        name,
        lambda scores, labels: metrics.mean_loss(scores, labels, loss),
        lambda ours, theirs, labels: metrics.paired_mean_loss_difference(ours, theirs, labels, loss, confidence=confidence),
        is_lower_better=True,
        form=AMOUNT,
    )


def judge_by_loss(name: str, title: str, loss: metrics.RowLoss, confidence: float) -> Headline:
    """The same as what decides."""
    measure = measure_loss(name, loss, confidence)
    return Headline(
        name,
        measure.value,
        measure.difference,
        is_lower_better=True,
        form=AMOUNT,
        title=title,
        verb="predicted",
        by_day=lambda ours, theirs, labels: metrics.paired_loss_by_day(ours, theirs, labels, loss),
        single=lambda scores, labels, sure: metrics.mean_loss_with_interval(scores, labels, loss, confidence=sure),
    )


def judge_by_order(confidence: float) -> Headline:
    """The normalised Gini."""
    return Headline(
        "gini",
        metrics.mean_gini,
        partial(metrics.paired_gini_difference, confidence=confidence),
        title="normalised Gini",
        by_day=metrics.paired_gini_by_day,
        single=lambda scores, labels, sure: metrics.gini_with_interval(scores, labels, confidence=sure),
    )


def measure_rmse(cap: float, confidence: float) -> Measure:
    """Shown in the unit of the target, its interval by the delta method."""
    difference = partial(metrics.paired_rmse_difference, cap=cap, confidence=confidence)
    return Measure("rmse", partial(metrics.rmse, cap=cap), difference, is_lower_better=True, form=AMOUNT)


def measure_bias(confidence: float) -> Measure:
    """How far the sums lie apart."""
    difference = partial(metrics.paired_bias_size_difference, confidence=confidence)
    return Measure("bias", metrics.bias_size, difference, is_lower_better=True)
