"""How good a version promised to be: what earlier fits of its recipe scored on days that they had not seen."""

from __future__ import annotations

import pandas as pd

from perennial.pipeline.champion import load_version, score_frame, score_set
from perennial.pipeline.walking import Walk
from perennial.records import RecipeEntry, TrainingSet, Version
from perennial.stores import warehouse
from perennial.tasks import Scores


def read_promised(walk: Walk, entry: RecipeEntry, version: Version, training: pd.DataFrame) -> Scores:
    """Scores of its holdout as_ofs, indexed by (as_of, entity_id), by fits that had not seen them.

    A version from before recipes were kept had them held out and scores them itself. Where history was too short to hold
    anything out, its scores of its own training rows must do: they shift by themselves, and are better than none.

    Args:
        training: features of the rows that it was trained on, or of a sample of them, which is then what is scored.
    """
    if not version.holdout_as_ofs:
        return score_frame(load_version(walk.stores, version), training)
    with walk.stores.warehouse.transaction() as session:
        holdout = warehouse.read_training_set(session, walk.declaration, version.holdout_as_ofs)
    return score_holdout(walk, entry, version, holdout)


def score_holdout(walk: Walk, entry: RecipeEntry, version: Version, holdout: TrainingSet) -> Scores:
    """Scores of the rows of its holdout as_ofs, with their index."""
    if max(version.training_as_ofs) + walk.model.embargo <= min(version.holdout_as_ofs):
        return score_set(load_version(walk.stores, version), holdout)
    return walk.score(entry, holdout)
