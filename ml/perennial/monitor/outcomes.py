"""How good a publication turned out to be, once its labels have matured."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from perennial.config import Model
from perennial.errors import MisalignedScores
from perennial.metrics import NOTHING_BESIDE, enter_beside, index_day
from perennial.records import Publication, Realised
from perennial.tasks import Scores, task_of


def realise(
    model: Model, publication: Publication, scores: Scores, labels: pd.Series, beside: Mapping[str, pd.Series] = NOTHING_BESIDE
) -> Realised:
    """The realised metrics of one publication.

    Args:
        scores: as published, indexed by entity_id.
        labels: of that as_of, indexed by entity_id; entities that were not scored (quarantined) are left out.
        beside: what their rows weigh and are worth, indexed by entity_id as well, where the model names that.

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
    index = index_day(scores.index, publication.as_of)
    known = {name: column.set_axis(index_day(column.index, publication.as_of)) for name, column in beside.items()}
    labels = labels.reindex(scores.index).set_axis(index)
    told, came = enter_beside(scores.set_axis(index), known), enter_beside(labels, known)
    task = task_of(model)
    mean_score, base_rate = task.average(told, came)
    return Realised(
        model=publication.model,
        as_of=publication.as_of,
        version=publication.version,
        rows=len(scores),
        positives=task.count_positives(labels),
        metrics=task.realise(told, came, model.promotion.confidence),
        mean_score=mean_score,
        base_rate=base_rate,
    )
