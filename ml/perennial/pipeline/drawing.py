"""The arms of a canary that answers requests, where the scores are acted on: everybody whom the hash has drawn, asked for or not.

Who was asked for is not kept: no entity stands in `ledger.requests`. So whole cohorts are compared as they were drawn, by what
came true of them (intention to treat, as trials call it). That errs no more often about who is better; entities that nobody asked
for make the difference smaller, as they make what the canary does to the cohort smaller.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from perennial.compare.arms import ServedRows
from perennial.config import Declaration, Model
from perennial.metrics import add_clusters, enter_beside
from perennial.records.canaries import Canary, find_place
from perennial.stores import warehouse
from perennial.stores.ledger import SharesOfDay
from perennial.stores.sessions import Session


@dataclass(frozen=True)
class Window:
    """The shares that a canary had while the labels of an as_of came true: below `low` always in it, from `high` on never."""

    low: float
    high: float


def find_windows(model: Model, canary: Canary, matured: Sequence[date], shares: Sequence[SharesOfDay]) -> Mapping[date, Window]:
    """The as_ofs, from the start of the canary on, in whose label window it was asked for scores.

    Worked example (horizon 28 days): the share was .05 until 03-10 and is .10 since. Of the as_of 03-01 those below .05 are the
    canary's, those from .10 on the champion's, and the others neither's.
    """
    found = {}
    for day in matured:
        within = [each for each in shares if day <= each.day < day + model.horizon]
        if day >= canary.started_for and within:
            found[day] = Window(min(each.low for each in within), max(each.high for each in within))
    return found


def read_drawn(
    session: Session, declaration: Declaration, canary: Canary, windows: Mapping[date, Window]
) -> tuple[ServedRows, ServedRows] | None:
    """The labels of the champion's and of the canary's arm on these as_ofs; None where there are none."""
    if not windows:
        return None
    rows = warehouse.read_training_set(session, declaration, tuple(windows))
    labels = enter_beside(add_clusters(rows.labels, rows.clusters), rows.beside)
    entities = pd.Series(labels.index.get_level_values("entity_id"))
    places = entities.map({entity: find_place(str(entity), canary.salt) for entity in entities.unique()}).to_numpy(
        dtype=np.float64
    )
    days = [stamp.date() for stamp in labels.index.get_level_values("as_of")]
    is_in = places < np.array([windows[day].low for day in days])
    is_out = places >= np.array([windows[day].high for day in days])
    return ServedRows(None, labels[is_out]), ServedRows(None, labels[is_in])
