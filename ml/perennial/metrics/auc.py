"""The mean over as_ofs of the AUC within one as_of, and its paired differences.

Sources: E. R. DeLong, D. M. DeLong, D. L. Clarke-Pearson, Biometrics 44 (1988), 837-845, for the influence of each row;
X. Sun, W. Xu, IEEE Signal Processing Notices 21 (2014), 1389-1393, for having it from midranks in n log n.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import rankdata

from perennial.errors import OneClassLabels
from perennial.metrics.clustered import clustered_interval
from perennial.metrics.panel import Floats, Ints, Panel, make_panel
from perennial.metrics.rates import Estimated
from perennial.records import Interval


def mean_auc(scores: pd.Series, labels: pd.Series) -> float:
    """The AUC within each as_of, averaged; as_ofs with one class are left out.

    Raises:
        OneClassLabels: no as_of has both classes.
    """
    panel = make_panel(labels)
    return _auc_and_influence(panel, panel.align(scores))[0]


def auc_with_interval(scores: pd.Series, labels: pd.Series, *, confidence: float = 0.95) -> Interval:
    """`mean_auc` with its interval, clustered by entity."""
    panel = make_panel(labels)
    return interval_of_auc(panel, panel.align(scores), confidence=confidence)


def interval_of_auc(panel: Panel, scores: Floats, *, confidence: float) -> Interval:
    """The same of scores that stand in the order of the panel."""
    auc, influence = _auc_and_influence(panel, scores)
    return clustered_interval(auc, influence, panel, confidence=confidence)


def paired_auc_difference(challenger: pd.Series, champion: pd.Series, labels: pd.Series, *, confidence: float = 0.95) -> Interval:
    """`mean_auc` of the challenger minus that of the champion, on the same rows.

    What both find hard cancels out, so that the interval is several times narrower than that of either.
    """
    panel = make_panel(labels)
    ours, our_influence = _auc_and_influence(panel, panel.align(challenger))
    theirs, their_influence = _auc_and_influence(panel, panel.align(champion))
    return clustered_interval(ours - theirs, our_influence - their_influence, panel, confidence=confidence)


def estimate_auc(scores: pd.Series, labels: pd.Series) -> Estimated:
    """`mean_auc` with its influence values, in the order of the labels."""
    panel = make_panel(labels)
    return Estimated(*_auc_and_influence(panel, panel.align(scores)))


def _auc_and_influence(panel: Panel, scores: Floats) -> tuple[float, Floats]:
    """The mean AUC and what each row contributes to its error; rows of one-class as_ofs contribute nothing."""
    influence = np.zeros(panel.rows)
    aucs = []
    for rows in panel.two_class_days():
        auc, influence[rows] = auc_of_day(panel, rows, scores)
        aucs.append(auc)
    if not aucs:
        raise OneClassLabels(f"None of the as_ofs holds both classes ({panel.rows} rows): there is nothing to rank.")
    return float(np.mean(aucs)), influence / len(aucs)


def auc_of_day(panel: Panel, rows: Ints, scores: Floats) -> tuple[float, Floats]:
    """AUC of the rows of one as_of, with their influence values."""
    if panel.weights is None:
        return auc_within(scores[rows], panel.is_positive[rows])
    return weighted_auc_within(scores[rows], panel.is_positive[rows], panel.weights[rows])


def weighted_auc_within(scores: Floats, is_positive: npt.NDArray[np.bool_], weights: Floats) -> tuple[float, Floats]:
    """The same where rows weigh differently: a pair counts as much as the product of what its two rows weigh.

    The component of a positive is the weight of the negatives below it over that of all negatives, half of that of equals
    included; a row pulls by its weight.
    """
    _, group = np.unique(scores, return_inverse=True)
    component = np.empty(len(scores))
    for one, sign in ((is_positive, 1), (~is_positive, -1)):
        others = np.bincount(group, weights=np.where(one, 0.0, weights))
        below = np.cumsum(others) - others / 2
        share = below / others.sum()
        component[one] = (share if sign > 0 else 1 - share)[group[one]]
    totals = np.where(is_positive, weights[is_positive].sum(), weights[~is_positive].sum())
    auc = float(np.average(component[is_positive], weights=weights[is_positive]))
    return auc, weights * (component - auc) / totals


def auc_within(scores: Floats, is_positive: npt.NDArray[np.bool_]) -> tuple[float, Floats]:
    """AUC of one as_of with DeLong's structural components, centred and divided by the size of their class.

    The component of a positive is the share of negatives below it (ties count half), that of a negative the share
    of positives above it; a row's midrank among all minus that within its class counts the other class below it.
    """
    among_all = rankdata(scores)
    positives, negatives = int(is_positive.sum()), int((~is_positive).sum())
    component = np.empty(len(scores))
    component[is_positive] = (among_all[is_positive] - rankdata(scores[is_positive])) / negatives
    component[~is_positive] = 1 - (among_all[~is_positive] - rankdata(scores[~is_positive])) / positives
    auc = float(component[is_positive].mean())
    return auc, (component - auc) / np.where(is_positive, positives, negatives)
