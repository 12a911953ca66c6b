"""The trees of a booster as plain arrays, read from the library's own dump."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from perennial.predictor.native import NativeBooster, is_xgboost

Missing = Literal["left", "right", "zero"]  # where NaN goes; "zero": LightGBM saw none in training and reads it as 0
Floats = NDArray[np.float64]
Places = NDArray[np.int64]


class UnreadTrees(Exception):
    """The tables do not cover this booster, for which the library explains; the message says what it has."""


class Decision(NamedTuple):
    """One question to a row, true where it goes left: a number at most `threshold`, or a code among `codes`."""

    feature: int
    threshold: float
    missing: Missing
    codes: frozenset[int] | None = None  # of a category


@dataclass(frozen=True, eq=False)
class Tree:
    """Nodes by number, 0 the root; a leaf has the decision None and the children -1.

    Args:
        covers: what the library weighs a branch by: XGBoost its hessians, LightGBM its rows.
    """

    decisions: tuple[Decision | None, ...]
    left: Places
    right: Places
    covers: Floats
    values: Floats


@dataclass(frozen=True, eq=False)
class Forest:
    """All trees of one output, what stands before them (in the units of the link), and the precision of comparisons."""

    trees: tuple[Tree, ...]
    base: float
    precision: type[np.float32 | np.float64]


def read_forests(booster: NativeBooster) -> tuple[Forest, ...]:
    """The booster's trees: one forest, or of classes one for each.

    Raises:
        UnreadTrees: several targets, DART of XGBoost, linear trees, averaged trees, zeros that count as missing, or a dump of
            another form than that of the libraries' locked versions.
    """
    try:
        if is_xgboost(booster):
            return _read_xgboost(json.loads(bytes(booster.save_raw("json")))["learner"])
        if "\naverage_output\n" in booster.model_to_string(num_iteration=1):
            raise UnreadTrees("LightGBM averages its trees")
        return _read_lightgbm(booster.dump_model())
    except (KeyError, ValueError, TypeError) as error:
        raise UnreadTrees(f"the library's dump has another form: {error!r}") from error


def _read_xgboost(learner: Mapping[str, Any]) -> tuple[Forest, ...]:
    boosting, parameters = learner["gradient_booster"], learner["learner_model_param"]
    bases = np.atleast_1d(np.array(json.loads(parameters["base_score"]), dtype=np.float64))
    if boosting["name"] != "gbtree":
        raise UnreadTrees(f"XGBoost boosts with {boosting['name']}")
    outputs = max(int(parameters["num_class"]), 1)
    if int(parameters["num_target"]) > 1 or len(bases) not in {1, outputs}:
        raise UnreadTrees("XGBoost has several targets")
    trees = [_read_xgboost_tree(tree) for tree in boosting["model"]["trees"]]
    owners, name = boosting["model"]["tree_info"], learner["objective"]["name"]
    return tuple(
        Forest(
            tuple(tree for tree, owner in zip(trees, owners, strict=True) if owner == output),
            _link_base(name, float(base)),
            np.float32,
        )
        for output, base in enumerate(np.broadcast_to(bases, outputs))
    )


def _link_base(objective: str, base: float) -> float:
    """The base score, which the file holds in the units of the target, in those of the link."""
    if objective in {"binary:logistic", "reg:logistic", "binary:logitraw"}:
        return float(np.log(base / (1.0 - base)))
    if objective in {"count:poisson", "reg:tweedie", "reg:gamma"}:
        return float(np.log(base))
    return base


def _read_xgboost_tree(tree: Mapping[str, Any]) -> Tree:
    sets = _read_sets(tree)
    values = np.array(tree["split_conditions"], dtype=np.float32)
    # `below a threshold` in single precision is `at most` the number before it.
    thresholds = np.nextafter(values, np.float32(-np.inf))
    left, right = np.array(tree["left_children"]), np.array(tree["right_children"])
    # XGBoost sends what is in the set to the right: here it goes left.
    swapped = np.isin(np.arange(len(left)), list(sets))
    decisions = tuple(
        None
        if left[node] < 0
        else Decision(
            feature,
            np.inf if node in sets else float(thresholds[node]),
            "left" if bool(tree["default_left"][node]) != (node in sets) else "right",
            sets.get(node),
        )
        for node, feature in enumerate(tree["split_indices"])
    )
    covers = np.array(tree["sum_hessian"], dtype=np.float64)
    left, right = np.where(swapped, right, left), np.where(swapped, left, right)
    return Tree(decisions, left, right, covers, values.astype(np.float64))


def _read_sets(tree: Mapping[str, Any]) -> dict[int, frozenset[int]]:
    """Node -> the codes of its categories."""
    segments = zip(tree["categories_nodes"], tree["categories_segments"], tree["categories_sizes"], strict=True)
    return {node: frozenset(tree["categories"][begin : begin + size]) for node, begin, size in segments}


def _read_lightgbm(dump: Mapping[str, Any]) -> tuple[Forest, ...]:
    """Every round grows a tree for each output, in their order."""
    outputs = dump["num_tree_per_iteration"]
    trees = [_read_lightgbm_tree(each["tree_structure"]) for each in dump["tree_info"]]
    return tuple(Forest(tuple(trees[output::outputs]), 0.0, np.float64) for output in range(outputs))


def _read_lightgbm_tree(root: Mapping[str, Any]) -> Tree:
    nodes = _list_nodes(root)
    places = {id(node): place for place, node in enumerate(nodes)}
    children = [
        [places[id(node[side])] if "split_feature" in node else -1 for node in nodes] for side in ("left_child", "right_child")
    ]
    # A tree of a single leaf names no rows.
    covers = [node.get("internal_count", node.get("leaf_count", 1)) for node in nodes]
    values = [node.get("leaf_value", 0.0) for node in nodes]
    return Tree(
        tuple(_decide_lightgbm(node) for node in nodes),
        np.array(children[0]),
        np.array(children[1]),
        np.array(covers, dtype=np.float64),
        np.array(values, dtype=np.float64),
    )


def _list_nodes(root: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    nodes = [root]
    for node in nodes:  # grows as it is read
        nodes += [node[side] for side in ("left_child", "right_child") if side in node]
    if any("leaf_coeff" in node for node in nodes):
        raise UnreadTrees("LightGBM has linear trees")
    return nodes


def _decide_lightgbm(node: Mapping[str, Any]) -> Decision | None:
    if "split_feature" not in node:
        return None
    if node["decision_type"] == "==":  # a category that is missing goes right, whatever the node says
        codes = frozenset(int(code) for code in node["threshold"].split("||"))
        return Decision(node["split_feature"], np.inf, "right", codes)
    if node["missing_type"] == "Zero":
        raise UnreadTrees("LightGBM reads zeros as missing")
    missing: Missing = "zero" if node["missing_type"] == "None" else "left" if node["default_left"] else "right"
    return Decision(node["split_feature"], float(node["threshold"]), missing)
