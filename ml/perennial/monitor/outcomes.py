"""How good a publication turned out to be, once its labels have matured."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import pandas as pd

from perennial.config import Model
from perennial.errors import MisalignedScores
from perennial.metrics import NOTHING_BESIDE, average, enter_beside
from perennial.records import Publication, Realised
from perennial.tasks import task_of


def realise(
    model: Model, publication: Publication, scores: pd.Series, labels: pd.Series, beside: Mapping[str, pd.Series] = NOTHING_BESIDE
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
    scores = _index_by_day(scores, publication.as_of)
    labels = _index_by_day(labels, publication.as_of).reindex(scores.index)
    known = {name: _index_by_day(column, publication.as_of) for name, column in beside.items()}
    told, came = (enter_beside(each, known) for each in (scores, labels))
    task = task_of(model)
    return Realised(
        model=publication.model,
        as_of=publication.as_of,
        version=publication.version,
        rows=len(scores),
        positives=task.count_positives(labels),
        metrics=task.realise(told, came, model.promotion.confidence),
        mean_score=average(told),
        base_rate=average(came),
    )


def _index_by_day(column: pd.Series, as_of: date) -> pd.Series:
    index = pd.MultiIndex.from_product([[pd.Timestamp(as_of)], column.index], names=["as_of", "entity_id"])
    return column.set_axis(index)
