"""Is the challenger worth its trouble at all: better than a single column, and no worse than logistic regression?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from perennial.compare.assessment import say_gain
from perennial.compare.measures import AUC_OVER_LOGISTIC, AUC_OVER_RECENCY, LOG_LOSS_OVER_LOGISTIC
from perennial.records import Interval, MetricComparison

MOST_AUC_BEHIND_LOGISTIC = 0.01  # issue: "not worse in AUC (lower bound above -.01)"


def object_to_baselines(baselines: Iterable[MetricComparison], *, is_logistic: bool) -> tuple[str, ...]:
    """Better than recency, not worse than logistic regression in AUC and better in log-loss; or say what is not.

    Args:
        is_logistic: the challenger is the logistic regression itself, which cannot beat itself.
    """
    gains = _gains(baselines)
    recency = gains[AUC_OVER_RECENCY]
    objections = []
    if not recency.low > 0:
        objections.append(f"It is not clearly better than the recency rule: {say_gain(recency, 'AUC')}.")
    if not is_logistic:
        objections += _object_to_logistic(gains[AUC_OVER_LOGISTIC], gains[LOG_LOSS_OVER_LOGISTIC])
    return tuple(objections)


def _object_to_logistic(auc: Interval, log_loss: Interval) -> list[str]:
    objections = []
    if not auc.low > -MOST_AUC_BEHIND_LOGISTIC:
        objections.append(
            f"Against logistic regression its AUC may be worse by {MOST_AUC_BEHIND_LOGISTIC} or more: {say_gain(auc, 'AUC')}."
        )
    if not log_loss.low > 0:
        objections.append(
            f"Its log-loss is not clearly better than logistic regression's: gain {say_gain(log_loss, 'log-loss')}."
        )
    return objections


def praise_baselines(baselines: Iterable[MetricComparison], *, is_logistic: bool) -> str:
    """The same comparison as one sentence, for a challenger that holds."""
    gains = _gains(baselines)
    sentence = f"It gains {say_gain(gains[AUC_OVER_RECENCY], 'AUC')} over the recency rule"
    if is_logistic:
        return f"{sentence}, and is itself the logistic regression."
    auc, log_loss = say_gain(gains[AUC_OVER_LOGISTIC], "AUC"), say_gain(gains[LOG_LOSS_OVER_LOGISTIC], "log-loss")
    return f"{sentence}, and over logistic regression {auc} and {log_loss}."


def _gains(baselines: Iterable[MetricComparison]) -> Mapping[str, Interval]:
    return {baseline.metric: baseline.gain for baseline in baselines if baseline.gain is not None}
