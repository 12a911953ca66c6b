"""What those that are acted on come to, where `promotion.capacity` says how many they are: for every task that ranks.

The headline is never one of these: of the few rows at the top it takes some twenty thousand entities to tell two recipes
apart, so that they are shown, and the value is guarded.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from perennial import metrics
from perennial.config import Model
from perennial.metrics.panel import Floats
from perennial.records import Interval
from perennial.tasks.measure import AMOUNT, Guarded, Measure

Mask = NDArray[np.bool_]


def measure_value(model: Model) -> tuple[Measure, ...]:
    """What the first of a day are worth together, by `label.value`, or else by the labels themselves."""
    k = model.promotion.capacity
    if k is None:
        return ()
    drawn = partial(_draw, model, metrics.prepare_value_at(k))
    return (Measure("value", partial(metrics.value_at, k=k), drawn, form=AMOUNT),)


def measure_order_at_top(model: Model) -> tuple[Measure, ...]:
    """NDCG of the first of a day, by the labels; undefined where one of them lies below 0."""
    k = model.promotion.capacity
    if k is None:
        return ()
    return (Measure("ndcg", partial(metrics.ndcg_at, k=k), partial(_draw, model, metrics.prepare_ndcg_at(k))),)


def guard_value(model: Model) -> tuple[Guarded, ...]:
    """As a share of what the champion's come to: nobody knows a value's unit beforehand."""
    fact = f"What the {model.promotion.capacity} that are acted on in a day come to goes"
    borne = model.promotion.tolerated.precision
    return tuple(Guarded("value", value, fact, borne, is_relative=True) for value in measure_value(model))


def select_first(model: Model, days: NDArray[np.intp], scores: Floats, rank: Floats) -> Mask:
    """The first `capacity` of each day, who reaches the threshold where one is declared, or else the first tenth.

    Args:
        days: of each row the number of its day; `rank` counts from 0 within one.
    """
    if model.promotion.capacity is not None:
        return rank < model.promotion.capacity
    if "threshold" in model.scoring.model_fields_set:
        return scores >= model.scoring.threshold
    return rank < np.ceil(np.bincount(days)[days] / 10)


def _draw(model: Model, metric: metrics.AmountMetric, ours: pd.Series, theirs: pd.Series, labels: pd.Series) -> Interval:
    sure, seed = model.promotion.confidence, model.training.seed
    return metrics.paired_amounts_difference(metric, (ours, theirs), labels, confidence=sure, seed=seed)
