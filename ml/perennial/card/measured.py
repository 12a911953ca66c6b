"""The figures of a version by itself: on the holdout that assessed it, and on what it published later."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from math import isfinite

import pandas as pd

from perennial.config import Model
from perennial.metrics import NOTHING_BESIDE, ClassReliability, ReliabilityBin, enter_beside
from perennial.predictor import IDENTITIES, Predictor
from perennial.records import Interval, TrainingSet
from perennial.tasks import Scores, Task, task_of

MIN_CARRYING, MIN_ENTITIES = 50, 30  # as the gate asks of a segment: below that an AUC moves by .05 by chance alone
MISSING = "(missing)"


@dataclass(frozen=True)
class Figure:
    """A metric under its name in the verdicts; None where the labels leave it undefined."""

    metric: str
    value: Interval | None


@dataclass(frozen=True)
class Input:
    """What the predictor reads; `categories` counts the values of a text that it knows by name, `pooled` the rarer ones."""

    name: str
    kind: str
    categories: int
    monotone: str | None
    pooled: int = 0


@dataclass(frozen=True)
class SegmentFigure:
    """One slice of the holdout; `headline` is None where too few rows carry it."""

    segment: str
    value: str
    rows: int
    positives: int | None
    mean_score: float
    headline: Interval | None
    mean_label: float | None = None


@dataclass(frozen=True)
class Measured:
    """What never changes once a version was trained: its inputs, its rows, and its figures on its own holdout.

    Attributes:
        confidence, recall: of the intervals and of the precision, as declared when it was measured.
        figures: the headline first.
        training_positives, positives: labels that are 1; None of amounts, of which training_mean and mean_label speak.
        classes: where labels are such.
    """

    confidence: float
    recall: float
    inputs: tuple[Input, ...]
    calibrator: str
    training_rows: int
    training_positives: int | None
    rows: int
    entities: int
    positives: int | None
    mean_score: float
    figures: tuple[Figure, ...]
    bins: tuple[ReliabilityBin, ...]
    segments: tuple[SegmentFigure, ...]
    training_mean: float | None = None
    mean_label: float | None = None
    classes: tuple[ClassReliability, ...] = ()

    def figure(self, metric: str) -> Interval | None:
        return next((figure.value for figure in self.figures if figure.metric == metric), None)


@dataclass(frozen=True)
class Served:
    """Published scores of several matured as_ofs pooled; intervals are clustered by entity over all of them."""

    as_ofs: tuple[date, ...]
    rows: int
    positives: int | None
    metrics: Mapping[str, Interval | None]
    bins: tuple[ReliabilityBin, ...]
    mean_label: float | None = None

    @property
    def headline(self) -> Interval | None:
        return next(iter(self.metrics.values()))


def measure_version(
    model: Model, predictor: Predictor, training_labels: pd.Series, holdout: TrainingSet, scores: Scores
) -> Measured:
    """Everything a card says of the holdout as_ofs; series are indexed by (as_of, entity_id).

    Args:
        scores: of the holdout, by fits of the version's recipe that had not seen it.
    """
    contract, task = predictor.contract, task_of(model)
    told, labels = enter_beside(scores, holdout.beside), enter_beside(holdout.labels, holdout.beside)
    said, came = task.average(told, labels)
    return Measured(
        confidence=model.promotion.confidence,
        recall=model.promotion.precision_at_recall,
        inputs=tuple(Input(each.name, each.kind, len(each.categories), each.monotone, each.pooled) for each in contract.features),
        calibrator=contract.calibrator.kind if contract.calibrator != IDENTITIES[contract.link] else "none",
        training_rows=len(training_labels),
        training_positives=task.count_positives(training_labels),
        rows=len(scores),
        entities=int(scores.index.get_level_values("entity_id").nunique()),
        positives=task.count_positives(holdout.labels),
        mean_score=said,
        figures=tuple(Figure(name, _known(found)) for name, found in task.list_figures(told, labels).items()),
        bins=task.cut_bins(told, labels),
        segments=_measure_segments(task, scores, holdout),
        training_mean=task.average_labels(training_labels),
        mean_label=came,
        classes=task.cut_classes(told, labels),
    )


def measure_served(model: Model, scores: Scores, labels: pd.Series, beside: Mapping[str, pd.Series] = NOTHING_BESIDE) -> Served:
    """Pool published scores; all are indexed by (as_of, entity_id), and the first two hold the same rows."""
    days = sorted(stamp.date() for stamp in scores.index.get_level_values("as_of").unique())
    task = task_of(model)
    told, came = enter_beside(scores, beside), enter_beside(labels, beside)
    return Served(
        as_ofs=tuple(days),
        rows=len(scores),
        positives=task.count_positives(labels),
        metrics={name: _known(found) for name, found in task.realise(told, came, model.promotion.confidence).items()},
        bins=task.cut_bins(told, came),
        mean_label=task.average(told, came)[1],
    )


def _known(found: Interval) -> Interval | None:
    return found if isfinite(found.estimate) else None


def _measure_segments(task: Task, scores: Scores, holdout: TrainingSet) -> tuple[SegmentFigure, ...]:
    return tuple(
        _measure_segment(task, (str(column), value), (scores[members], holdout.labels[members]), holdout.beside)
        for column in holdout.segments.columns
        for value, members in _find_members(holdout.segments[column])
    )


def _find_members(column: pd.Series) -> list[tuple[str, pd.Series]]:
    values = column.astype("object").where(column.notna(), MISSING).astype(str)
    return [(value, values == value) for value in sorted(values.unique())]


def _measure_segment(
    task: Task, named: tuple[str, str], rows: tuple[Scores, pd.Series], beside: Mapping[str, pd.Series]
) -> SegmentFigure:
    scores, labels = rows
    carrying = labels[task.carries(labels)]
    carriers = carrying.index.get_level_values("entity_id").nunique()
    is_assessed = len(carrying) >= MIN_CARRYING and carriers >= MIN_ENTITIES
    told, came = enter_beside(scores, beside), enter_beside(labels, beside)
    found = _known(next(iter(task.realise(told, came, task.model.promotion.confidence).values()))) if is_assessed else None
    positives = task.count_positives(labels)
    mean_score, mean_label = task.average(told, came)
    return SegmentFigure(*named, len(labels), positives, mean_score, found, mean_label)
