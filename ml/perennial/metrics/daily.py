"""The gain as_of by as_of, with all rows of one entity counted as one piece of evidence over all of them.

A sequential test needs more than the mean and its error: how much each new as_of adds to what is known already. Label
windows of neighbouring as_ofs overlap, so that their errors move together; the covariance of entity sums says how much.
As_ofs are a sample too: what is common to all rows of one, a shock, is no entity's, and its covariance is added.

Sources: DeLong, DeLong and Clarke-Pearson 1988 (influence of a row), Obuchowski 1997 (sums within entities).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from statistics import NormalDist

import numpy as np
import pandas as pd

from perennial.errors import MetricNotFinite, OneClassLabels
from perennial.metrics.auc import auc_of_day
from perennial.metrics.panel import Floats, Ints, Panel, make_panel
from perennial.records import Interval

POSITIVE, NEGATIVE = "carry a positive label", "carry a negative label"


@dataclass(frozen=True, eq=False)
class DailyGain:
    """By how much the challenger is better than the champion within each as_of: in AUC, in normalised Gini, or in a loss.

    Attributes:
        as_ofs: on which the two can be told apart (for an AUC both classes occur), oldest first.
        gains: shape (as_ofs,), positive is better.
        influence: shape (entities, as_ofs): by how much each entity pulls the gain of each as_of; columns sum to 0.
        entities_by_group: how many different entities do what the name of each group says, as in `carry a positive label`:
            the gain is as uncertain as the smallest group is small.
        shocks: covariance of what is common to all rows of an as_of, shape (as_ofs, as_ofs); None: there is nothing.
        shock_freedom: degrees of freedom with which the shocks are known.
    """

    as_ofs: tuple[date, ...]
    gains: Floats
    influence: Floats
    entities_by_group: Mapping[str, int]
    shocks: Floats | None = None
    shock_freedom: float = np.inf

    def first(self, count: int) -> DailyGain:
        """Only the oldest as_ofs; the entities of each group stay those of all."""
        shocks = None if self.shocks is None else self.shocks[:count, :count]
        kept = self.influence[:, :count]
        return replace(self, as_ofs=self.as_ofs[:count], gains=self.gains[:count], influence=kept, shocks=shocks)

    def with_shocks(self, shocks: Floats, *, freedom: float) -> DailyGain:
        """The same gains, less certain by what is common to all rows of an as_of."""
        return replace(self, shocks=shocks, shock_freedom=freedom)

    @property
    def estimate(self) -> float:
        """The mean over as_ofs."""
        return float(self.gains.mean())

    def interval(self, confidence: float) -> Interval:
        """The two-sided normal interval of the mean."""
        reach = NormalDist().inv_cdf((1 + confidence) / 2) * self.standard_error
        return Interval(self.estimate, self.estimate - reach, self.estimate + reach, self.standard_error)

    @property
    def covariance(self) -> Floats:
        """Of the gains of any two as_ofs, shape (as_ofs, as_ofs)."""
        return self.within if self.shocks is None else self.within + self.shocks

    @property
    def shock(self) -> float:
        """Standard deviation of what is common to all rows of an as_of."""
        return 0.0 if self.shocks is None else float(np.sqrt(np.diagonal(self.shocks).mean()))

    @property
    def within(self) -> Floats:
        """The part of the covariance that comes from which entities were seen."""
        found: Floats = self._small_sample * self.influence.T @ self.influence
        return found

    @property
    def surplus(self) -> float:
        """By how much the gains vary between as_ofs beyond what entities explain; below 0 by chance, NaN for one as_of."""
        count = len(self.gains)
        if count < 2:  # noqa: PLR2004 - one as_of has no variance
            return float("nan")
        within = self.within
        apart = (within.sum() - np.trace(within)) / (count * (count - 1))
        return float(self.gains.var(ddof=1) - np.trace(within) / count + apart)

    @property
    def standard_error(self) -> float:
        """Of the mean."""
        return float(np.sqrt(self._variance_within + self._variance_of_shocks))

    @property
    def degrees_of_freedom(self) -> float:
        """How well the standard error itself is known: few heavy entities make it a guess.

        Satterthwaite's 2 E(v)^2 / Var(v) for v, the sum over entities of squared influences.
        """
        squares = np.square(self.influence.mean(axis=1))
        spread = float(np.square(squares).sum() - squares.sum() ** 2 / len(squares))
        return self.mix_freedom(float(2 * squares.sum() ** 2 / spread) if spread > 0 else float(len(squares)))

    def mix_freedom(self, within: float) -> float:
        """Degrees of freedom of the whole variance, where its entities' part has `within` (Satterthwaite)."""
        parts = (self._variance_within, within), (self._variance_of_shocks, self.shock_freedom)
        spread = sum(variance**2 / freedom for variance, freedom in parts)
        return self.standard_error**4 / spread if spread > 0 and self.shocks is not None else within

    @property
    def _variance_within(self) -> float:
        return float(self._small_sample * np.square(self.influence.mean(axis=1)).sum())

    @property
    def _variance_of_shocks(self) -> float:
        return 0.0 if self.shocks is None else float(self.shocks.mean())

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
    is_ranked = np.isin(panel.days, panel.days[[rows[0] for rows in days]])
    groups = {POSITIVE: panel.is_positive & is_ranked, NEGATIVE: ~panel.is_positive & is_ranked}
    counted = {name: panel.count_entities(members) for name, members in groups.items()}
    return DailyGain(panel.name_days(days), gains, influence, counted)


def _compare_within(panel: Panel, rows: Ints, ours: Floats, theirs: Floats) -> tuple[float, Floats]:
    our_auc, our_influence = auc_of_day(panel, rows, ours)
    their_auc, their_influence = auc_of_day(panel, rows, theirs)
    return our_auc - their_auc, panel.sum_by_entity(rows, our_influence - their_influence)
