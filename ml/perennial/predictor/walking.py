"""Few rows through all trees of XGBoost at once, by look-ups in arrays; the sums have the library's own bits.

The library takes longer to be called than to walk one row. Here every tree takes its next step at the same time, level by level,
so that a row costs some thirty calls of numpy. Values are compared as the library does, in single precision, and leaves are added
as it adds them: in single precision, one after another, beginning with what stands before the trees.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from perennial.predictor.encoding import Matrix
from perennial.predictor.trees import Decision, Forest, Tree, UnreadTrees, read_forests

if TYPE_CHECKING:
    import xgboost

Places = NDArray[np.intp]
Singles = NDArray[np.float32]

MOST_STEPS = 60_000
"""Rows times trees times levels. A step costs more than it costs the library, and a call of the library a tenth of a millisecond
more than one of these (`bench/serving.py`): beyond some 80,000 steps the library is faster."""


@dataclass(frozen=True, eq=False)
class CodeAnswers:
    """What the questions about one category answer to each of its codes: a column for each question, 0 for left and 1 for right.

    The last line is of what is missing, the one before it of codes that no question names.
    """

    feature: int
    lines: Singles

    def answer(self, codes: Matrix) -> Singles:
        """Rows by questions."""
        missing = len(self.lines) - 1
        places = np.where(np.isnan(codes), missing, np.minimum(codes, missing - 1)).astype(np.intp)
        return self.lines.take(places, axis=0)


@dataclass(frozen=True, eq=False)
class Walker:
    """Trees as arrays, their nodes numbered through.

    The children of a node stand side by side, the right one first, so that a row goes on at `children` plus whether it goes left;
    a leaf leads to itself. Of each output there is a leaf more before its trees: what it begins with.

    Attributes:
        columns, thresholds, children, values: by node. A column is one of a widened row: the inputs; the inputs with what is
            missing as the smallest of numbers, which goes left; a 0; and an answer for every question about codes.
        roots: outputs by trees.
        levels: steps that the deepest leaf is away.
        answers: by category.
    """

    columns: Places
    thresholds: Singles
    children: Places
    values: Singles
    roots: Places
    levels: int
    inputs: int
    answers: tuple[CodeAnswers, ...]

    def count_steps(self, rows: int) -> int:
        """How much work so many rows are."""
        return rows * self.roots.size * self.levels

    def add_leaves(self, matrix: Matrix) -> Singles:
        """The margins that the library gives, in single precision: one per row, of several outputs one per row and output."""
        wide = self._widen(matrix)
        nodes = np.repeat(self.roots.reshape(1, -1), len(matrix), axis=0)
        begins = np.arange(0, wide.size, wide.shape[1], dtype=np.intp)[:, None]
        values = wide.ravel()
        places = np.empty_like(nodes)
        found, thresholds = np.empty(nodes.shape, np.float32), np.empty(nodes.shape, np.float32)
        goes_left = np.empty(nodes.shape, np.bool_)
        for _ in range(self.levels):
            # `clip` spares a copy; every place is inside.
            self.columns.take(nodes, out=places, mode="clip")
            if len(matrix) > 1:
                places += begins
            values.take(places, out=found, mode="clip")
            self.thresholds.take(nodes, out=thresholds, mode="clip")
            np.less_equal(found, thresholds, out=goes_left)
            self.children.take(nodes, out=places, mode="clip")
            np.add(places, goes_left, out=nodes)
        leaves = self.values.take(nodes).reshape(len(matrix), *self.roots.shape)
        # `sum` would add in pairs.
        sums = np.add.accumulate(leaves, axis=2)[:, :, -1]
        return sums[:, 0] if len(self.roots) == 1 else sums

    def _widen(self, matrix: Matrix) -> Singles:
        width = self.inputs
        wide = np.zeros((len(matrix), 2 * width + 1 + sum(each.lines.shape[1] for each in self.answers)), dtype=np.float32)
        wide[:, :width] = matrix
        wide[:, width : 2 * width] = np.where(np.isnan(matrix), -np.inf, matrix)
        begin = 2 * width + 1
        for each in self.answers:
            end = begin + each.lines.shape[1]
            wide[:, begin:end] = each.answer(matrix[:, each.feature])
            begin = end
        return wide


def make_walker(booster: xgboost.Booster) -> Walker | None:
    """The trees of a booster; None where the library is faster even for one row, or has trees that are not read here."""
    rounds, inputs = booster.num_boosted_rounds(), booster.num_features()
    if not 0 < rounds <= MOST_STEPS:
        return None
    try:
        forests = read_forests(booster)
        walker = _lay_out(forests, _find_bases(booster, inputs, len(forests)), inputs)
    except UnreadTrees:
        return None
    return walker if walker.count_steps(1) <= MOST_STEPS else None


def _find_bases(booster: xgboost.Booster, inputs: int, outputs: int) -> Singles:
    """What stands before the trees, as the library itself has it: what it predicts by a round whose leaves are all 0."""
    learner = json.loads(bytes(booster[0:1].save_raw("json")))
    for tree in learner["learner"]["gradient_booster"]["model"]["trees"]:
        pairs = zip(tree["split_conditions"], tree["left_children"], strict=True)
        tree["split_conditions"] = [0.0 if left < 0 else condition for condition, left in pairs]
    empty = type(booster)({"nthread": 1}, model_file=bytearray(json.dumps(learner).encode()))
    margins = empty.inplace_predict(np.zeros((1, inputs)), predict_type="margin", validate_features=False)
    return np.asarray(margins, dtype=np.float32).reshape(outputs)


class _Nodes:
    """Grows the arrays of a walker, tree after tree."""

    def __init__(self, zero: int) -> None:
        self.columns: list[int] = []
        self.thresholds: list[float] = []
        self.children: list[int] = []
        self.values: list[float] = []
        self._zero = zero

    def add_leaf(self, value: float) -> int:
        """A node at which rows stay: 0 is not at most -1, and so they go right, to itself."""
        self.columns.append(self._zero)
        self.thresholds.append(-1.0)
        self.children.append(len(self.children))
        self.values.append(value)
        return len(self.children) - 1

    def add_tree(self, tree: Tree, find_column: dict[Decision, tuple[int, float]]) -> tuple[int, int]:
        """Its root, and its levels below it."""
        root = self.add_leaf(float(tree.values[0]))
        level, depth = [(0, root)], 0
        while level:
            below = []
            for node, place in level:
                decision = tree.decisions[node]
                if decision is None:
                    continue
                self.columns[place], self.thresholds[place] = find_column[decision]
                self.children[place] = len(self.children)
                below += [(child, self.add_leaf(float(tree.values[child]))) for child in (tree.right[node], tree.left[node])]
            level, depth = below, depth + bool(below)
        return root, depth


def _lay_out(forests: Sequence[Forest], bases: Singles, inputs: int) -> Walker:
    if len({len(forest.trees) for forest in forests}) > 1:
        raise UnreadTrees("outputs have different numbers of trees")
    decisions = dict.fromkeys(
        decision for forest in forests for tree in forest.trees for decision in tree.decisions if decision is not None
    )
    answers, asked = _answer_codes([decision for decision in decisions if decision.codes is not None])
    first = 2 * inputs + 1
    columns = {each: (first + asked[each], 0.5) if each.codes is not None else _choose_column(each, inputs) for each in decisions}
    nodes, roots, levels = _Nodes(2 * inputs), [], 0
    for forest, base in zip(forests, bases, strict=True):
        row = [nodes.add_leaf(float(base))]
        for tree in forest.trees:
            root, depth = nodes.add_tree(tree, columns)
            row.append(root)
            levels = max(levels, depth)
        roots.append(row)
    return Walker(
        np.array(nodes.columns, dtype=np.intp),
        np.array(nodes.thresholds, dtype=np.float32),
        np.array(nodes.children, dtype=np.intp),
        np.array(nodes.values, dtype=np.float32),
        np.array(roots, dtype=np.intp),
        levels,
        inputs,
        answers,
    )


def _choose_column(decision: Decision, inputs: int) -> tuple[int, float]:
    """Nothing is at most a threshold, or less, than what is missing: as it is it goes right."""
    if decision.missing == "zero":
        raise UnreadTrees("zeros stand for what is missing")
    return decision.feature + (inputs if decision.missing == "left" else 0), decision.threshold


def _answer_codes(decisions: Iterable[Decision]) -> tuple[tuple[CodeAnswers, ...], dict[Decision, int]]:
    """Answers by category, and the column of each question among all of them."""
    by_feature: dict[int, list[Decision]] = {}
    for decision in decisions:
        by_feature.setdefault(decision.feature, []).append(decision)
    answers: list[CodeAnswers] = []
    asked: dict[Decision, int] = {}
    for feature, questions in by_feature.items():
        beyond = 1 + max(max(each.codes or {-1}) for each in questions)
        lines = np.ones((beyond + 2, len(questions)), dtype=np.float32)
        for column, each in enumerate(questions):
            asked[each] = len(asked)
            lines[list(each.codes or ()), column] = 0
            lines[-1, column] = float(each.missing != "left")
        answers.append(CodeAnswers(feature, lines))
    return tuple(answers), asked
