"""The trees of a booster as one node of ONNX: TreeEnsemble of the operators for machine learning, version 5, in double precision.

That operator compares doubles, asks whether a code is among several, and says for each question where a missing value goes:
all that both libraries ask. The older TreeEnsembleRegressor compares in single precision and knows no sets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from perennial.predictor.trees import Decision, Floats, Forest, Tree

AT_MOST, AMONG = 0, 6  # modes of a question
SUM, AS_IS = 1, 0
FURTHEST = 1e300  # LightGBM's AvoidInf
ZERO = float(np.float32(1e-35))  # LightGBM's kZeroThreshold: rows are read without what is no larger


@dataclass(eq=False)
class _Columns:
    """What the operator takes as lists: questions and leaves of all trees, one after another."""

    roots: list[int] = field(default_factory=list)
    features: list[int] = field(default_factory=list)
    modes: list[int] = field(default_factory=list)
    thresholds: list[float] = field(default_factory=list)
    missing: list[int] = field(default_factory=list)
    members: list[float] = field(default_factory=list)
    true_ids: list[int] = field(default_factory=list)
    true_leaves: list[int] = field(default_factory=list)
    false_ids: list[int] = field(default_factory=list)
    false_leaves: list[int] = field(default_factory=list)
    targets: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)


def grow_order(forests: Sequence[Forest]) -> list[tuple[Tree, int]]:
    """Every tree with the output that it adds to, in the order in which they were grown: classes take turns."""
    return [
        (tree, output) for round_ in zip(*(each.trees for each in forests), strict=True) for output, tree in enumerate(round_)
    ]


def sum_trees(forests: Sequence[Forest]) -> Mapping[str, object]:
    """Attributes of the node that gives the sum of the trees for every output, without what stands before them."""
    columns = _Columns()
    for tree, output in grow_order(forests):
        _add_tree(columns, tree, forests[output].precision, output, tree.values)
    return _write(columns, len(forests))


def number_leaves(forests: Sequence[Forest]) -> Mapping[str, object]:
    """The same questions; instead of a sum each tree gives the number of its leaf, as a column of its own."""
    columns = _Columns()
    for number, (tree, output) in enumerate(grow_order(forests)):
        _add_tree(columns, tree, forests[output].precision, number, np.arange(len(tree.values), dtype=np.float64))
    return _write(columns, sum(len(each.trees) for each in forests))


def widen_threshold(threshold: float, precision: type[np.float32 | np.float64]) -> float:
    """The largest double that a library of this precision finds at most `threshold`, for it changes a value before it compares.

    In single precision it rounds. Worked example: the single number next to .1 is 0.100000001490116; what lies up to half way to
    the one above is rounded to it, and the middle itself to whichever of both is even. In double precision, which is
    LightGBM's, what lies within 1e-35 of 0 counts as 0, and the dump writes infinity as 1e300.
    """
    if precision is np.float64:
        if abs(threshold) >= FURTHEST:
            return float(np.copysign(np.inf, threshold))
        return threshold if abs(threshold) > ZERO else ZERO if threshold >= 0 else float(np.nextafter(-ZERO, -np.inf))
    below = np.float32(threshold)
    if not np.isfinite(below):
        return threshold
    middle = (float(below) + float(np.nextafter(below, np.float32(np.inf)))) / 2
    is_even = int(below.view(np.uint32)) % 2 == 0
    return middle if is_even else float(np.nextafter(middle, -np.inf))


def _add_tree(columns: _Columns, tree: Tree, precision: type[np.float32 | np.float64], target: int, values: Floats) -> None:
    """Args: what its leaves add to, and what each node adds that is one."""
    questions = [node for node, decision in enumerate(tree.decisions) if decision is not None]
    leaves = [node for node, decision in enumerate(tree.decisions) if decision is None]
    first_leaf = len(columns.targets)
    places = {node: len(columns.features) + place for place, node in enumerate(questions)}
    places |= {node: first_leaf + place for place, node in enumerate(leaves)}
    columns.roots.append(len(columns.features))
    columns.targets += [target] * len(leaves)
    columns.values += values[leaves].tolist()
    if not questions:  # the operator wants a question: one whose answers are the same leaf
        _ask(columns, Decision(0, 0.0, "right"), precision)
        _lead(columns, (first_leaf, 1), (first_leaf, 1))
    for node in questions:
        decision = tree.decisions[node]
        assert decision is not None
        _ask(columns, decision, precision)
        left, right = int(tree.left[node]), int(tree.right[node])
        _lead(columns, (places[left], int(tree.left[left] < 0)), (places[right], int(tree.left[right] < 0)))


def _ask(columns: _Columns, decision: Decision, precision: type[np.float32 | np.float64]) -> None:
    goes_left = decision.missing == "left" or (decision.missing == "zero" and decision.threshold >= 0)
    columns.features.append(decision.feature)
    columns.missing.append(int(goes_left))
    if decision.codes is None:
        columns.modes.append(AT_MOST)
        columns.thresholds.append(widen_threshold(decision.threshold, precision))
    else:
        columns.modes.append(AMONG)
        columns.thresholds.append(0.0)
        columns.members += [*map(float, sorted(decision.codes)), np.nan]


def _lead(columns: _Columns, true: tuple[int, int], false: tuple[int, int]) -> None:
    columns.true_ids.append(true[0])
    columns.true_leaves.append(true[1])
    columns.false_ids.append(false[0])
    columns.false_leaves.append(false[1])


def _write(columns: _Columns, outputs: int) -> Mapping[str, object]:
    attributes: dict[str, object] = {
        "aggregate_function": SUM,
        "post_transform": AS_IS,
        "n_targets": outputs,
        "tree_roots": columns.roots,
        "nodes_featureids": columns.features,
        "nodes_modes": _as_tensor(np.array(columns.modes, dtype=np.uint8)),
        "nodes_splits": _as_tensor(np.array(columns.thresholds, dtype=np.float64)),
        "nodes_missing_value_tracks_true": columns.missing,
        "nodes_truenodeids": columns.true_ids,
        "nodes_trueleafs": columns.true_leaves,
        "nodes_falsenodeids": columns.false_ids,
        "nodes_falseleafs": columns.false_leaves,
        "leaf_targetids": columns.targets,
        "leaf_weights": _as_tensor(np.array(columns.values, dtype=np.float64)),
    }
    if columns.members:
        attributes["membership_values"] = _as_tensor(np.array(columns.members, dtype=np.float64))
    return attributes


def _as_tensor(values: NDArray[np.float64] | NDArray[np.uint8]) -> onnx.TensorProto:
    return numpy_helper.from_array(values)
