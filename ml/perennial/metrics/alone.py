"""How well one feature ranks by itself, in whichever direction it ranks better."""

from __future__ import annotations

from dataclasses import replace
from math import sqrt

import numpy as np
import numpy.typing as npt
import pandas as pd

from perennial.metrics.auc import auc_with_interval
from perennial.metrics.gini import gini_with_interval
from perennial.metrics.panel import Floats
from perennial.records import Interval


def auc_alone(values: Floats, labels: pd.Series, *, is_category: bool) -> Interval:
    """The mean over as_ofs of the AUC of one feature within each; a constant has .5.

    Args:
        values: one per row, NaN where unknown; of a category its codes.
        labels: 0 or 1, indexed by (as_of, entity_id).

    Raises:
        OneClassLabels: no as_of has both classes.
    """
    found = (auc_with_interval(pd.Series(ranking, labels.index), labels) for ranking in _rank(values, labels, is_category))
    return max((turn(auc) for auc in found), key=lambda auc: auc.estimate)


def amounts_alone(values: Floats, labels: pd.Series, *, is_category: bool) -> Interval:
    """The same of amounts: (1 + normalised Gini) / 2, which of labels that are 0 and 1 is the AUC.

    Raises:
        OneClassLabels: on no as_of do labels differ.
    """
    found = (gini_with_interval(pd.Series(ranking, labels.index), labels) for ranking in _rank(values, labels, is_category))
    return max((turn(_as_auc(gini)) for gini in found), key=lambda each: each.estimate)


def _as_auc(gini: Interval) -> Interval:
    return Interval((1 + gini.estimate) / 2, (1 + gini.low) / 2, (1 + gini.high) / 2, gini.standard_error / 2)


def spread_of_auc(auc: float, labels: pd.Series) -> float:
    """The standard error that an AUC of this size would have, by how many different entities of either class are ranked.

    Influence values say 0 where five positives happen to stand above everybody; this says how far chance carries five.
    Source: R. G. Newcombe, Statistics in Medicine 25 (2006), 559-573, method 5.

    Args:
        labels: 0 or 1, indexed by (as_of, entity_id).
    """
    return _spread(auc, labels, labels.to_numpy(dtype=np.float64) == 1)


def spread_of_amounts(strength: float, labels: pd.Series) -> float:
    """The same for `amounts_alone`: one class are the entities above the median amount, where most are 0 those with another."""
    amounts = labels.to_numpy(dtype=np.float64)
    is_above = amounts > np.median(amounts)
    return _spread(strength, labels, is_above if is_above.any() else amounts == amounts.max())


def _spread(auc: float, labels: pd.Series, is_positive: npt.NDArray[np.bool_]) -> float:
    entities = labels.index.get_level_values("entity_id")
    positives, negatives = entities[is_positive].nunique(), entities[~is_positive].nunique()
    others = (positives + negatives) / 2 - 1
    shared = (1 - auc) / (2 - auc) + auc / (1 + auc)
    return sqrt(auc * (1 - auc) * (1 + others * shared) / (positives * negatives))


def turn(auc: Interval) -> Interval:
    """The AUC of the opposite order, where that is the better one."""
    return auc if auc.estimate >= 0.5 else replace(auc, estimate=1 - auc.estimate, low=1 - auc.high, high=1 - auc.low)  # noqa: PLR2004 - chance


def _rank(values: Floats, labels: pd.Series, is_category: bool) -> list[Floats]:  # noqa: FBT001 - private
    """The orders in which one column may rank rows; missing values may stand at either end."""
    if is_category:
        return [rate_of_category(values, labels)]
    return list_orders(values)


def list_orders(values: Floats) -> list[Floats]:
    """The numbers of a column as they are, or with the missing ones at either end."""
    missing = np.isnan(values)
    if not missing.any():
        return [values]
    known = values[~missing] if not missing.all() else np.zeros(1)
    return [np.where(missing, end, values) for end in (known.min() - 1, known.max() + 1)]


def rate_of_category(codes: Floats, labels: pd.Series) -> Floats:
    """Each row gets the share of positives, or mean amount, of its category among the *other* entities of the same half.

    A row's own label would make every rare category look like an oracle, so entities are halved and cross over.
    """
    codes, happened = np.where(np.isnan(codes), -1, codes), labels.to_numpy(dtype=np.float64)
    half = halve_entities(labels.index)
    rates = np.full(len(codes), happened.mean())
    for side in (True, False):
        known = pd.Series(happened[half == side]).groupby(codes[half == side]).mean()
        rates[half != side] = pd.Series(codes[half != side]).map(known).fillna(happened.mean()).to_numpy()
    return rates


def halve_entities(index: pd.Index) -> npt.NDArray[np.bool_]:
    """True for every second entity, in the order of their ids: the same halves every time."""
    codes, _ = pd.factorize(index.get_level_values("entity_id"), sort=True)
    return np.asarray(codes % 2 == 0)
