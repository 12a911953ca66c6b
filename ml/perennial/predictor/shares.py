"""What every feature adds to a row's score, read from the tables of a booster instead of walking its trees."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perennial.predictor.encoding import Matrix
from perennial.predictor.native import NativeBooster
from perennial.predictor.shap_tables import GROUP_BITS, TABLE_BYTES, Condition, Table, expect_value, make_tables
from perennial.predictor.trees import Decision, Forest, UnreadTrees, read_forests

log = logging.getLogger(__name__)

BLOCK_ROWS = 8192  # the sums of 30 features then fit the second cache
BATCH_TABLES = 128  # sums in single precision are carried over after as many, and answers forgotten: about 8 MB
TOLERANCE = 1e-5  # between the tables and a library's sums in single precision; of contributions above 1 a share of the largest
Bits = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Batch:
    """Tables that are added in one go, their conditions by place among all distinct ones of the batch."""

    decisions: tuple[Decision, ...]
    conditions: tuple[tuple[tuple[int, bool], ...], ...]  # place of a decision, the answer it must have
    tables: tuple[tuple[tuple[int, ...], Table], ...]  # places of the conditions, the last bit first


@dataclass(frozen=True, eq=False)
class Shares:
    """The tables of a booster, or of one of its classes.

    Args:
        base: what is said about a row of which nothing is known; with a row's contributions it adds up to its margin.
        precision: in which the library compares a value with a threshold.
    """

    batches: tuple[Batch, ...]
    base: float
    precision: type[np.float32 | np.float64]

    def contribute(self, matrix: Matrix) -> Matrix:
        """Exact TreeSHAP contributions, one column per feature, in the units of the link.

        Beside the result, and the tables, it holds a few times 8 MB, whatever the number of rows.
        """
        shares = np.zeros(matrix.shape)
        for begin in range(0, len(matrix), BLOCK_ROWS):
            part = slice(begin, begin + BLOCK_ROWS)
            columns: NDArray[np.floating] = np.ascontiguousarray(matrix[part].T, dtype=self.precision)
            total = np.zeros(columns.shape)
            for batch in self.batches:
                total += _add_tables(batch, columns)
            shares[part] = total.T
        return shares


def make_shares(booster: NativeBooster) -> tuple[Shares, ...]:
    """Tables for a booster: of classes those of each, which share the memory that one may take.

    Raises:
        UnreadTrees: they do not cover it.
    """
    try:
        forests = read_forests(booster)
        return tuple(_make_shares(forest, TABLE_BYTES // len(forests)) for forest in forests)
    except RecursionError as error:
        raise UnreadTrees("a tree has more levels than Python steps down") from error


def _make_shares(forest: Forest, most_bytes: int) -> Shares:
    tables = make_tables(forest, most_bytes)
    parts = (tables[begin : begin + BATCH_TABLES] for begin in range(0, len(tables), BATCH_TABLES))
    return Shares(tuple(_make_batch(part) for part in parts), expect_value(forest), forest.precision)


def trust_shares(booster: NativeBooster, rows: Matrix, expected: Matrix, model: str) -> tuple[Shares, ...] | None:
    """Tables that say of `rows` what the library does; None, and a line in the log, where the library must do it.

    Args:
        expected: what the library says: outputs by rows by features.
    """
    try:
        shares = make_shares(booster)
    except UnreadTrees as cause:
        log.info("reasons of %s come from the library, not from tables: %s", model, cause)
        return None
    found = [each.contribute(rows) for each in shares]
    worst = float(np.max(np.abs(np.subtract(found, expected)), initial=0.0))
    allowed = TOLERANCE * max(1.0, float(np.max(np.abs(expected), initial=0.0)))
    if not worst <= allowed:
        log.warning(
            "reasons of %s come from the library: on the golden rows the tables differ by %.2g (allowed %.2g)",
            model,
            worst,
            allowed,
        )
        return None
    return shares


def _make_batch(tables: Sequence[Table]) -> Batch:
    """Every distinct condition, and every distinct decision, is answered once."""
    distinct: dict[Condition, int] = {}
    decisions: dict[Decision, int] = {}
    for table in tables:
        for condition in table.conditions:
            distinct.setdefault(condition, len(distinct))
            for decision, _ in condition:
                decisions.setdefault(decision, len(decisions))
    conditions = tuple(tuple((decisions[decision], answer) for decision, answer in each) for each in distinct)
    placed = tuple((tuple(distinct[each] for each in reversed(table.conditions)), table) for table in tables)
    return Batch(tuple(decisions), conditions, placed)


def _add_tables(batch: Batch, columns: NDArray[np.floating]) -> NDArray[np.float32]:
    total = np.zeros(columns.shape, dtype=np.float32)
    found = np.empty(columns.shape[1], dtype=np.float32)
    bits = list(_answer(batch, columns))
    for places, table in batch.tables:
        pattern = _join_bits([bits[place] for place in places])
        for line, feature in zip(table.shares, table.features, strict=True):
            # `clip` spares a copy; a pattern of n bits is always inside.
            line.take(pattern, out=found, mode="clip")
            total[feature] += found
    return total


def _join_bits(bits: Sequence[Bits]) -> NDArray[np.intp]:
    pattern: NDArray[np.unsignedinteger] = bits[0] + (np.uint8(0) if len(bits) <= GROUP_BITS else np.uint16(0))
    for bit in bits[1:]:
        pattern += pattern  # cheaper than a shift
        pattern += bit
    return pattern.astype(np.intp)


def _answer(batch: Batch, columns: NDArray[np.floating]) -> Iterator[Bits]:
    answers = [_decide(decision, columns[decision.feature]) for decision in batch.decisions]
    for (place, answer), *others in batch.conditions:
        met = answers[place] if answer else ~answers[place]
        for other, wanted in others:
            met = met & (answers[other] if wanted else ~answers[other])
        yield met.view(np.uint8)


def _decide(decision: Decision, column: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Whether each row goes left."""
    if decision.codes is not None:
        met = _is_among(decision.codes, column)
        return met | np.isnan(column) if decision.missing == "left" else met
    threshold = column.dtype.type(decision.threshold)
    if decision.missing == "left":
        return ~(column > threshold)
    met = column <= threshold
    return met | np.isnan(column) if decision.missing == "zero" and threshold >= 0 else met


def _is_among(codes: frozenset[int], column: NDArray[np.floating]) -> NDArray[np.bool_]:
    """By look-up, for codes of `encode` are whole and not negative; the last place stands for what is missing or beyond all."""
    beyond = max(codes, default=-1) + 1
    members = np.zeros(beyond + 1, dtype=np.bool_)
    members[list(codes)] = True
    places: NDArray[np.intp] = np.fmin(column, column.dtype.type(beyond)).astype(np.intp)
    return members.take(places, mode="clip")
