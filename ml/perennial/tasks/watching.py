"""Do scores mean what they say on one as_of? A distance with its error, on a scale on which different days are comparable."""

from __future__ import annotations

from collections.abc import Callable
from math import log, nan, sqrt
from statistics import NormalDist

import numpy as np
import pandas as pd

from perennial import metrics
from perennial.errors import MetricNotFinite, OneClassLabels
from perennial.records import Interval, write_amount
from perennial.tasks.fitting import find_quantile

SMALLEST_SHARE = 1e-9
NEAR_ZERO = 0.25  # a mean within a quarter of the spread of 0 is no scale: its move is told in spreads
HIGH = 0.98
FAR = 3.0  # times that: one such row weighs in a squared error as much as nine at the percentile
WIDE_BIAS = 0.15  # chosen, not measured: a sixth off is worth a look
MOST_CAPPED = 0.1  # of the labels; the cap that `new` drafts leaves one in fifty
UNKNOWN = Interval(nan, nan, nan, nan)


def compare_odds(scores: pd.Series, labels: pd.Series) -> Interval:
    """Of 0 and 1: log-odds of what happened minus log-odds of the mean score: there small base rates are comparable.

    Log-odds of a share m of n vary by 1 / (n m (1 - m)).
    """
    weights = metrics.read_weights(labels.index)
    shares = np.ones(len(labels)) if weights is None else weights / weights.mean()
    rows = float(shares.sum() ** 2 / np.square(shares).sum())  # as many rows of equal weight would say as much
    rate = float(shares @ labels.to_numpy() / len(labels))
    distance = _logit((rows * rate + 0.5) / (rows + 1)) - _logit(float(np.average(scores, weights=weights)))
    return _reach(distance, sqrt(1 / (rows * rate * (1 - rate))))


def compare_sums(scores: pd.Series, labels: pd.Series) -> Interval:
    """Of amounts: logarithm of what came over what was predicted, with the error of the ratio by the delta method.

    Unknown where either sum is not above 0.
    """
    bias = try_metric(lambda: metrics.total_bias_with_interval(scores, labels))
    if not bias.estimate > 0:
        return UNKNOWN
    return _reach(-log(bias.estimate), bias.standard_error / bias.estimate)


def find_scale(spread: float, mean: float) -> float:
    """The size of the mean, or the spread of the scores where the mean lies near 0."""
    return abs(mean) if abs(mean) > NEAR_ZERO * spread else spread


def say_weighed(labels: pd.Series) -> str:
    """Behind the name of a share: is it one of rows, or of what they weigh?"""
    return "" if metrics.read_weights(labels.index) is None else " by weight"


def describe_amounts(labels: pd.Series) -> str:
    """Their zeros, their middle, and what lies far out."""
    zeros = metrics.average((labels == 0).astype(np.float64))
    return (
        f"{len(labels)} labels:{say_weighed(labels)} {zeros:.1%} are 0, the median is {write_amount(_find_label(labels, 0.5))}, "
        f"the 98th percentile {write_amount(_find_label(labels, HIGH))}, the largest {write_amount(labels.max())}"
    )


def advise_cap(labels: pd.Series) -> str:
    """Where the largest lies far beyond what 98 in 100 keep."""
    high = _find_label(labels, HIGH)
    if not (high > 0 and float(labels.max()) > FAR * high):
        return ""
    return f"a few amounts decide alone: write label.cap = {float(f'{high:.3g}'):.12g}, beyond which amounts count as this much"


def advise_against_cap(labels: pd.Series, cap: float) -> str:
    """Where it cuts off more than the few that would decide alone; labels are read with the cap."""
    share = metrics.average((labels >= cap).astype(np.float64))
    if share <= MOST_CAPPED:
        return ""
    return f"{share:.0%} of the labels come to label.cap = {cap:g} or more: it is meant for one or two in a hundred; raise it"


def remark_on_sums(scores: pd.Series, labels: pd.Series) -> tuple[str, ...]:
    """What people should read where sums of unseen rows lie far apart."""
    came = 0.0 if labels.empty else metrics.average(labels)
    if came <= 0 or abs(metrics.average(scores) / came - 1) <= WIDE_BIAS:
        return ()
    ratio = metrics.average(scores) / came
    sentence = (
        f"On unseen rows its scores add up to {ratio:.2f} times what came: a season that it has not seen, a level that moves, "
        "or labels.sql that counts something else?"
    )
    return (sentence,)


def remark_on_lowest(scores: pd.Series, labels: pd.Series) -> tuple[str, ...]:
    """What people should read where a score lies below 0, and no label does: a straight line ends nowhere.

    Nothing is cut off: what is cut has no order any more, adds up to too much, and is not the sum of its reasons.
    """
    below = int((scores < 0).sum())
    if not below or labels.min() < 0:
        return ()
    lowest = write_amount(float(scores.min()))
    sentence = (
        f"On unseen rows {below:,} of {len(scores):,} scores lie below 0, the lowest at {lowest}, and no label does: read "
        "them as 0. They stay as they are, so that order, sums and reasons hold; under training.metric = 'poisson' or 'tweedie' "
        "none does."
    )
    return (sentence,)


def rank_or_unknown(measure: Callable[[], Interval]) -> Interval:
    """The metric, NaN on all sides where all labels are equal: such a day ranks nobody."""
    try:
        return measure()
    except OneClassLabels:
        return UNKNOWN


def try_metric(measure: Callable[[], Interval]) -> Interval:
    """The metric, NaN on all sides where these labels leave it undefined."""
    try:
        return measure()
    except (OneClassLabels, MetricNotFinite):
        return UNKNOWN


def _find_label(labels: pd.Series, share: float) -> float:
    return find_quantile(labels.to_numpy(dtype=np.float64), metrics.read_weights(labels.index), share)


def _reach(estimate: float, error: float) -> Interval:
    reach = NormalDist().inv_cdf(0.975) * error
    return Interval(estimate, estimate - reach, estimate + reach, error)


def _logit(share: float) -> float:
    """Log-odds; scores that are all 0 or all 1 are taken for nearly so."""
    inside = min(max(share, SMALLEST_SHARE), 1 - SMALLEST_SHARE)
    return log(inside / (1 - inside))
