"""The figures of a version by itself: on the holdout that assessed it, and on what it published later."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import partial

import pandas as pd

from perennial import metrics
from perennial.config import Model
from perennial.errors import OneClassLabels
from perennial.metrics import ReliabilityBin
from perennial.predictor import Predictor
from perennial.records import Interval, TrainingSet

MIN_POSITIVES, MIN_ENTITIES = 50, 30  # as the gate asks of a segment: below that its AUC moves by .05 by chance alone
MISSING = "(missing)"


@dataclass(frozen=True)
class Figure:
    """A metric under its name in the verdicts; None where one class alone came true."""

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
    """One slice of the holdout; `auc` is None where too few positives carry it."""

    segment: str
    value: str
    rows: int
    positives: int
    mean_score: float
    auc: Interval | None


@dataclass(frozen=True)
class Measured:
    """What never changes once a version was trained: its inputs, its rows, and its figures on its own holdout.

    Attributes:
        confidence, recall: of the intervals and of the precision, as declared when it was measured.
    """

    confidence: float
    recall: float
    inputs: tuple[Input, ...]
    calibrator: str
    training_rows: int
    training_positives: int
    rows: int
    entities: int
    positives: int
    mean_score: float
    figures: tuple[Figure, ...]
    bins: tuple[ReliabilityBin, ...]
    segments: tuple[SegmentFigure, ...]

    def figure(self, metric: str) -> Interval | None:
        return next((figure.value for figure in self.figures if figure.metric == metric), None)


@dataclass(frozen=True)
class Served:
    """Published scores of several matured as_ofs pooled; intervals are clustered by entity over all of them."""

    as_ofs: tuple[date, ...]
    rows: int
    positives: int
    auc: Interval | None
    log_loss: Interval
    bins: tuple[ReliabilityBin, ...]


def measure_version(
    model: Model, predictor: Predictor, training_labels: pd.Series, holdout: TrainingSet, scores: pd.Series
) -> Measured:
    """Everything a card says of the holdout as_ofs; series are indexed by (as_of, entity_id).

    Args:
        scores: of the holdout, by fits of the version's recipe that had not seen it.
    """
    contract = predictor.contract
    return Measured(
        confidence=model.promotion.confidence,
        recall=model.promotion.precision_at_recall,
        inputs=tuple(Input(each.name, each.kind, len(each.categories), each.monotone, each.pooled) for each in contract.features),
        calibrator=contract.calibrator.kind if contract.calibrator.coefficients != (1.0, 0.0) else "none",
        training_rows=len(training_labels),
        training_positives=int(training_labels.sum()),
        rows=len(scores),
        entities=int(scores.index.get_level_values("entity_id").nunique()),
        positives=int(holdout.labels.sum()),
        mean_score=float(scores.mean()),
        figures=_measure_figures(model, scores, holdout.labels),
        bins=metrics.reliability_bins(scores, holdout.labels, confidence=model.promotion.confidence),
        segments=_measure_segments(model, scores, holdout),
    )


def measure_served(scores: pd.Series, labels: pd.Series, *, confidence: float) -> Served:
    """Pool published scores; both series are indexed by (as_of, entity_id) and hold the same rows."""
    days = sorted(stamp.date() for stamp in scores.index.get_level_values("as_of").unique())
    return Served(
        as_ofs=tuple(days),
        rows=len(scores),
        positives=int(labels.sum()),
        auc=_unless_one_class(metrics.auc_with_interval, scores, labels, confidence),
        log_loss=metrics.loss_with_interval(scores, labels, confidence=confidence),
        bins=metrics.reliability_bins(scores, labels, confidence=confidence),
    )


Measure = Callable[..., Interval]


def _measure_figures(model: Model, scores: pd.Series, labels: pd.Series) -> tuple[Figure, ...]:
    limits, seed = model.promotion, model.training.seed
    measures: dict[str, Measure] = {
        "auc": metrics.auc_with_interval,
        "average_precision": partial(metrics.bootstrap_interval, metrics.prepare_average_precision, seed=seed),
        "log_loss": metrics.loss_with_interval,
        "brier": partial(metrics.loss_with_interval, loss="brier"),
        "precision_at_recall": partial(
            metrics.bootstrap_interval, metrics.prepare_precision_at_recall(limits.precision_at_recall), seed=seed
        ),
        "calibration_error": partial(metrics.bootstrap_interval, metrics.prepare_calibration_error, seed=seed),
    }
    return tuple(
        Figure(name, _unless_one_class(measure, scores, labels, limits.confidence)) for name, measure in measures.items()
    )


def _unless_one_class(measure: Measure, scores: pd.Series, labels: pd.Series, confidence: float) -> Interval | None:
    try:
        return measure(scores, labels, confidence=confidence)
    except OneClassLabels:
        return None


def _measure_segments(model: Model, scores: pd.Series, holdout: TrainingSet) -> tuple[SegmentFigure, ...]:
    return tuple(
        _measure_segment(str(column), value, scores[members], holdout.labels[members], model.promotion.confidence)
        for column in holdout.segments.columns
        for value, members in _find_members(holdout.segments[column])
    )


def _find_members(column: pd.Series) -> list[tuple[str, pd.Series]]:
    values = column.astype("object").where(column.notna(), MISSING).astype(str)
    return [(value, values == value) for value in sorted(values.unique())]


def _measure_segment(segment: str, value: str, scores: pd.Series, labels: pd.Series, confidence: float) -> SegmentFigure:
    positives = labels[labels == 1]
    carriers = positives.index.get_level_values("entity_id").nunique()
    is_assessed = len(positives) >= MIN_POSITIVES and carriers >= MIN_ENTITIES
    auc = _unless_one_class(metrics.auc_with_interval, scores, labels, confidence) if is_assessed else None
    return SegmentFigure(segment, value, len(labels), len(positives), float(scores.mean()), auc)
