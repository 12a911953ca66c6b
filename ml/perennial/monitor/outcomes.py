"""How good a publication turned out to be, once its labels have matured."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from perennial import metrics
from perennial.errors import MisalignedScores, OneClassLabels
from perennial.records import Interval, Publication, Realised


def realise(publication: Publication, scores: pd.Series, labels: pd.Series, *, confidence: float) -> Realised:
    """The realised metrics of one publication.

    Args:
        scores: as published, indexed by entity_id.
        labels: 0 or 1 of that as_of, indexed by entity_id; entities that were not scored (quarantined) are left out.

    Returns:
        `auc` is NaN on all sides when only one class came true: such a day ranks nobody.

    Raises:
        MisalignedScores: a scored entity has no label, or nothing was scored.
    """
    unlabelled = int((~scores.index.isin(labels.index)).sum())
    if unlabelled or scores.empty:
        raise MisalignedScores(
            f"{publication.model}, as_of {publication.as_of}: {unlabelled} of {len(scores)} scored entities have no label."
        )
    scores = _index_by_day(scores, publication.as_of)
    labels = _index_by_day(labels, publication.as_of).reindex(scores.index)
    return Realised(
        model=publication.model,
        as_of=publication.as_of,
        version=publication.version,
        rows=len(scores),
        positives=int(labels.sum()),
        auc=_realise_auc(scores, labels, confidence=confidence),
        log_loss=metrics.log_loss(scores, labels),
        mean_score=float(scores.mean()),
        base_rate=float(labels.mean()),
    )


def _realise_auc(scores: pd.Series, labels: pd.Series, *, confidence: float) -> Interval:
    try:
        return metrics.auc_with_interval(scores, labels, confidence=confidence)
    except OneClassLabels:
        return Interval(np.nan, np.nan, np.nan, np.nan)


def _index_by_day(column: pd.Series, as_of: date) -> pd.Series:
    index = pd.MultiIndex.from_product([[pd.Timestamp(as_of)], column.index], names=["as_of", "entity_id"])
    return column.set_axis(index)
