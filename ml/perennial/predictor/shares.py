"""What every feature adds to a row's score, read from the tables of a booster instead of walking its trees."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import lightgbm
import numpy as np
import xgboost
from numpy.typing import NDArray

from perennial.predictor.encoding import Matrix
from perennial.predictor.shap_tables import Condition, Table, expect_value, make_tables
from perennial.predictor.trees import Decision, Floats, Forest, read_trees

BLOCK_ROWS = 4096  # the sums of 30 features then fit the second cache
BATCH_TABLES = 128  # sums in single precision are carried over after as many, and answers forgotten: at most 8 MB each
Answers = dict[Condition, NDArray[np.bool_]]
Column = NDArray[np.float32] | NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Shares:
    """The tables of a booster.

    Args:
        base: what is said about a row of which nothing is known; with a row's contributions it adds up to its margin.
    """

    tables: Sequence[Table]
    base: float
    precision: type[np.float32] | type[np.float64]

    def contribute(self, matrix: Matrix) -> Matrix:
        """Exact TreeSHAP contributions, one column per feature, in the units of the link.

        Beside the result it holds some 30 MB, whatever the number of rows.
        """
        shares = np.zeros((matrix.shape[1], len(matrix)))
        for begin in range(0, len(matrix), BLOCK_ROWS):
            part = slice(begin, begin + BLOCK_ROWS)
            columns = np.ascontiguousarray(matrix[part].T.astype(self.precision))
            for first in range(0, len(self.tables), BATCH_TABLES):
                shares[:, part] += _add_tables(self.tables[first : first + BATCH_TABLES], columns)
        return np.ascontiguousarray(shares.T)


def make_shares(booster: xgboost.Booster | lightgbm.Booster) -> Shares:
    """Tables for a booster.

    Raises:
        UnreadTrees: they do not cover it.
    """
    forest: Forest = read_trees(booster)
    return Shares(make_tables(forest), expect_value(forest), forest.precision)


def _add_tables(tables: Sequence[Table], columns: Column) -> NDArray[np.float32]:
    rows = columns.shape[1]
    answers = _answer(tables, columns)
    total = np.zeros(columns.shape, dtype=np.float32)
    found = np.empty((max(len(table.features) for table in tables), rows), dtype=np.float32)
    for table in tables:
        pattern = _join_bits(table.conditions, answers)
        for line, feature in enumerate(table.features):
            # `clip` spares the check of every place; a pattern of n bits is always inside.
            np.take(table.shares[line], pattern, out=found[line], mode="clip")
            total[feature] += found[line]
    return total


def _join_bits(conditions: Sequence[Condition], answers: Answers) -> NDArray[np.intp]:
    pattern = np.zeros(len(answers[conditions[0]]), dtype=np.uint8 if len(conditions) <= 8 else np.uint16)
    for condition in reversed(conditions):
        pattern <<= 1
        pattern |= answers[condition]
    return pattern.astype(np.intp)


def _answer(tables: Iterable[Table], columns: Column) -> Answers:
    """Every distinct condition once."""
    wanted = dict.fromkeys(condition for table in tables for condition in table.conditions)
    decisions = dict.fromkeys(decision for condition in wanted for decision, _ in condition)
    single = dict(_decide_all(decisions, columns))
    return {condition: _meet(condition, single) for condition in wanted}


def _meet(condition: Condition, single: Mapping[Decision, NDArray[np.bool_]]) -> NDArray[np.bool_]:
    (first, answer), *others = condition
    if not others:
        return single[first] if answer else ~single[first]
    met = single[first] == answer
    for decision, wanted in others:
        met &= single[decision] == wanted
    return met


def _decide_all(decisions: Iterable[Decision], columns: Column) -> Iterator[tuple[Decision, NDArray[np.bool_]]]:
    for decision in decisions:
        yield decision, _decide(decision, columns[decision.feature])


def _decide(decision: Decision, column: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Whether each row goes left."""
    if decision.codes is not None:
        met = np.isin(column, np.array(sorted(decision.codes), dtype=column.dtype))
        return met | np.isnan(column) if decision.missing == "left" else met
    threshold = column.dtype.type(decision.threshold)
    if decision.missing == "left":
        return ~(column > threshold)
    met = column <= threshold
    return met | np.isnan(column) if decision.missing == "zero" and threshold >= 0 else met
