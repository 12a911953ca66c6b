"""Figures of codes and equal columns, as figures of names and of whatever each side knows.

Metrics want codes and equal columns, so that everything is widened first to the classes that any side knows, or that occurred:
what a version does not know it says with probability 0, and the bound of the log-loss is what that costs it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pandas as pd

from perennial.metrics import DailyGain
from perennial.records import Interval
from perennial.tasks.measure import Measure, Single
from perennial.tasks.scores import Scores, find_published


def name_classes(labels: pd.Series) -> list[str]:
    """The classes that occurred, sorted."""
    return sorted(labels.dropna().unique().tolist())


def code_classes(labels: pd.Series, classes: list[str]) -> pd.Series:
    """The place of each label among these classes; -1 where it is none of them, or missing."""
    return pd.Series(pd.Index(classes, dtype="object").get_indexer(pd.Index(labels.astype("object"))), index=labels.index)


def prepare(labels: pd.Series, *scores: pd.DataFrame) -> tuple[pd.Series, list[pd.DataFrame]]:
    """Codes, and scores with a column for every class that occurred or that any of them knows."""
    classes = sorted({*name_classes(labels), *(str(name) for each in scores for name in each.columns)})
    return code_classes(labels, classes), [each.reindex(columns=classes, fill_value=0.0) for each in scores]


def by_names(value: Callable[..., float]) -> Callable[[pd.DataFrame, pd.Series], float]:
    """A figure of one side."""

    def measure(scores: pd.DataFrame, labels: pd.Series) -> float:
        codes, (widened,) = prepare(labels, scores)
        return value(widened, codes)

    return measure


def by_published(measure: Measure) -> Measure:
    """By the published probability, of what stands beside the labels: the classes themselves are no amounts."""

    def read(*given: Scores) -> tuple[pd.Series, ...]:
        return (*map(find_published, given[:-1]), pd.Series(0.0, index=given[-1].index))

    return replace(measure, value=lambda *g: measure.value(*read(*g)), difference=lambda *g: measure.difference(*read(*g)))


def single_by_names(single: Callable[..., Interval]) -> Single:
    """One with its interval."""

    def measure(scores: pd.DataFrame, labels: pd.Series, confidence: float) -> Interval:
        codes, (widened,) = prepare(labels, scores)
        return single(widened, codes, confidence=confidence)

    return measure


def pair_by_names(difference: Callable[..., Interval]) -> Callable[..., Interval]:
    """The difference of two sides."""

    def measure(ours: pd.DataFrame, theirs: pd.DataFrame, labels: pd.Series) -> Interval:
        codes, both = prepare(labels, ours, theirs)
        return difference(*both, codes)

    return measure


def days_by_names(gain: Callable[..., DailyGain]) -> Callable[..., DailyGain]:
    """The gain of one side on the other within each as_of."""

    def measure(ours: pd.DataFrame, theirs: pd.DataFrame, labels: pd.Series) -> DailyGain:
        codes, both = prepare(labels, ours, theirs)
        return gain(*both, codes)

    return measure
