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
from perennial.monitor.profile import ColumnProfile, ReferenceProfile, to_numbers
from perennial.monitor.psi import Bins, count_numbers
from perennial.records import DriftCheck, FeatureDrift
from perennial.tasks import task_of


@dataclass(frozen=True, eq=False)
class ScoredDay:
    """A published day, with what its scores are measured against.

    Attributes:
        scores: of every current row; order and index do not matter.
        reference_mean_score: the mean on rows that the fits had not seen, as the version records it.
    """

    model: Model
    as_of: date
    version: int
    scores: pd.Series
    reference_mean_score: float

    def __str__(self) -> str:
        return f"{self.model.name}, as_of {self.as_of}"


def measure_drift(reference: ReferenceProfile, current: pd.DataFrame, day: ScoredDay) -> DriftCheck:
    """Compare what the champion sees now with what it was trained on.

    Args:
        reference: the profile of its training rows; its columns are the ones that are checked.
        current: the rows scored now; further columns (segments) are ignored.

    Raises:
        SnapshotMissing: either side, or the scores, has no rows.
        SchemaMismatch: a column of the reference is absent now, or is no longer a number.
        MetricNotFinite: a score or the reference mean does not allow a relative shift.
    """
    _check_inputs(reference, current, day)
    limits = day.model.monitoring
    silent = {*day.model.features.no_drift_trigger.columns, *day.model.training.exclude}
    by_chance = partial(find_index_by_chance, entities=reference.entities, columns=len(reference.columns))
    features = tuple(
        _measure_feature(
            before, current[before.column], limit=limits.feature_psi, by_chance=by_chance, can_trigger=before.column not in silent
        )
        for before in reference.columns
    )
    triggering = [feature.is_drifted for feature in features if feature.can_trigger]
    drifted_share = sum(triggering) / len(triggering) if triggering else 0.0
    former, now = reference.scores, to_numbers(day.scores)
    scale = task_of(day.model).find_scale(former.deviation, day.reference_mean_score)
    shift = _measure_shift(day, scale)
    by_chance_alone = find_shift_by_chance(former, now, entities=reference.entities) / scale
    shift_limit = max(limits.prediction_shift, by_chance_alone)
    return DriftCheck(
        model=day.model.name,
        as_of=day.as_of,
        version=day.version,
        rows=len(current),
        features=features,
        drifted_share=drifted_share,
        prediction_shift=shift,
        score_psi=Bins(np.array(former.counts), count_numbers(now, np.array(former.edges))).index,
        is_drifted=drifted_share > limits.drifted_share or abs(shift) > shift_limit,
        shift_limit=shift_limit,
    )


def _check_inputs(reference: ReferenceProfile, current: pd.DataFrame, day: ScoredDay) -> None:
    if not all((reference.rows, len(current), len(day.scores), reference.scores.rows)):
        raise SnapshotMissing(
            f"{day}: drift needs rows on both sides; found {reference.rows} training rows, {len(current)} current rows, "
            f"{reference.scores.rows} and {len(day.scores)} scores of them."
        )
    absent = [each.column for each in reference.columns if each.column not in current.columns]
    if absent:
        raise SchemaMismatch(f"{day}: columns that version {day.version} was trained on are absent now: {', '.join(absent)}.")


def _measure_shift(day: ScoredDay, scale: float) -> float:
    """The move of the mean score, in units of the scale."""
    now, before = float(day.scores.mean()), day.reference_mean_score
    if not (np.isfinite(now) and np.isfinite(before) and scale > 0):
        raise MetricNotFinite(f"{day}: a mean score of {now} against {before} gives no relative shift.")
    return now / scale - before / scale


def _measure_feature(
    reference: ColumnProfile, current: pd.Series, *, limit: float, by_chance: Callable[[Bins], float], can_trigger: bool
) -> FeatureDrift:
    bins, missing, mean = reference.describe(current)
    allowed = max(limit, by_chance(bins))
    return FeatureDrift(
        column=reference.column,
        psi=bins.index,
        reference_mean=reference.mean,
        current_mean=mean,
        reference_missing=reference.missing,
        current_missing=missing,
        is_drifted=bins.index > allowed,
        can_trigger=can_trigger,
        limit=allowed,
    )
