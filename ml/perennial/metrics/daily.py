"""The gain in AUC as_of by as_of, with all rows of one entity counted as one piece of evidence over all of them.

A sequential test needs more than the mean and its error: how much each new as_of adds to what is known already. Label
windows of neighbouring as_ofs overlap, so that their errors move together; the covariance of entity sums says how much.

Sources: DeLong, DeLong and Clarke-Pearson 1988 (influence of a row), Obuchowski 1997 (sums within entities).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from perennial.errors import MetricNotFinite, OneClassLabels
from perennial.metrics.auc import auc_within
from perennial.metrics.panel import AS_OF, Floats, Ints, Panel, make_panel


@dataclass(frozen=True, eq=False)
class DailyGain:
    """Differences of AUC within each as_of, challenger minus champion.

    Attributes:
        as_ofs: on which both classes occur, oldest first.
        gains: shape (as_ofs,).
        influence: shape (entities, as_ofs): by how much each entity pulls the gain of each as_of; columns sum to 0.
        positive_entities, negative_entities: entities that carry at least one such label: AUC is as uncertain as the rarer
            of the two is.
    """

    as_ofs: tuple[date, ...]
    gains: Floats
    influence: Floats
    positive_entities: int
    negative_entities: int

    def first(self, count: int) -> DailyGain:
        """Only the oldest as_ofs; the entities of each class stay those of all."""
        kept = self.influence[:, :count]
        return DailyGain(self.as_ofs[:count], self.gains[:count], kept, self.positive_entities, self.negative_entities)

    @property
    def estimate(self) -> float:
        """The mean over as_ofs."""
        return float(self.gains.mean())

    @property
    def covariance(self) -> Floats:
        """Of the gains of any two as_ofs, shape (as_ofs, as_ofs)."""
        found: Floats = self._small_sample * self.influence.T @ self.influence
        return found

    @property
    def standard_error(self) -> float:
        """Of the mean."""
        return float(np.sqrt(self._small_sample * np.square(self.influence.mean(axis=1)).sum()))

    @property
    def degrees_of_freedom(self) -> float:
        """How well the standard error itself is known: few heavy entities make it a guess.

        Satterthwaite's 2 E(v)^2 / Var(v) for v, the sum over entities of squared influences.
        """
        squares = np.square(self.influence.mean(axis=1))
        spread = float(np.square(squares).sum() - squares.sum() ** 2 / len(squares))
        return float(2 * squares.sum() ** 2 / spread) if spread > 0 else float(len(squares))

    @property
    def _small_sample(self) -> float:
        return len(self.influence) / (len(self.influence) - 1)


def paired_auc_by_day(challenger: pd.Series, champion: pd.Series, labels: pd.Series) -> DailyGain:
    """The challenger's AUC minus the champion's within each as_of, on the same rows.

    Raises:
        MisalignedScores: the three do not cover the same rows.
        MetricNotFinite: a score is NaN or infinite.
        OneClassLabels: no as_of has both classes.
    """
    panel = make_panel(labels)
    ours, theirs = panel.align(challenger), panel.align(champion)
    days = list(panel.two_class_days())
    if not days:
        raise OneClassLabels(f"None of the as_ofs holds both classes ({panel.rows} rows): there is nothing to rank.")
    parts = [_compare_within(panel, rows, ours, theirs) for rows in days]
    gains = np.array([gain for gain, _ in parts])
    influence = np.column_stack([by_entity for _, by_entity in parts])
    if not (np.isfinite(gains).all() and np.isfinite(influence).all()):
        raise MetricNotFinite(f"A gain in AUC is not finite on {len(days)} as_ofs.")
    positive, negative = (_count_entities(panel, days, is_positive=kind) for kind in (True, False))
    return DailyGain(_name_days(panel, days), gains, influence, positive, negative)


def _compare_within(panel: Panel, rows: Ints, ours: Floats, theirs: Floats) -> tuple[float, Floats]:
    our_auc, our_influence = auc_within(ours[rows], panel.is_positive[rows])
    their_auc, their_influence = auc_within(theirs[rows], panel.is_positive[rows])
    summed = np.bincount(panel.entities[rows], weights=our_influence - their_influence, minlength=panel.entity_count)
    return our_auc - their_auc, np.asarray(summed, dtype=np.float64)


def _name_days(panel: Panel, days: list[Ints]) -> tuple[date, ...]:
    stamps = panel.index.get_level_values(AS_OF)
    return tuple(pd.Timestamp(stamps[rows[0]]).date() for rows in days)


def _count_entities(panel: Panel, days: list[Ints], *, is_positive: bool) -> int:
    rows = np.concatenate(days)
    return len(np.unique(panel.entities[rows][panel.is_positive[rows] == is_positive]))
