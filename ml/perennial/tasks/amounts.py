"""The figures of amounts: losses, order, sums, shares of a quantile, and what the top comes to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property, partial

import numpy as np
import pandas as pd

from perennial import metrics
from perennial.config import Model
from perennial.metrics.panel import Floats
from perennial.records import Interval
from perennial.records.profiles import SeenAmounts
from perennial.tasks.fitting import fit_amounts
from perennial.tasks.measure import AMOUNT, Guarded, Headline, Measure, Single
from perennial.tasks.scores import Scores, read_numbers
from perennial.tasks.top import guard_value, measure_order_at_top, measure_value

WITHOUT_CAP = (
    "training.metric is rmse, and there is no label.cap: a few of the largest amounts decide, and the error of the test is not "
    "known. Write label.cap, about the 98th percentile of the labels, or choose another metric."
)
FEW_ZEROS = 0.1
MOST_ZEROS = 0.5  # with more of them the median is 0, and "always 0" has the lowest absolute error
NOT_BELOW_ZERO = ("poisson", "tweedie", "gini")


def find_wrong_amounts(labels: Floats, metric: str) -> str | None:
    """What amounts must be under a metric and what was found, where some are not that."""
    wrong = labels[~np.isfinite(labels)]
    if len(wrong):
        return f"labels must be finite numbers, found {wrong[:5].tolist()}"
    low, zeros = (float(labels.min()), float((labels == 0).mean())) if len(labels) else (0.0, 0.0)
    if _asks_for_median(metric) and MOST_ZEROS < zeros < 1:
        others = "" if low < 0 else "'gini', 'tweedie' or 'poisson', or "
        return (
            f"{zeros:.0%} of the labels are 0, so that `always 0` has the lowest mean absolute error: choose training.metric "
            f"= {others}'rmse' with label.cap"
        )
    if low < 0 and metric in NOT_BELOW_ZERO:
        others = "'rmse' with label.cap" if zeros > MOST_ZEROS else "'mae', or 'rmse' with label.cap"
        return f"labels must not lie below 0 where training.metric = '{metric}' (choose {others}), found {low:g}"
    return None


def _asks_for_median(metric: str) -> bool:
    """The pinball loss at .5 is half of the absolute one."""
    name, _, share = metric.partition(":")
    return name == "mae" or (name == "pinball" and float(share) == 0.5)  # noqa: PLR2004 - the median


def draft_metric(seen: SeenAmounts | None) -> Iterator[str]:
    """The order where many come to nothing, or where nothing is known; else how far off each amount is.

    Amounts below 0 have no order by Gini, and where most come to nothing no median either.
    """
    if seen is not None and seen.least < 0 and seen.zeros > MOST_ZEROS:
        yield f'# {seen.zeros:.0%} came to 0, and some to less: "mae" would say 0 of everybody, and "gini" wants nothing below 0'
        yield 'metric = "rmse"'
    elif seen is not None and (seen.least < 0 or seen.zeros <= FEW_ZEROS):
        yield f'# {seen.zeros:.0%} came to 0: how far off an amount is says most; "gini" looks at the order'
        yield 'metric = "mae"'
    else:
        share = f"{seen.zeros:.0%} came to 0, so that" if seen is not None else "no amounts to look at yet:"
        yield f'# {share} the order is looked at, and sums are guarded; "mae" looks at how far off each amount is'
        yield 'metric = "gini"'


def total_bias(scores: Scores, labels: pd.Series, sure: float) -> Interval:
    """What was predicted over what came."""
    return metrics.total_bias_with_interval(read_numbers(scores), labels, confidence=sure)


class Figures:
    """What can be measured of the amounts of one model."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.confidence = model.promotion.confidence
        self.cap = model.label.cap if model.label.cap is not None else np.inf
        self.squared = metrics.squared_loss(self.cap)
        self.fitting = fit_amounts(model.metric, self.cap)

    def measure(self, name: str, loss: metrics.RowLoss) -> Measure:
        """A mean loss."""
        return Measure(
            name,
            lambda scores, labels: metrics.mean_loss(scores, labels, loss),
            lambda ours, theirs, labels: metrics.paired_mean_loss_difference(
                ours, theirs, labels, loss, confidence=self.confidence
            ),
            is_lower_better=True,
            form=AMOUNT,
        )

    @property
    def absolute_error(self) -> Measure:
        """In the unit of the target."""
        return self.measure("mae", metrics.absolute_loss)

    @property
    def squared_error(self) -> Measure:
        """In its square, below the cap."""
        return self.measure("mse", self.squared)

    def judge_by_loss(self, name: str, title: str, loss: metrics.RowLoss) -> Headline:
        """A mean loss that decides."""
        measure = self.measure(name, loss)
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

    def judge_by_order(self) -> Headline:
        """The normalised Gini."""
        return Headline(
            "gini",
            metrics.mean_gini,
            partial(metrics.paired_gini_difference, confidence=self.confidence),
            title="normalised Gini",
            by_day=metrics.paired_gini_by_day,
            single=lambda scores, labels, sure: metrics.gini_with_interval(scores, labels, confidence=sure),
        )

    @cached_property
    def headline(self) -> Headline:
        """What `training.metric` names; RMSE is judged by the squared loss, whose mean is what a test can look at."""
        name = self.model.metric.partition(":")[0]
        if name == "gini":
            return self.judge_by_order()
        return self.judge_by_loss("mse" if name == "rmse" else name, self.fitting.loss_named, self.fitting.row_loss)

    @cached_property
    def loss(self) -> Measure:
        """The headline, but where it is an order."""
        return self.squared_error if self.headline.name == "gini" else self.headline

    @cached_property
    def rmse(self) -> Measure:
        """Shown in the unit of the target, its interval by the delta method."""
        cap = self.cap
        difference = partial(metrics.paired_rmse_difference, cap=cap, confidence=self.confidence)
        return Measure("rmse", partial(metrics.rmse, cap=cap), difference, is_lower_better=True, form=AMOUNT)

    @cached_property
    def bias(self) -> Measure:
        difference = partial(metrics.paired_bias_size_difference, confidence=self.confidence)
        return Measure("bias", metrics.bias_size, difference, is_lower_better=True)

    @cached_property
    def coverage_gap(self) -> Measure:
        quantile = self.quantile
        assert quantile is not None
        difference = partial(metrics.paired_coverage_gap_difference, quantile=quantile, confidence=self.confidence)
        return Measure("coverage_gap", partial(metrics.coverage_gap, quantile=quantile), difference, is_lower_better=True)

    @cached_property
    def at_the_top(self) -> tuple[Measure, ...]:
        """Value and NDCG of those that are acted on, where a capacity says how many they are."""
        return (*measure_value(self.model), *measure_order_at_top(self.model))

    @property
    def quantile(self) -> float | None:
        name, _, quantile = self.model.metric.partition(":")
        return float(quantile) if name == "pinball" else None

    @property
    def guarded(self) -> tuple[Guarded, ...]:
        """The sum, or of a quantile its share; order and squared error, where others decide; what the top comes to."""
        borne = self.model.promotion.tolerated
        if self.quantile is not None:  # which is not the mean: neither its sum nor its squares are looked at
            fact = f"The share that comes to no more than predicted lies off {self.quantile:g} by a gap that goes"
            shown = [Guarded("coverage", self.coverage_gap, fact, borne.bias)]
        else:
            shown = [Guarded("bias", self.bias, "The predicted sum lies off the realised one by a share that goes", borne.bias)]
        if self.headline.name != "gini":
            shown.append(Guarded("gini", self.judge_by_order(), "The normalised Gini goes", borne.gini))
        if self.headline.name != "mse" and self.quantile is None:
            shown.append(Guarded("rmse", self.rmse, "The root mean squared error goes", borne.loss, is_relative=True))
        return (*shown, *guard_value(self.model))

    @property
    def deciding(self) -> Mapping[str, Single]:
        """The headline by itself, and the squared error where it is another one."""
        found = {self.headline.name: self.headline.single}
        if self.loss is not self.headline:
            found["mse"] = lambda scores, labels, sure: metrics.mean_loss_with_interval(
                scores, labels, self.squared, confidence=sure
            )
        return found

    @property
    def singles(self) -> Mapping[str, Single]:
        """The headline, both usual errors in the unit of the label, the order, and the sums."""
        singles = dict(self.deciding)
        singles["mae"] = lambda scores, labels, sure: metrics.mean_loss_with_interval(
            scores, labels, metrics.absolute_loss, confidence=sure
        )
        singles["rmse"] = lambda scores, labels, sure: metrics.rmse_with_interval(scores, labels, cap=self.cap, confidence=sure)
        singles["gini"] = self.judge_by_order().single
        return {**singles, "total_bias": total_bias}
