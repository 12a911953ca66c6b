"""Days that were probed in, what limits and the model file want to know of them out: ranges, shares, and who ranks alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from perennial.homes.new.classes import SeenClasses, sum_classes
from perennial.homes.new.features import Feature
from perennial.records import write_amount
from perennial.records.profiles import ProbedDay, SeenAmounts
from perennial.tasks import Task
from perennial.tasks.measure import Ranker

COMMON = 0.98
NO_STRONGER = 0.02
"""A feature of values that ranks no better than times alone do, with this room, says nothing that they do not."""


@dataclass(frozen=True)
class SeenFeature:
    """One feature over all probed days; of text nothing but the nulls and the values.

    Attributes:
        low, high: what all but one in a thousand keep on either side.
        means: the least and the largest mean of a day.
    """

    null_share: float
    low: float | None = None
    high: float | None = None
    means: tuple[float, float] | None = None
    values: tuple[str, ...] = ()


@dataclass(frozen=True)
class Seen:
    """What drafted queries gave on days of the past.

    Attributes:
        days, rows: the days, and the cohort of each.
        rates: share of positives of each day whose labels have matured; empty where labels are no yes or no.
        amounts, classes: those of the days whose labels have matured; None where labels are something else, or there are none.
        features: by name.
        honest: features that rank above the limit of the leak alarm and know nothing but times, with their AUC.
        suspicious: those that rank above it and know more.
        alike: what labels were, where they are known and no day has two different ones.
    """

    days: tuple[date, ...]
    rows: tuple[int, ...]
    rates: tuple[float, ...]
    features: Mapping[str, SeenFeature]
    honest: Mapping[str, float]
    suspicious: Mapping[str, float]
    amounts: SeenAmounts | None = None
    classes: SeenClasses | None = None
    alike: tuple[str, ...] = ()


def measure(probed: Sequence[ProbedDay], features: Sequence[Feature], matured: date, task: Task) -> Seen:
    """Sum the days up; labels count up to the newest day that has matured."""
    known = [day for day in probed if day.as_of <= matured and day.rows]
    labelled = [day for day in known if task.can_learn(day.sample["label"].dropna())]
    alone = _rank_alone(labelled, features, task)
    strong = {name: auc for name, auc in alone.items() if auc > task.model.training.max_feature_auc}
    times = max((alone.get(one.name, 0.5) for one in features if one.says == "times"), default=0.5)
    kinds = {one.name: one.says for one in features}
    honest = {
        name: auc
        for name, auc in strong.items()
        if kinds[name] == "times" or (kinds[name] == "values" and auc <= times + NO_STRONGER)
    }
    rates = tuple(day.positives / day.rows for day in known) if task.terms.drafted_from == "condition" else ()
    return Seen(
        days=tuple(day.as_of for day in probed),
        rows=tuple(day.rows for day in probed),
        rates=rates,
        features={one.name: _sum_up([day.sample[one.name] for day in probed if len(day.sample)]) for one in features},
        honest=honest,
        suspicious={name: auc for name, auc in strong.items() if name not in honest},
        amounts=_sum_amounts(labelled) if task.terms.drafted_from == "sum" else None,
        classes=sum_classes(labelled) if task.terms.drafted_from == "commonest" else None,
        alike=() if labelled else _name_labels(known),
    )


def _name_labels(days: Sequence[ProbedDay]) -> tuple[str, ...]:
    """The different labels of these days, written as people read them."""
    found = {label for day in days for label in day.sample["label"].dropna()}
    return tuple(sorted(label if isinstance(label, str) else write_amount(float(label)) for label in found))


def _sum_amounts(labelled: Sequence[ProbedDay]) -> SeenAmounts | None:
    if not labelled:
        return None
    days = [day.sample["label"].dropna().astype(float) for day in labelled]
    means, pooled = [float(day.mean()) for day in days], pd.concat(days)
    return SeenAmounts(
        means=(min(means), max(means)),
        zeros=float((pooled == 0).mean()),
        least=float(pooled.min()),
        common=float(pooled.quantile(COMMON)),
        most=float(pooled.max()),
    )


def _sum_up(samples: Sequence[pd.Series]) -> SeenFeature:
    column = pd.concat(samples) if samples else pd.Series(dtype=float)
    null_share = float(column.isna().mean()) if len(column) else 0.0
    known = column.dropna()
    if known.empty or isinstance(known.iloc[0], str):
        return SeenFeature(null_share, values=tuple(sorted(known.unique())))
    numbers = known.astype(float)
    means = [float(sample.dropna().astype(float).mean()) for sample in samples if sample.notna().any()]
    low, high = (float(numbers.quantile(share, interpolation="nearest")) for share in (0.001, 0.999))
    return SeenFeature(null_share, low, high, (min(means), max(means)))


def _rank_alone(labelled: Sequence[ProbedDay], features: Sequence[Feature], task: Task) -> dict[str, float]:
    """The strength of each feature alone, as a training will measure it."""
    if not labelled:
        return {}
    frame = pd.concat({pd.Timestamp(day.as_of): day.sample for day in labelled}, names=["as_of", "entity_id"])
    labels = frame["label"].dropna().astype(task.label_dtype)
    usable = frame.loc[labels.index]
    rank = task.open_ranker(labels)
    return {one.name: _measure_alone(usable[one.name], rank) for one in features}


def _measure_alone(column: pd.Series, rank: Ranker) -> float:
    known = column.dropna()
    is_category = bool(len(known)) and isinstance(known.iloc[0], str)
    numbers = pd.Series(pd.factorize(column)[0], column.index).replace(-1, np.nan) if is_category else column.astype(float)
    return float(rank(np.asarray(numbers, dtype=np.float64), is_category=is_category).estimate)
