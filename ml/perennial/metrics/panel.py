"""Labels as arrays that every metric shares, and scores brought into the same order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from perennial.errors import MetricNotFinite, MisalignedScores

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
AS_OF, ENTITY, CLUSTER = 0, 1, 2
WEIGHT, VALUE = "weight", "value"


@dataclass(frozen=True, eq=False)
class AlignedRows:
    """One row per (as_of, entity_id), whatever its label is.

    Attributes:
        days, entities: codes of the as_of and the entity of each row, counted from 0; where the index has a third level,
            the cluster, that stands for the entity: copies of each other are one piece of evidence.
    """

    index: pd.MultiIndex
    days: Ints
    entities: Ints

    @cached_property
    def weights(self) -> Floats | None:
        """What each row weighs, above 0; None: all alike."""
        return self._read_level(WEIGHT)

    @cached_property
    def worth(self) -> Floats | None:
        """What acting on each row is worth; None: nobody said so."""
        return self._read_level(VALUE)

    def _read_level(self, name: str) -> Floats | None:
        return self.index.get_level_values(name).to_numpy(dtype=np.float64) if name in self.index.names else None

    def weigh(self, drawn: Floats) -> Floats:
        """Weights of whole replicates, shape (replicates, rows), times what each row weighs."""
        return drawn if self.weights is None else drawn * self.weights

    def average(self, values: Floats) -> tuple[float, Floats]:
        """The mean over all rows, and what each row contributes to its error."""
        if self.weights is None:
            mean = float(values.mean())
            return mean, (values - mean) / self.rows
        mean = float(np.average(values, weights=self.weights))
        return mean, self.weights * (values - mean) / self.weights.sum()

    @property
    def rows(self) -> int:
        return len(self.days)

    @property
    def entity_count(self) -> int:
        return int(self.entities.max()) + 1 if self.rows else 0

    def rows_by_day(self) -> Iterator[Ints]:
        """The positions of the rows of each as_of."""
        order = np.argsort(self.days, kind="stable")
        yield from np.split(order, np.flatnonzero(np.diff(self.days[order])) + 1)

    def name_days(self, days: list[Ints]) -> tuple[date, ...]:
        """The as_ofs that the given rows, as `rows_by_day` has them, belong to."""
        stamps = self.index.get_level_values(AS_OF)
        return tuple(pd.Timestamp(stamps[rows[0]]).date() for rows in days)

    def sum_by_entity(self, rows: Ints, influence: Floats) -> Floats:
        """The influence values of some rows, summed within entities; one value per entity of all rows."""
        return np.bincount(self.entities[rows], weights=influence, minlength=self.entity_count).astype(np.float64)

    def count_entities(self, is_counted: npt.NDArray[np.bool_]) -> int:
        """Entities with at least one of the rows that count."""
        return len(np.unique(self.entities[is_counted]))

    def align(self, scores: pd.Series) -> Floats:
        """The scores in the order of this panel.

        Raises:
            MisalignedScores: scores and labels do not cover the same rows.
            MetricNotFinite: a score is NaN or infinite.
        """
        if not scores.index.equals(self.index):
            check_same_rows(scores.index, self.index)
            scores = scores.reindex(self.index)
        values = scores.to_numpy(dtype=np.float64)
        if not np.isfinite(values).all():
            broken = int((~np.isfinite(values)).sum())
            raise MetricNotFinite(f"{broken} of {len(values)} scores are NaN or infinite: no metric follows from them.")
        return values


@dataclass(frozen=True, eq=False)
class Panel(AlignedRows):
    """Rows whose label is 0 or 1; `is_positive` is true for 1."""

    is_positive: npt.NDArray[np.bool_]

    def two_class_days(self) -> Iterator[Ints]:
        """Only the as_ofs on which both classes occur; on the others no ranking can be assessed."""
        for rows in self.rows_by_day():
            positives = int(self.is_positive[rows].sum())
            if 0 < positives < len(rows):
                yield rows


@dataclass(frozen=True, eq=False)
class Amounts(AlignedRows):
    """Rows whose label is an amount: any finite number, in the units of the target."""

    amounts: Floats

    def differing_days(self) -> Iterator[Ints]:
        """Only the as_ofs on which amounts differ; on the others no order is better than another."""
        for rows in self.rows_by_day():
            if np.ptp(self.amounts[rows]) > 0:
                yield rows


def make_panel(labels: pd.Series) -> Panel:
    """Read labels (0 or 1) indexed by (as_of, entity_id), or (as_of, entity_id, cluster).

    Raises:
        MisalignedScores: the index is neither, or a row occurs twice.
        MetricNotFinite: a label is missing or neither 0 nor 1.
    """
    index, days, entities = code_rows(labels)
    values = labels.to_numpy(dtype=np.float64)
    if not np.isin(values, (0.0, 1.0)).all():
        raise MetricNotFinite("A label is missing or neither 0 nor 1.")
    return Panel(index, days, entities, values == 1.0)


def make_amounts(labels: pd.Series) -> Amounts:
    """Read labels (finite numbers) indexed by (as_of, entity_id), or (as_of, entity_id, cluster).

    Raises:
        MisalignedScores: the index is neither, or a row occurs twice.
        MetricNotFinite: there is no label, or one is missing or infinite.
    """
    index, days, entities = code_rows(labels)
    values = labels.to_numpy(dtype=np.float64)
    broken = int((~np.isfinite(values)).sum())
    if broken or not len(values):
        raise MetricNotFinite(f"{broken} of {len(values)} labels are missing or infinite, or there is none: nothing to compare.")
    return Amounts(index, days, entities, values)


def code_rows(labels: pd.Series) -> tuple[pd.MultiIndex, Ints, Ints]:
    """The index of the labels, with the codes of as_ofs and entities (or clusters).

    Raises:
        MisalignedScores: the index is neither (as_of, entity_id) nor (as_of, entity_id, cluster), or a row occurs twice.
    """
    index = labels.index
    if not isinstance(index, pd.MultiIndex) or index.nlevels <= ENTITY or not {WEIGHT, VALUE}.issuperset(index.names[CLUSTER:-1]):
        raise MisalignedScores(f"Labels are indexed by {index.names}; expected (as_of, entity_id), or a cluster beside them.")
    if not index.is_unique:
        raise MisalignedScores(
            f"{int(index.duplicated().sum())} rows of the labels occur twice; expected one per (as_of, entity_id)."
        )
    return index, _code(index, AS_OF), _code(index, index.nlevels - 1)


def _code(index: pd.MultiIndex, level: int) -> Ints:
    """Sorted codes: the same rows in another order get the same codes, so that seeded draws do not depend on the order."""
    return pd.factorize(index.get_level_values(level), sort=True)[0]


def check_same_rows(found: pd.Index, expected: pd.Index) -> None:
    """Raise `MisalignedScores` unless both hold the same rows, each once, in any order."""
    if found.equals(expected) and found.is_unique:
        return
    if not found.is_unique or len(found) != len(expected) or (found.get_indexer(expected) < 0).any():
        raise MisalignedScores(
            f"{len(found)} rows stand against {len(expected)} rows of labels, and they are not the same (as_of, entity_id)."
        )
