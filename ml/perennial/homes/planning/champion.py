"""Does the champion still score, and what would it say?"""

from __future__ import annotations

from collections.abc import Iterator
from math import sqrt

import numpy as np
import pandas as pd

from perennial.errors import ArtifactCorrupt, RegistryUnavailable, SchemaMismatch, VersionMissing
from perennial.homes.planning.days import Rows, Trial
from perennial.homes.planning.plan import Item
from perennial.homes.planning.standing import Known
from perennial.pipeline import Stores
from perennial.pipeline.champion import load_version, score_frame
from perennial.predictor import Predictor
from perennial.records import ScoringRules, Tally
from perennial.tasks import find_published


def load_champion(stores: Stores, known: Known) -> tuple[Predictor | None, tuple[Item, ...]]:
    """The version that serves, or why its scores were not looked at."""
    if known.champion is None:
        return None, ()
    try:
        return load_version(stores, known.champion), ()
    except (RegistryUnavailable, VersionMissing, ArtifactCorrupt) as lost:
        return None, (Item("champion", "note", f"Its files cannot be read, so that no score was compared. {lost}"),)


def explain_contract(known: Known, predictor: Predictor | None, trial: Trial) -> Iterator[Item]:
    """Are all columns there that the champion reads? Of which type they are, scoring a day says."""
    if known.champion is None or known.entry is None:
        return
    read = known.entry.recipe.features if predictor is None else predictor.contract.names
    given = {column.name for column in trial.columns}
    lacking = [name for name in read if name not in given]
    who = f"Version {known.champion.version}"
    if lacking:
        yield Item("champion", "breaks", f"{who} cannot score: it reads {', '.join(lacking)}, which features.sql does not give.")
    else:
        yield Item("champion", "same", f"{who} finds the {len(read)} columns that it reads.")


def score_rows(predictor: Predictor, rows: Rows) -> pd.Series:
    """What is published of each entity.

    Raises:
        SchemaMismatch: a column has another type than in the training, is infinite, or is not there.
    """
    return find_published(score_frame(predictor, rows.features))


def try_scores(predictor: Predictor, rows: Rows, as_of: object) -> tuple[pd.Series | None, tuple[Item, ...]]:
    """Scores of a day, or what breaks."""
    try:
        return score_rows(predictor, rows), ()
    except SchemaMismatch as mismatch:
        return None, (Item("champion", "breaks", f"{as_of} cannot be scored: {mismatch}"),)


def explain_shift(rules: ScoringRules, as_of: object, before: pd.Series, after: pd.Series) -> Iterator[Item]:
    """Would the publication be blocked, had the scores of the day as it stands been those of the day before?"""
    for sentence in rules.check(_tally(before, after)):
        yield Item("scores", "breaks", f"{as_of}: the day would not be published: {sentence}")


def _tally(before: pd.Series, after: pd.Series) -> Tally:
    values = after.to_numpy(dtype=float)
    return Tally(
        rows=len(values),
        expected_rows=len(values),
        doubles=0,
        missing=int(np.isnan(values).sum()),
        outside=0,
        mean=float(np.nanmean(values)),
        former_mean=float(before.mean()),
        error=float(np.nanstd(values)) / sqrt(len(values)),
        former_error=float(before.std(ddof=0)) / sqrt(len(before)),
    )
