"""admit: do the labels of a newly matured as_of agree with the scores of the fit of that time, as those before it did?

One bad week of labels among 26 hurts more than half a year of staleness. An as_of that looks unlike its forerunners rests:
it neither teaches nor judges until it is repaired, a person decides, or its rest is over. How columns are spread and how
many rows there are is no business of this stage: validation and drift look at them.

The definitions were walked forward on five data sets before they became law (no alarm in 228 weeks without poison).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from math import inf, isfinite, sqrt
from statistics import fmean, variance

import numpy as np
import pandas as pd

from perennial.config import Model, write_figure
from perennial.records import Admission, AsOfMeasures, Interval, Statistic
from perennial.tasks import Scores, Task, task_of
from perennial.tasks.measure import Ranker
from perennial.tasks.task import Turn

LIMIT = 4.0  # |z| beyond which an as_of rests
FEWEST_RARER = 5
FEWEST_BEFORE = 4
AS_OFS_BEFORE = 8
"""So many as_ofs before it are looked at; those among them that were admitted and scored are what it is compared with."""


def measure_as_of(task: Task, scores: Scores, labels: pd.Series, features: pd.DataFrame) -> AsOfMeasures | None:
    """Measure the labels of one as_of against the scores of that time and against each feature; None when all are equal.

    Args:
        scores: as the model gives them; rows that were not scored then are left out.
        labels: as the task has them.
        features: model inputs, float64 or category. All three are indexed by (as_of, entity_id).
    """
    scores = scores.reindex(labels.index).dropna()
    labels, features = labels.loc[scores.index], features.loc[scores.index]
    if labels.empty or (labels == labels.iloc[0]).all():
        return None
    return AsOfMeasures(
        rows=len(labels),
        rarer=task.count_rarer(labels),
        found=task.measure_day(scores, labels),
        alone=_rank_features(task.open_ranker(labels), features),
    )


def _rank_features(rank: Ranker, features: pd.DataFrame) -> dict[str, Interval]:
    return {str(name): _rank_feature(rank, features[name]) for name in features if features[name].notna().any()}


def _rank_feature(rank: Ranker, column: pd.Series) -> Interval:
    if isinstance(column.dtype, pd.CategoricalDtype):
        return rank(np.where(column.isna(), np.nan, column.cat.codes), is_category=True)
    return rank(column.to_numpy(np.float64), is_category=False)


def admit(model: Model, as_of: date, measures: AsOfMeasures | None, before: Mapping[date, AsOfMeasures]) -> Admission:
    """Admit a newly matured as_of, or let it rest.

    Args:
        measures: of the as_of; None when no fit of that time has scored it, or all its labels are equal.
        before: those of the as_ofs admitted among the `AS_OFS_BEFORE` before it.
    """
    missing = _find_missing(task_of(model), measures, before)
    if measures is None or missing:
        return Admission(as_of, rests=False, reason=f"Admitted, with nothing to compare it with: {missing}.")
    former, task = [before[day] for day in sorted(before)], task_of(model)
    compared = {name: _compare(name, turn, measures, former) for name, turn in task.turns.items()}
    statistics = {name: statistic for name, statistic in compared.items() if statistic is not None}
    if (jump := _find_jump(model, measures, former)) is not None:
        statistics["feature"] = jump
    rests = any(statistic.is_beyond for statistic in statistics.values())
    return Admission(as_of, rests, _say(task, statistics, len(former), rests=rests), tuple(sorted(before)), statistics)


def _find_missing(task: Task, measures: AsOfMeasures | None, before: Mapping[date, AsOfMeasures]) -> str:
    if measures is None:
        return "no fit of that time has scored it, or all its labels are equal"
    if measures.rarer < FEWEST_RARER:
        return f"{measures.rarer} {task.rarer_named}, and at least {FEWEST_RARER} are needed"
    if len(before) < FEWEST_BEFORE:
        found = f"{len(before)} of the {AS_OFS_BEFORE} as_ofs before it were admitted and scored by a fit of their time"
        return f"{found}, and at least {FEWEST_BEFORE} are needed"
    return ""


def _compare(name: str, turn: Turn, measures: AsOfMeasures, former: list[AsOfMeasures]) -> Statistic | None:
    """None where the figure is undefined on the day, or on too many of those before."""
    found, others = measures.found[name], [each.found[name] for each in former]
    values = tuple(each.estimate for each in others if isfinite(each.estimate))
    if not isfinite(found.estimate) or len(values) < FEWEST_BEFORE:
        return None
    z = _standardise(found.estimate, values, found.standard_error**2)
    is_beyond = {"fall": z < -LIMIT, "rise": z > LIMIT, "either": abs(z) > LIMIT}[turn]
    return Statistic(found.estimate, values, z, is_beyond)


def _find_jump(model: Model, measures: AsOfMeasures, former: list[AsOfMeasures]) -> Statistic | None:
    """The feature that rose most above its own history, those first that rose too far; None when none has a history.

    Too far is more than `max_jump` and more than `LIMIT` standard errors, the feature's own spread included: a feature that
    swings by itself (one quiet week of the demo reached .115) is no leak.
    """
    jumps = []
    for name, figure in measures.alone.items():
        values = tuple(each.alone[name].estimate for each in former if name in each.alone)
        if len(values) >= FEWEST_BEFORE and name not in model.training.exclude:
            z = _standardise(figure.estimate, values, figure.standard_error**2)
            is_beyond = figure.estimate - fmean(values) > model.training.max_jump and z > LIMIT
            jumps.append(Statistic(figure.estimate, values, z, is_beyond, feature=name))
    return max(jumps, key=lambda jump: (jump.is_beyond, jump.value - jump.usual), default=None)


def _standardise(value: float, former: tuple[float, ...], error: float) -> float:
    """Distance from the mean of those before, in standard errors: of the value, and of the spread of those before."""
    distance, spread = value - fmean(former), sqrt(error + variance(former))
    if spread > 0:
        return distance / spread
    return inf * (1 if distance > 0 else -1) if distance else 0.0


def _say(task: Task, statistics: Mapping[str, Statistic], count: int, *, rests: bool) -> str:
    if not rests:
        return f"Admitted: its labels agree with the scores of their time as those of the {count} as_ofs before did."
    found = [_say_one(task, name, statistic) for name, statistic in statistics.items() if statistic.is_beyond]
    return f"Compared with the {count} as_ofs admitted before it, {'; '.join(found)}."


def _say_one(task: Task, name: str, statistic: Statistic) -> str:
    what = f"{task.names[name]}, {statistic.feature}," if statistic.feature else task.names[name]
    value, usual = write_figure(name, statistic.value), write_figure(name, statistic.usual)
    return f"{what} is {value} where it was {usual} (z {statistic.z:+.1f})"
