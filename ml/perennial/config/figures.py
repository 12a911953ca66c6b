"""Figures as people read them, by the names that the ledger writes: those of every task, and of verdicts from before."""

from __future__ import annotations

from collections.abc import Mapping

from perennial.config.terms import SHARED, Figure, list_terms
from perennial.records import Interval, write_amount

FORMER = {
    "auc_over_recency": Figure("AUC, recency rule"),
    "auc_over_logistic": Figure("AUC, logistic regression"),
    "log_loss_over_logistic": Figure("log-loss, logistic regression"),
}
"""Of verdicts from before recipes were kept."""


def list_figures() -> Mapping[str, Figure]:
    """Every figure that is declared."""
    own = {name: figure for terms in list_terms().values() for name, figure in terms.figures.items()}
    return SHARED | FORMER | own


def describe_figure(metric: str) -> Figure:
    """What is declared of it; one that nobody declares keeps its own name."""
    return list_figures().get(metric) or Figure(metric.replace("_", " ") if metric.isidentifier() else metric)


def name_figure(metric: str) -> str:
    """Its name in mails and on cards."""
    return describe_figure(metric).title


def say_better(metric: str) -> str:
    """Which way a figure is better."""
    figure = describe_figure(metric)
    if figure.best is not None:
        return f"{figure.best:g} is best"
    return "lower is better" if figure.is_lower_better else "higher is better"


def write_figure(metric: str, value: float) -> str:
    """`0.862`; of amounts, which have units, four digits."""
    return write_amount(value) if describe_figure(metric).of_amounts else f"{value:.3f}"


def write_difference(metric: str, found: Interval) -> str:
    """`+0.0050 [-0.0010, +0.0110]`; of amounts four digits."""
    if not describe_figure(metric).of_amounts:
        return str(found)
    estimate, low, high = (
        f"{'+' if value >= 0 else ''}{write_amount(value)}" for value in (found.estimate, found.low, found.high)
    )
    return f"{estimate} [{low}, {high}]"
