"""How good a publication turned out to be, once its labels have matured."""

from __future__ import annotations

from datetime import date

import pandas as pd

from perennial.config import Model
from perennial.errors import MisalignedScores
from perennial.records import Publication, Realised
from perennial.tasks import Scores, task_of


def realise(model: Model, publication: Publication, scores: Scores, labels: pd.Series) -> Realised:
    """The realised metrics of one publication.

    Args:
        scores: as published, indexed by entity_id.
        labels: of that as_of, indexed by entity_id; entities that were not scored (quarantined) are left out.

    Returns:
        A metric is NaN on all sides where the labels leave it undefined: a day on which one class alone came true ranks nobody.

    Raises:
        MisalignedScores: a scored entity has no label, or nothing was scored.
    """
    unlabelled = int((~scores.index.isin(labels.index)).sum())
    if unlabelled or scores.empty:
        raise MisalignedScores(
            f"{publication.model}, as_of {publication.as_of}: {unlabelled} of {len(scores)} scored entities have no label."
        )
    index = _index_by_day(scores.index, publication.as_of)
    labels = labels.reindex(scores.index).set_axis(index)
    scores = scores.set_axis(index)
    task = task_of(model)
    said, came = task.average(scores, labels)
    return Realised(
        model=publication.model,
        as_of=publication.as_of,
        version=publication.version,
        rows=len(scores),
        positives=task.count_positives(labels),
        metrics=task.realise(scores, labels, model.promotion.confidence),
        mean_score=said,
        base_rate=came,
    )


def _index_by_day(entities: pd.Index, as_of: date) -> pd.MultiIndex:
    return pd.MultiIndex.from_product([[pd.Timestamp(as_of)], entities], names=["as_of", "entity_id"])
