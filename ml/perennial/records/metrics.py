"""Metrics as people read them, by the names that the ledger writes."""

from __future__ import annotations

from perennial.records.intervals import Interval

AMOUNT_NAMES = {
    "mae": "mean absolute error",
    "mse": "mean squared error",
    "rmse": "root mean squared error",
    "gini": "normalised Gini",
    "poisson": "Poisson deviance",
    "tweedie": "Tweedie deviance",
    "pinball": "pinball loss",
    "bias": "bias of the sum",
    "total_bias": "total bias",
    "value": "value of those acted on",
}
METRIC_NAMES = {
    "auc": "AUC",
    "average_precision": "average precision",
    "log_loss": "log-loss",
    "brier": "Brier score",
    "precision_at_recall": "precision at the guarded recall",
    "calibration_error": "calibration error",
    "ndcg": "NDCG of those acted on",
    "auc_over_recency": "AUC, recency rule",
    "auc_over_logistic": "AUC, logistic regression",
    "log_loss_over_logistic": "log-loss, logistic regression",
    "macro_auc": "macro AUC",
    "accuracy": "share of right classes",
    "accuracy_at_capacity": "share of right classes among the capacity",
    **AMOUNT_NAMES,
}
"""The metrics of verdicts and outcomes, in mails and on cards."""
LOWER_IS_BETTER = frozenset(
    {"log_loss", "brier", "calibration_error", "mae", "mse", "rmse", "poisson", "tweedie", "pinball", "bias"}
)
BEST_VALUES = {"total_bias": 1}
"""What lies neither high nor low when it is best."""
HEADLINES = {"roc_auc": "auc", "rmse": "mse"}
GROUPED_FROM = 10_000  # five digits read better grouped


def name_headline(metric: str) -> str:
    """The name of the figure that `training.metric` judges by, such as `auc`."""
    name = metric.partition(":")[0]
    return HEADLINES.get(name, name)


def say_better(metric: str) -> str:
    """Which way a figure is better."""
    if metric in BEST_VALUES:
        return f"{BEST_VALUES[metric]} is best"
    return "lower is better" if metric in LOWER_IS_BETTER else "higher is better"


def write_figure(metric: str, value: float) -> str:
    """`0.862`; of amounts, which have units, four digits."""
    return write_amount(value) if metric in AMOUNT_NAMES else f"{value:.3f}"


def write_difference(metric: str, found: Interval) -> str:
    """`+0.0050 [-0.0010, +0.0110]`; of amounts four digits."""
    if metric not in AMOUNT_NAMES:
        return str(found)
    estimate, low, high = (
        f"{'+' if value >= 0 else ''}{write_amount(value)}" for value in (found.estimate, found.low, found.high)
    )
    return f"{estimate} [{low}, {high}]"


def write_amount(value: float) -> str:
    """Four significant digits, never as a power of ten: 19430 is `19,430`."""
    return f"{value:,.0f}" if abs(value) >= GROUPED_FROM else f"{value:.4g}"
