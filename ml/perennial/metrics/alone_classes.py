"""How well one feature ranks by itself where labels are classes: the highest AUC for any class against the others.

Every column is measured against the same labels, so that whatever follows from these alone is made once. Of one order of the rows
the AUCs of all classes follow from one sort of each day: from how many rows of every class stand on every value.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from perennial.errors import OneClassLabels
from perennial.metrics.alone import halve_entities, list_orders, turn
from perennial.metrics.auc import auc_of_day, interval_of_auc
from perennial.metrics.classes import Classes
from perennial.metrics.panel import Floats, Ints, Panel
from perennial.records import Interval

Booleans = np.ndarray[tuple[int], np.dtype[np.bool_]]


@dataclass(frozen=True, eq=False)
class _Order:
    """An order of the rows, with the AUC that a class has in it, in the direction that is the better one."""

    code: int
    values: Floats
    auc: float

    @property
    def strength(self) -> float:
        return self.auc if self.auc >= 0.5 else 1 - self.auc  # noqa: PLR2004 - chance


class AloneOfClasses:
    """The rows against which columns are measured.

    Args:
        rows: with the class of each.
        compared: the codes of the classes that stand against the others.
    """

    def __init__(self, rows: Classes, compared: Sequence[int]) -> None:
        self._rows, self._compared = rows, compared
        self._days = list(rows.rows_by_day())
        self._half = halve_entities(rows.index)
        self._members = {code: rows.codes == code for code in compared}

    def rank(self, values: Floats, *, is_category: bool) -> Interval:
        """The highest AUC, the first one of several that are equal, with its interval.

        Args:
            values: one per row, NaN where unknown; of a category its codes.

        Raises:
            OneClassLabels: no as_of has different classes.
            MetricNotFinite: a value is infinite.
        """
        found = self._rank_category(values) if is_category else self._rank_numbers(values)
        best = max(found, key=lambda order: order.strength, default=None)
        if best is None:
            raise OneClassLabels(
                f"None of the as_ofs holds different classes ({self._rows.rows} rows): there is nothing to rank."
            )
        return turn(interval_of_auc(self._against(best.code), best.values, confidence=0.95))

    def _rank_numbers(self, values: Floats) -> Iterator[_Order]:
        """Every class in turn, with each end at which missing values may stand."""
        orders = [self._check(each) for each in list_orders(values)]
        aucs = [self._measure(each, self._compared) for each in orders]
        for code in self._compared:
            yield from (_Order(code, order, of[code]) for order, of in zip(orders, aucs, strict=True) if code in of)

    def _rank_category(self, codes: Floats) -> Iterator[_Order]:
        """Every class in turn, by its own rates."""
        _, places = np.unique(np.where(np.isnan(codes), -1, codes), return_inverse=True)
        for code in self._compared:
            rates = self._rate(places, self._members[code])
            yield from (_Order(code, rates, auc) for auc in self._measure(rates, [code]).values())

    def _rate(self, places: Ints, is_member: Booleans) -> Floats:
        """As `rate_of_category` of `metrics.alone`: the share of the class among the other half of the entities."""
        overall, count = is_member.mean(), int(places.max(initial=-1)) + 1
        rates = np.full(len(places), overall)
        for side in (True, False):
            others = self._half == side
            came, among = np.bincount(places[others & is_member], minlength=count), np.bincount(places[others], minlength=count)
            known = np.where(among > 0, came / np.maximum(among, 1), overall)
            rates[~others] = known[places[~others]]
        return rates

    def _check(self, values: Floats) -> Floats:
        return self._rows.align(pd.Series(values, self._rows.index))

    def _against(self, code: int) -> Panel:
        return Panel(self._rows.index, self._rows.days, self._rows.entities, self._members[code])

    def _measure(self, values: Floats, compared: Sequence[int]) -> dict[int, float]:
        """The mean over as_ofs of the AUC of each class against the others, where one holds both."""
        found: dict[int, list[float]] = {code: [] for code in compared}
        for rows in self._days:
            for code, auc in self._measure_day(rows, values, compared):
                found[code].append(auc)
        return {code: float(np.mean(aucs)) for code, aucs in found.items() if aucs}

    def _measure_day(self, rows: Ints, values: Floats, compared: Sequence[int]) -> Iterator[tuple[int, float]]:
        """The components of `auc_within`, of which every rank is a whole number of halves, and so exact however it is counted."""
        sizes = np.bincount(self._rows.codes[rows], minlength=max(compared) + 1)
        differing = [code for code in compared if 0 < sizes[code] < len(rows)]
        if self._rows.weights is not None:
            yield from ((code, auc_of_day(self._against(code), rows, values)[0]) for code in differing)
            return
        _, group = np.unique(values[rows], return_inverse=True)
        below = _count_below(group)
        for code in differing:
            members = group[self._members[code][rows]]
            others_below = below - _count_below(members, len(below))
            component = others_below[members] / int(len(rows) - sizes[code])
            yield code, float(component.mean())


def _count_below(group: Ints, count: int = 0) -> Floats:
    """For each value how many rows stand below it, those that stand on it counted half."""
    on = np.bincount(group, minlength=count)
    return np.asarray(np.cumsum(on) - on / 2)
