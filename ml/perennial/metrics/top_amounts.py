"""What the k highest predictions of an as_of hold, when only so many can be acted on: their value, and NDCG.

Both are taken within each as_of and averaged. Of equal predictions each counts in part: the expected value over a random
order of them. They come as functions of row weights, as the metrics of `selection` do.

Sources: K. Jarvelin, J. Kekalainen, ACM Transactions on Information Systems 20 (2002), 422-446, for NDCG; F. McSherry, M. Najork,
ECIR 2008, 414-421, for equal predictions.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from perennial.errors import OneClassLabels
from perennial.metrics.capacity import accumulate, rank, sum_first
from perennial.metrics.panel import Amounts, Floats, make_amounts
from perennial.metrics.selection import AmountMetric, Ranking, Reweighted, divide, evaluate


def value_at(predictions: pd.Series, labels: pd.Series, *, k: int) -> float:
    """Sum of what the k highest predictions of an as_of are worth, averaged over as_ofs.

    That is what `label.value` says of a row, or else its label.

    Raises:
        MisalignedScores: both do not cover the same rows.
        MetricNotFinite: a label or a prediction is NaN or infinite, or none is there.
    """
    rows = make_amounts(labels)
    return evaluate(prepare_value_at(k), rows, rows.align(predictions))


def ndcg_at(predictions: pd.Series, labels: pd.Series, *, k: int) -> float:
    """Labels of the k highest, each over log2(1 + its place), over the most that any order reaches; averaged over as_ofs.

    In [0, 1]; as_ofs on which all labels are 0 are left out.

    Raises:
        MisalignedScores: both do not cover the same rows.
        MetricNotFinite: a label or a prediction is NaN or infinite.
        OneClassLabels: a label lies below 0, or none above it, which leaves it undefined.
    """
    rows = make_amounts(labels)
    return evaluate(prepare_ndcg_at(k), rows, rows.align(predictions))


def prepare_value_at(k: int) -> AmountMetric:
    """Sort once, then answer for any weights."""

    def prepare(rows: Amounts, predictions: Floats) -> Reweighted:
        rankings = tuple(rank(day, predictions) for day in rows.rows_by_day())
        worth = rows.amounts if rows.worth is None else rows.worth
        return lambda weights: np.mean([sum_first(each, k, worth, weights)[0] for each in rankings], axis=0)

    return prepare


def prepare_ndcg_at(k: int) -> AmountMetric:
    """Sort once, then answer for any weights."""

    def prepare(rows: Amounts, predictions: Floats) -> Reweighted:
        _check_gains(rows.amounts)
        pairs = tuple((rank(day, predictions), rank(day, rows.amounts)) for day in rows.rows_by_day())

        def reweigh(weights: Floats) -> Floats:
            by_day = [divide(*(_discount(order, k, rows.amounts, weights) for order in pair)) for pair in pairs]
            known = np.isfinite(by_day).sum(axis=0).astype(np.float64)
            return divide(np.nansum(by_day, axis=0), known)

        return reweigh

    return prepare


def _check_gains(amounts: Floats) -> None:
    if (amounts < 0).any() or not (amounts > 0).any():
        raise OneClassLabels(
            f"{int((amounts < 0).sum())} labels lie below 0 and {int((amounts > 0).sum())} above it: NDCG wants none and some."
        )


def _discount(ranking: Ranking, k: int, amounts: Floats, weights: Floats) -> Floats:
    """Discounted labels of the first k; equal predictions share their places, and a row drawn twice takes two."""
    places, sums = accumulate(ranking, amounts, weights)
    discounts = np.concatenate([[0.0], np.cumsum(1 / np.log2(np.arange(2, k + 2)))])
    up_to = np.interp(places, np.arange(k + 1), discounts)
    group = np.diff(places, axis=1)
    mean = np.divide(np.diff(sums, axis=1), group, out=np.zeros_like(group), where=group > 0)
    earned: Floats = (mean * np.diff(up_to, axis=1)).sum(axis=1)
    return earned
