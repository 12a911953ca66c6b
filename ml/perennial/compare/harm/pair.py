"""Both models on the same rows, as every guard looks at them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from perennial.compare.contest import ComparisonInput, Contestant
from perennial.compare.measures import MISSING
from perennial.config import Model
from perennial.metrics.panel import Floats, Panel, make_panel
from perennial.metrics.rates import Mask


@dataclass(frozen=True, eq=False)
class Scored:
    """One of the two: `is_selected` says who is on the action list, `rank` counts from 0 within each as_of."""

    scores: Floats
    rank: Floats
    is_selected: Mask


@dataclass(frozen=True, eq=False)
class ScoredPair:
    """Challenger (ours) and champion (theirs) on one panel; `segments` hold text, a missing value has its own."""

    contest: ComparisonInput
    champion: Contestant
    panel: Panel
    ours: Scored
    theirs: Scored
    segments: pd.DataFrame

    @property
    def model(self) -> Model:
        return self.contest.model

    @property
    def newest(self) -> tuple[date, Mask]:
        """The newest as_of and its rows."""
        return self.contest.holdout_as_ofs[-1], self.panel.days == self.panel.days.max()

    def count_carriers(self, rows: Mask) -> int:
        """Different entities among these rows."""
        return len(np.unique(self.panel.entities[rows]))


def make_pair(contest: ComparisonInput, champion: Contestant) -> ScoredPair:
    """Align everything once, in the order of (as_of, entity_id), so that ties do not depend on the order of the rows."""
    labels = contest.labels.sort_index()
    panel = make_panel(labels)
    segments = contest.segments.reindex(labels.index).astype("object")
    return ScoredPair(
        contest=contest,
        champion=champion,
        panel=panel,
        ours=_take_scores(contest.model, panel, panel.align(contest.challenger.scores)),
        theirs=_take_scores(contest.model, panel, panel.align(champion.scores)),
        segments=segments.where(segments.notna(), MISSING).astype(str),
    )


def _take_scores(model: Model, panel: Panel, scores: Floats) -> Scored:
    """On the list is who reaches the threshold, or the first `capacity` of each day: what people act on."""
    rank = np.empty(panel.rows)
    for rows in panel.rows_by_day():
        rank[rows[np.argsort(-scores[rows], kind="stable")]] = np.arange(len(rows))
    capacity = model.promotion.capacity
    return Scored(scores, rank, scores >= model.scoring.threshold if capacity is None else rank < capacity)
