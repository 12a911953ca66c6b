"""Rows that a graph could get wrong: for every question of every tree, those that lie on it and right beside it.

A row counts only if it gets as far as the question. So each begins as a golden row in which the features that were asked on the
way have values that lead there; then the feature in question takes, one after another, the threshold, the numbers of single
precision around it, the middle at which rounding turns, the doubles beside each of these, and none; of a category all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from perennial.predictor import Feature
from perennial.predictor.encoding import Matrix
from perennial.predictor.trees import Decision, Forest, Tree

LARGEST = float(np.finfo(np.float32).max)  # above it XGBoost sees infinity and refuses the row
BATCH = 4096  # rows; a tree has a column of its own in the proof


@dataclass(frozen=True)
class Allowed:
    """Which values of a feature lead to a node: numbers in (low, high], or codes; and whether a missing one does."""

    low: float = -np.inf
    high: float = np.inf
    codes: frozenset[int] = frozenset()
    is_missing: bool = True

    def answer(self, decision: Decision, answer: bool) -> Allowed:  # noqa: FBT001 - left or right
        """What is left of them on one side of a question."""
        goes_left = decision.missing == "left" or (decision.missing == "zero" and decision.threshold >= 0)
        is_missing = self.is_missing and goes_left == answer
        if decision.codes is not None:
            codes = self.codes & decision.codes if answer else self.codes - decision.codes
            return replace(self, codes=codes, is_missing=is_missing)
        if answer:
            return replace(self, high=min(self.high, decision.threshold), is_missing=is_missing)
        return replace(self, low=max(self.low, decision.threshold), is_missing=is_missing)

    def choose(self, feature: Feature, precision: type[np.float32 | np.float64]) -> float | None:
        """One of them; None where there is none."""
        if feature.kind == "category":
            return float(min(self.codes)) if self.codes else np.nan if self.is_missing else None
        if self.low < self.high:
            above = float(np.nextafter(precision(self.low), precision(np.inf)))
            return self.high if np.isfinite(self.high) else above if np.isfinite(self.low) else 0.0
        return np.nan if self.is_missing else None


@dataclass(eq=False)
class Adversaries:
    """Makes the rows; `questions` and `unreachable` count once all were taken.

    Attributes:
        unreachable: questions to which no row can come, because those above them contradict each other.
    """

    features: Sequence[Feature]
    forests: Sequence[Forest]
    golden: Matrix
    questions: int = field(default=0, init=False)
    unreachable: int = field(default=0, init=False)

    def draw(self) -> Iterator[Matrix]:
        """All rows in batches, the golden ones first."""
        waiting = [self.golden, *self._vary_golden()]
        for rows in self._vary_questions():
            waiting.append(rows)
            if sum(map(len, waiting)) >= BATCH:
                yield np.concatenate(waiting)
                waiting = []
        if waiting:
            yield np.concatenate(waiting)

    def _vary_golden(self) -> Iterator[Matrix]:
        """Each feature missing, 0, or any code, beside golden rows: what a linear recipe could get wrong."""
        for place, feature in enumerate(self.features):
            values = [np.nan, *range(feature.width)] if feature.kind == "category" else [np.nan, 0.0, -0.0]
            yield _put(self.golden[place % len(self.golden)], place, values)

    def _vary_questions(self) -> Iterator[Matrix]:
        codes = {place: frozenset(range(each.width)) for place, each in enumerate(self.features) if each.kind == "category"}
        whole = {place: Allowed(codes=codes.get(place, frozenset())) for place in range(len(self.features))}
        for forest in self.forests:
            for tree in forest.trees:
                for decision, led in _walk(tree, whole):
                    yield from self._vary(decision, led, forest.precision)

    def _vary(self, decision: Decision, led: dict[int, Allowed], precision: type[np.float32 | np.float64]) -> Iterator[Matrix]:
        base = self.golden[self.questions % len(self.golden)].copy()
        self.questions += 1
        for place, allowed in led.items():
            value = allowed.choose(self.features[place], precision)
            if value is None:
                self.unreachable += 1
                return
            base[place] = value
        width = self.features[decision.feature].width
        yield _put(base, decision.feature, list_values(decision, width, precision))


def _walk(tree: Tree, whole: dict[int, Allowed]) -> Iterator[tuple[Decision, dict[int, Allowed]]]:
    """Every question, with what was allowed of the features that were asked on the way to it."""
    waiting: list[tuple[int, dict[int, Allowed]]] = [(0, {})]
    while waiting:
        node, led = waiting.pop()
        decision = tree.decisions[node]
        if decision is None:
            continue
        yield decision, led
        before = led.get(decision.feature, whole[decision.feature])
        for child, answer in ((tree.left[node], True), (tree.right[node], False)):
            waiting.append((int(child), led | {decision.feature: before.answer(decision, answer)}))


def list_values(decision: Decision, width: int, precision: type[np.float32 | np.float64]) -> list[float]:
    """What the feature of a question is set to.

    Args:
        width: number of codes, of a category.
    """
    if decision.codes is not None:
        return [np.nan, *map(float, range(width))]
    largest = LARGEST if precision is np.float32 else float(np.finfo(np.float64).max)
    exact = [decision.threshold, *_list_singles(decision.threshold, precision)]
    beside = [float(np.nextafter(value, towards)) for value in exact for towards in (-np.inf, np.inf)]
    return [np.nan, *sorted({value for value in (*exact, *beside) if abs(value) <= largest})]


def _list_singles(value: float, precision: type[np.float32 | np.float64]) -> list[float]:
    """The nearest number of single precision and those on either side, and the middle up to which one rounds to it."""
    if abs(value) >= LARGEST:
        return []
    nearest = np.float32(value)
    down, up = (float(np.nextafter(nearest, np.float32(towards))) for towards in (-np.inf, np.inf))
    middle = [(float(nearest) + up) / 2] if precision is np.float32 else []
    return [down, float(nearest), up, *middle]


def _put(row: Matrix, place: int, values: Sequence[float]) -> Matrix:
    rows = np.repeat(row[None, :], len(values), axis=0)
    rows[:, place] = values
    return rows
