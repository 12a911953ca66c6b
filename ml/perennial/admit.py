"""admit: do the labels of a newly matured as_of agree with the scores of the fit of that time, as those before it did?

One bad week of labels among 26 hurts more than half a year of staleness. An as_of that looks unlike its forerunners rests:
it neither teaches nor judges until it is repaired, a person decides, or its rest is over. How columns are spread and how
many rows there are is no business of this stage: validation and drift look at them.

The definitions were walked forward on five data sets before they became law (no alarm in 228 weeks without poison).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from math import inf, log, sqrt
from statistics import fmean, variance

import numpy as np
import pandas as pd

from perennial.config import Model
from perennial.metrics import auc_alone, auc_with_interval, loss_with_interval
from perennial.records import Admission, AsOfMeasures, Interval, Statistic, StatisticName

LIMIT = 4.0  # |z| beyond which an as_of rests
FEWEST_OF_A_CLASS = 5
FEWEST_BEFORE = 4
SMALLEST_SHARE = 1e-9
AS_OFS_BEFORE = 8
"""So many as_ofs before it are looked at; those among them that were admitted and scored are what it is compared with."""
NAMES: Mapping[StatisticName, str] = {
    "auc": "the AUC of the scores",
    "calibration": "the calibration (log-odds of what happened minus log-odds of the mean score)",
    "log_loss": "the log-loss of the scores",
    "feature": "the AUC of a single feature",
}


def measure_as_of(scores: pd.Series, labels: pd.Series, features: pd.DataFrame) -> AsOfMeasures | None:
    """Measure the labels of one as_of against the scores of that time and against each feature; None when one class is missing.

    Args:
        scores: in [0, 1]; rows that were not scored then are left out.
        labels: 0 or 1.
        features: model inputs, float64 or category. All three are indexed by (as_of, entity_id).
    """
    scores = scores.reindex(labels.index).dropna()
    labels, features = labels.loc[scores.index], features.loc[scores.index]
    rows, positives = len(labels), int(labels.sum())
    if not 0 < positives < rows:
        return None
    return AsOfMeasures(
        rows=rows,
        positives=positives,
        auc=auc_with_interval(scores, labels),
        calibration=_logit((positives + 0.5) / (rows + 1)) - _logit(float(scores.mean())),
        log_loss=loss_with_interval(scores, labels),
        alone={str(name): _rank_feature(features[name], labels) for name in features if features[name].notna().any()},
    )


def _rank_feature(column: pd.Series, labels: pd.Series) -> Interval:
    if isinstance(column.dtype, pd.CategoricalDtype):
        codes = np.where(column.isna(), np.nan, column.cat.codes)
        return auc_alone(codes, labels, is_category=True)
    return auc_alone(column.to_numpy(np.float64), labels, is_category=False)


def _logit(share: float) -> float:
    """Log-odds; scores that are all 0 or all 1 are taken for nearly so."""
    inside = min(max(share, SMALLEST_SHARE), 1 - SMALLEST_SHARE)
    return log(inside / (1 - inside))


def admit(model: Model, as_of: date, measures: AsOfMeasures | None, before: Mapping[date, AsOfMeasures]) -> Admission:
    """Admit a newly matured as_of, or let it rest.

    Args:
        measures: of the as_of; None when no fit of that time has scored it, or one class is missing.
        before: those of the as_ofs admitted among the `AS_OFS_BEFORE` before it.
    """
    missing = _find_missing(measures, before)
    if measures is None or missing:
        return Admission(as_of, rests=False, reason=f"Admitted, with nothing to compare it with: {missing}.")
    former = [before[day] for day in sorted(before)]
    statistics: dict[StatisticName, Statistic] = {
        "auc": _compare_auc(measures, former),
        "calibration": _compare_calibration(measures, former),
        "log_loss": _compare_log_loss(measures, former),
    }
    if (jump := _find_jump(model, measures, former)) is not None:
        statistics["feature"] = jump
    rests = any(statistic.is_beyond for statistic in statistics.values())
    return Admission(as_of, rests, _say(statistics, len(former), rests=rests), tuple(sorted(before)), statistics)


def _find_missing(measures: AsOfMeasures | None, before: Mapping[date, AsOfMeasures]) -> str:
    if measures is None:
        return "no fit of that time has scored it, or all its labels are equal"
    fewest = min(measures.positives, measures.rows - measures.positives)
    if fewest < FEWEST_OF_A_CLASS:
        return f"{fewest} rows of a class, and at least {FEWEST_OF_A_CLASS} are needed"
    if len(before) < FEWEST_BEFORE:
        found = f"{len(before)} of the {AS_OFS_BEFORE} as_ofs before it were admitted and scored by a fit of their time"
        return f"{found}, and at least {FEWEST_BEFORE} are needed"
    return ""


def _compare_auc(measures: AsOfMeasures, former: list[AsOfMeasures]) -> Statistic:
    values = tuple(each.auc.estimate for each in former)
    z = _standardise(measures.auc.estimate, values, measures.auc.standard_error**2)
    return Statistic(measures.auc.estimate, values, z, is_beyond=z < -LIMIT)


def _compare_calibration(measures: AsOfMeasures, former: list[AsOfMeasures]) -> Statistic:
    """On the logit scale, which makes small base rates comparable; log-odds of a share m of n vary by 1 / (n m (1 - m))."""
    values = tuple(each.calibration for each in former)
    rate = measures.base_rate
    z = _standardise(measures.calibration, values, 1 / (measures.rows * rate * (1 - rate)))
    return Statistic(measures.calibration, values, z, is_beyond=abs(z) > LIMIT)


def _compare_log_loss(measures: AsOfMeasures, former: list[AsOfMeasures]) -> Statistic:
    values = tuple(each.log_loss.estimate for each in former)
    z = _standardise(measures.log_loss.estimate, values, measures.log_loss.standard_error**2)
    return Statistic(measures.log_loss.estimate, values, z, is_beyond=z > LIMIT)


def _find_jump(model: Model, measures: AsOfMeasures, former: list[AsOfMeasures]) -> Statistic | None:
    """The feature that rose most above its own history, those first that rose too far; None when none has a history.

    Too far is more than `max_jump` and more than `LIMIT` standard errors, the feature's own spread included: a feature that
    swings by itself (one quiet week of the demo reached .115) is no leak.
    """
    jumps = []
    for name, auc in measures.alone.items():
        values = tuple(each.alone[name].estimate for each in former if name in each.alone)
        if len(values) >= FEWEST_BEFORE and name not in model.training.exclude:
            z = _standardise(auc.estimate, values, auc.standard_error**2)
            is_beyond = auc.estimate - fmean(values) > model.training.max_jump and z > LIMIT
            jumps.append(Statistic(auc.estimate, values, z, is_beyond, feature=name))
    return max(jumps, key=lambda jump: (jump.is_beyond, jump.value - jump.usual), default=None)


def _standardise(value: float, former: tuple[float, ...], error: float) -> float:
    """Distance from the mean of those before, in standard errors: of the value, and of the spread of those before."""
    distance, spread = value - fmean(former), sqrt(error + variance(former))
    if spread > 0:
        return distance / spread
    return inf * (1 if distance > 0 else -1) if distance else 0.0


def _say(statistics: Mapping[StatisticName, Statistic], count: int, *, rests: bool) -> str:
    if not rests:
        return f"Admitted: its labels agree with the scores of their time as those of the {count} as_ofs before did."
    found = [_say_one(name, statistic) for name, statistic in statistics.items() if statistic.is_beyond]
    return f"Compared with the {count} as_ofs admitted before it, {'; '.join(found)}."


def _say_one(name: StatisticName, statistic: Statistic) -> str:
    what = f"{NAMES[name]}, {statistic.feature}," if statistic.feature else NAMES[name]
    return f"{what} is {statistic.value:.3f} where it was {statistic.usual:.3f} (z {statistic.z:+.1f})"
