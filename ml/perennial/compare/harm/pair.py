"""Both models on the same rows, as every guard looks at them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property

import numpy as np
import pandas as pd

from perennial.compare.contest import ComparisonInput, Contestant
from perennial.compare.measures import MISSING
from perennial.compare.shocks import Shocks, find_shocks
from perennial.config import Model
from perennial.metrics.clustered import clustered_interval
from perennial.metrics.panel import AlignedRows, Floats
from perennial.metrics.rates import Mask
from perennial.tasks import Scores, find_published

MOVED_SHARE = 0.2  # of the realised rate: an action list by a threshold is then about as much too short or too long
MOVED_ERRORS = 3.0


@dataclass(frozen=True, eq=False)
class Scored:
    """One of the two: `is_selected` says who is on the action list, `rank` counts from 0 within each as_of.

    Attributes:
        said: as the task has it, `scores` what is published of it: one number a row.
    """

    said: Scores
    scores: Floats
    rank: Floats
    is_selected: Mask


@dataclass(frozen=True, eq=False)
class ScoredPair:
    """Challenger (ours) and champion (theirs) on one panel; `segments` hold text, a missing value has its own.

    Attributes:
        shocks: of the gain in the headline over all rows; a segment's own as_ofs say too little.
    """

    contest: ComparisonInput
    champion: Contestant
    panel: AlignedRows
    labels: pd.Series
    ours: Scored
    theirs: Scored
    segments: pd.DataFrame
    shocks: Shocks

    @property
    def model(self) -> Model:
        return self.contest.model

    @property
    def carriers(self) -> Mask:
        """The rows that an assessment needs enough of."""
        return self.contest.task.carries(self.labels)

    @cached_property
    def has_moved(self) -> bool:
        """Has the base rate moved away from what the champion says on average, by more than its error explains?"""
        said, came = (each.to_numpy(dtype=np.float64) for each in self.contest.task.pair_rows(self.theirs.said, self.labels))
        rate = abs(self.panel.average(came)[0])
        gap, influence = self.panel.average(came - said)
        away = clustered_interval(gap, influence, self.panel, confidence=0.95)
        return abs(away.estimate) > max(MOVED_SHARE * rate, MOVED_ERRORS * away.standard_error)

    @cached_property
    def theirs_listed(self) -> Scored:
        """The champion with its action list; where the base rate has moved, with one as long each day as the challenger's."""
        if not self.has_moved:
            return self.theirs
        sizes = np.bincount(self.panel.days, weights=self.ours.is_selected)
        return replace(self.theirs, is_selected=self.theirs.rank < sizes[self.panel.days])

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
    panel = contest.task.code_rows(labels)
    segments = contest.segments.reindex(labels.index).astype("object")
    return ScoredPair(
        contest=contest,
        champion=champion,
        panel=panel,
        labels=labels,
        ours=_take_scores(contest, panel, contest.challenger.scores),
        theirs=_take_scores(contest, panel, champion.scores),
        segments=segments.where(segments.notna(), MISSING).astype(str),
        shocks=find_shocks(contest.task.headline.by_day(contest.challenger.scores, champion.scores, contest.labels), contest),
    )


def _take_scores(contest: ComparisonInput, panel: AlignedRows, said: Scores) -> Scored:
    """On the list is whom people act on, as the task has it."""
    scores = panel.align(find_published(said))
    rank = np.empty(panel.rows)
    for rows in panel.rows_by_day():
        rank[rows[np.argsort(-scores[rows], kind="stable")]] = np.arange(len(rows))
    return Scored(said.reindex(panel.index), scores, rank, contest.task.select(panel, scores, rank))
