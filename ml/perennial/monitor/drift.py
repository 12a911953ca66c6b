"""One drift check: an effect size for every column and for the scores, on all rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import partial

import numpy as np
import pandas as pd

from perennial.config import Model
from perennial.errors import MetricNotFinite, SchemaMismatch, SnapshotMissing
from perennial.monitor.chance import find_index_by_chance, find_shift_by_chance
from perennial.monitor.psi import Bins, Floats, bin_categories, bin_numbers, compare_numbers
from perennial.records import DriftCheck, FeatureDrift
from perennial.tasks import task_of


@dataclass(frozen=True, eq=False)
class ScoredDay:
    """A published day, with what its scores are measured against.

    Attributes:
        scores: of every current row; order and index do not matter.
        reference_scores: scores of rows that the fits had not seen (scores of training rows shift 7 % by themselves).
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
        reference: its training rows, features only, indexed by (as_of, entity_id), or by the entity alone. Its columns are the
            ones that are checked.
        current: the rows scored now; further columns (segments) are ignored.

    Raises:
        SnapshotMissing: either side, or the scores, has no rows.
        SchemaMismatch: a column of the reference is absent now, or is no longer a number.
        MetricNotFinite: a score or the reference mean does not allow a relative shift.
    """
    _check_inputs(reference, current, day)
    limits = day.model.monitoring
    silent = {*day.model.features.no_drift_trigger.columns, *day.model.training.exclude}
    entities = reference.index.get_level_values(-1).nunique()
    by_chance = partial(find_index_by_chance, entities=entities, columns=len(reference.columns))
    features = tuple(
        _measure_feature(
            reference[name], current[name], limit=limits.feature_psi, by_chance=by_chance, can_trigger=name not in silent
        )
        for name in reference.columns
    )
    triggering = [feature.is_drifted for feature in features if feature.can_trigger]
    drifted_share = sum(triggering) / len(triggering) if triggering else 0.0
    former, now = _numbers(day.reference_scores), _numbers(day.scores)
    scale = task_of(day.model).find_scale(float(former.std()), day.reference_mean_score)
    shift = _measure_shift(day, scale)
    by_chance_alone = find_shift_by_chance(former, now, entities=entities) / scale
    shift_limit = max(limits.prediction_shift, by_chance_alone)
    return DriftCheck(
        model=day.model.name,
        as_of=day.as_of,
        version=day.version,
        rows=len(current),
        features=features,
        drifted_share=drifted_share,
        prediction_shift=shift,
        score_psi=compare_numbers(former, now),
        is_drifted=drifted_share > limits.drifted_share or abs(shift) > shift_limit,
        shift_limit=shift_limit,
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


def _measure_shift(day: ScoredDay, scale: float) -> float:
    """The move of the mean score, in units of the scale."""
    now, before = float(day.scores.mean()), day.reference_mean_score
    if not (np.isfinite(now) and np.isfinite(before) and scale > 0):
        raise MetricNotFinite(f"{day}: a mean score of {now} against {before} gives no relative shift.")
    return now / scale - before / scale


def _measure_feature(
    reference: pd.Series, current: pd.Series, *, limit: float, by_chance: Callable[[Bins], float], can_trigger: bool
) -> FeatureDrift:
    if pd.api.types.is_numeric_dtype(reference):
        before, after = _numbers(reference), _numbers(current)
        bins, means = bin_numbers(before, after), (_mean(before), _mean(after))
    else:
        bins, means = bin_categories(reference, current), (None, None)
    allowed = max(limit, by_chance(bins))
    return FeatureDrift(
        column=str(reference.name),
        psi=bins.index,
        reference_mean=means[0],
        current_mean=means[1],
        reference_missing=float(reference.isna().mean()),
        current_missing=float(current.isna().mean()),
        is_drifted=bins.index > allowed,
        can_trigger=can_trigger,
        limit=allowed,
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
