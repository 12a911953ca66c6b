"""One drift check: an effect size for every column and for the scores, on all rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from perennial.config import Model
from perennial.errors import MetricNotFinite, SchemaMismatch, SnapshotMissing
from perennial.monitor.psi import Floats, compare_categories, compare_numbers
from perennial.records import DriftCheck, FeatureDrift


@dataclass(frozen=True, eq=False)
class ScoredDay:
    """A published day, with what its scores are measured against.

    Attributes:
        scores: of every current row; order and index do not matter.
        reference_scores: the champion's scores of its holdout rows (scores of training rows shift 7 % by themselves).
        reference_mean_score: their mean, as the version records it.
    """

    model: Model
    as_of: date
    version: int
    scores: pd.Series
    reference_scores: pd.Series
    reference_mean_score: float

    def __str__(self) -> str:
        return f"{self.model.name}, as_of {self.as_of}"


def measure_drift(reference: pd.DataFrame, current: pd.DataFrame, day: ScoredDay) -> DriftCheck:
    """Compare what the champion sees now with what it was trained on.

    Args:
        reference: its training rows, features only; any index. Its columns are the ones that are checked.
        current: the rows scored now; further columns (segments) are ignored.

    Raises:
        SnapshotMissing: either side, or the scores, has no rows.
        SchemaMismatch: a column of the reference is absent now, or is no longer a number.
        MetricNotFinite: a score or the reference mean does not allow a relative shift.
    """
    _check_inputs(reference, current, day)
    limits = day.model.monitoring
    silent = {*day.model.features.no_drift_trigger.columns, *day.model.training.exclude}
    features = tuple(
        _measure_feature(reference[name], current[name], limit=limits.feature_psi, can_trigger=name not in silent)
        for name in reference.columns
    )
    triggering = [feature.is_drifted for feature in features if feature.can_trigger]
    drifted_share = sum(triggering) / len(triggering) if triggering else 0.0
    shift = float(day.scores.mean()) / day.reference_mean_score - 1
    return DriftCheck(
        model=day.model.name,
        as_of=day.as_of,
        version=day.version,
        rows=len(current),
        features=features,
        drifted_share=drifted_share,
        prediction_shift=shift,
        score_psi=compare_numbers(_numbers(day.reference_scores), _numbers(day.scores)),
        is_drifted=drifted_share > limits.drifted_share or abs(shift) > limits.prediction_shift,
    )


def _check_inputs(reference: pd.DataFrame, current: pd.DataFrame, day: ScoredDay) -> None:
    if not all(map(len, (reference, current, day.scores, day.reference_scores))):
        raise SnapshotMissing(
            f"{day}: drift needs rows on both sides; found {len(reference)} training rows, {len(current)} current rows, "
            f"{len(day.reference_scores)} and {len(day.scores)} scores of them."
        )
    absent = [str(name) for name in reference.columns if name not in current.columns]
    if absent:
        raise SchemaMismatch(f"{day}: columns that version {day.version} was trained on are absent now: {', '.join(absent)}.")
    if not (np.isfinite(day.scores.mean()) and np.isfinite(day.reference_mean_score) and day.reference_mean_score > 0):
        raise MetricNotFinite(
            f"{day}: a mean score of {day.scores.mean()} against {day.reference_mean_score} gives no relative shift."
        )


def _measure_feature(reference: pd.Series, current: pd.Series, *, limit: float, can_trigger: bool) -> FeatureDrift:
    is_number = pd.api.types.is_numeric_dtype(reference)
    if is_number:
        before, after = _numbers(reference), _numbers(current)
        psi, means = compare_numbers(before, after), (_mean(before), _mean(after))
    else:
        psi, means = compare_categories(reference, current), (None, None)
    return FeatureDrift(
        column=str(reference.name),
        psi=psi,
        reference_mean=means[0],
        current_mean=means[1],
        reference_missing=float(reference.isna().mean()),
        current_missing=float(current.isna().mean()),
        is_drifted=psi > limit,
        can_trigger=can_trigger,
    )


def _numbers(column: pd.Series) -> Floats:
    try:
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise SchemaMismatch(f"Column {column.name} was a number in training and holds something else now: {error}.") from error


def _mean(values: Floats) -> float | None:
    """The mean of what is known and finite; None when nothing is."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else None
