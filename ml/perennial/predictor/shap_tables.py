"""Tables of exact SHAP values: for every group of leaves that few conditions decide, the shares of every pattern of answers.

A leaf counts for a row by which features of its path the row satisfies. Its shares are known for every such pattern before
a row is seen, and leaves that hang on the same few answers share one table, so that a row costs a look-up per group.

Source: Lundberg et al. 2020, "From local explanations to global understanding with explainable AI for trees", path-dependent:
a feature that is not known goes both ways, in the shares of the training rows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from perennial.predictor.trees import Decision, Floats, Forest, Tree, UnreadTrees

Condition = tuple[tuple[Decision, bool], ...]  # decisions about one feature and the answers they must have
GROUP_BITS = 8  # a byte; 256 patterns: a column of a table stays in the fastest cache
LEAF_BITS = 14  # a single leaf below more features: the booster is left to the library
TABLE_BYTES = 256 * 2**20  # for all tables of a booster
WORK_BYTES = 16 * 2**20  # of patterns that are reckoned at once; some eight times as much is held meanwhile


@dataclass(frozen=True, eq=False)
class Leaf:
    """A leaf as a row meets it.

    Args:
        paths: per feature above it, the conditions with the answers that lead here.
        shares: per feature, the share of training rows that took its branches.
    """

    value: float
    paths: Mapping[int, Mapping[Condition, bool]]
    shares: Mapping[int, float]


@dataclass(eq=False)
class Group:
    """Leaves that the same few conditions decide."""

    leaves: list[Leaf] = field(default_factory=list)

    @property
    def conditions(self) -> tuple[Condition, ...]:
        return tuple(dict.fromkeys(each for leaf in self.leaves for path in leaf.paths.values() for each in path))

    @property
    def features(self) -> tuple[int, ...]:
        return tuple(sorted({feature for leaf in self.leaves for feature in leaf.paths}))


@dataclass(frozen=True, eq=False)
class Table:
    """Shares by pattern: one line per feature of `features`, one column per pattern; bit i answers `conditions[i]`."""

    conditions: tuple[Condition, ...]
    features: tuple[int, ...]
    shares: NDArray[np.float32]


@dataclass(frozen=True)
class _Step:
    """A branch taken on the way to a node."""

    decision: Decision
    answer: bool
    share: float


def make_tables(forest: Forest, most_bytes: int = TABLE_BYTES) -> list[Table]:
    """The tables of all trees; a tree of a single leaf has none. Beside them it holds a few hundred MB, however many trees.

    Raises:
        UnreadTrees: a leaf lies below more than LEAF_BITS features, or the tables would take more than `most_bytes`.
    """
    return [table for part in _portion(_list_groups(forest, most_bytes)) for table in _fill_tables(part)]


def _list_groups(forest: Forest, most_bytes: int) -> Iterator[Group]:
    """The groups of all trees that decide anything, tree by tree, while their tables are neither too deep nor too large."""
    size = 0
    for tree in forest.trees:
        for group in _merge_groups(_split_tree(tree, 0, ())):
            bits, lines = len(group.conditions), len(group.features)
            if bits > LEAF_BITS:
                raise UnreadTrees(f"a leaf lies below {bits} features, more than {LEAF_BITS}")
            size += 4 * lines << bits
            if size > most_bytes:
                raise UnreadTrees(f"tables would take more than {most_bytes >> 20} MB")
            if bits:
                yield group


def _portion(groups: Iterator[Group]) -> Iterator[list[Group]]:
    """As many at a time as are worked on at once."""
    part: list[Group] = []
    size = 0
    for group in groups:
        part.append(group)
        size += sum(8 * len(leaf.paths) << len(leaf.paths) for leaf in group.leaves)
        if size >= WORK_BYTES:
            yield part
            part, size = [], 0
    yield part


def expect_value(forest: Forest) -> float:
    """What is said about a row of which nothing is known, in the units of the link: shares are counted from here."""
    return forest.base + sum(_expect_tree(tree) for tree in forest.trees)


def _expect_tree(tree: Tree) -> float:
    leaves = tree.left < 0
    return float(tree.covers[leaves] @ tree.values[leaves] / tree.covers[leaves].sum())


def _split_tree(tree: Tree, node: int, steps: tuple[_Step, ...]) -> Iterator[Group]:
    """The largest subtrees that few enough conditions decide: what led to them, one per feature, and what they ask."""
    inner = _count_decisions(tree, node)
    if inner == 0 or inner + len({step.decision.feature for step in steps}) <= GROUP_BITS:
        yield Group(list(_list_leaves(tree, node, steps, ())))
        return
    for child, step in _list_branches(tree, node):
        yield from _split_tree(tree, child, (*steps, step))


def _list_leaves(tree: Tree, node: int, led: tuple[_Step, ...], asked: tuple[_Step, ...]) -> Iterator[Leaf]:
    if tree.decisions[node] is None:
        yield _make_leaf(float(tree.values[node]), led, asked)
        return
    for child, step in _list_branches(tree, node):
        yield from _list_leaves(tree, child, led, (*asked, step))


def _list_branches(tree: Tree, node: int) -> Iterator[tuple[int, _Step]]:
    decision = tree.decisions[node]
    assert decision is not None
    for child, answer in ((int(tree.left[node]), True), (int(tree.right[node]), False)):
        share = float(tree.covers[child] / tree.covers[node]) if tree.covers[node] else 0.0
        yield child, _Step(decision, answer, share)


def _count_decisions(tree: Tree, node: int) -> int:
    if tree.decisions[node] is None:
        return 0
    return 1 + _count_decisions(tree, int(tree.left[node])) + _count_decisions(tree, int(tree.right[node]))


def _make_leaf(value: float, led: tuple[_Step, ...], asked: tuple[_Step, ...]) -> Leaf:
    """What led to the group is one condition per feature; what the group asks stays a condition per decision."""
    conditions: dict[int, dict[Decision, bool]] = defaultdict(dict)
    shares: dict[int, float] = defaultdict(lambda: 1.0)
    for step in led:
        conditions[step.decision.feature][step.decision] = step.answer
    paths = {feature: _join(answers) for feature, answers in conditions.items()}
    for step in asked:
        paths.setdefault(step.decision.feature, {})[((step.decision, True),)] = step.answer
    for step in (*led, *asked):
        shares[step.decision.feature] *= step.share
    return Leaf(value, paths, dict(shares))


def _join(answers: Mapping[Decision, bool]) -> dict[Condition, bool]:
    if len(answers) == 1:
        ((decision, answer),) = answers.items()
        return {((decision, True),): answer}
    return {tuple(answers.items()): True}


def _merge_groups(groups: Iterator[Group]) -> list[Group]:
    """Neighbours together while few enough conditions decide them."""
    merged: list[Group] = []
    for group in groups:
        both = Group([*merged[-1].leaves, *group.leaves]) if merged else group
        if merged and len(both.conditions) <= GROUP_BITS:
            merged[-1] = both
        else:
            merged.append(group)
    return merged


def _fill_tables(groups: list[Group]) -> list[Table]:
    shares = _share_leaves([leaf for group in groups for leaf in group.leaves])
    return [_fill_table(group, shares) for group in groups]


def _fill_table(group: Group, shares: Mapping[int, Floats]) -> Table:
    conditions, features = group.conditions, group.features
    bits = {condition: place for place, condition in enumerate(conditions)}
    patterns = np.arange(1 << len(conditions))
    answers = (patterns[None, :] >> np.arange(len(conditions))[:, None]) & 1 == 1
    total = np.zeros((len(features), len(patterns)))
    for leaf in group.leaves:
        codes = np.zeros(len(patterns), dtype=np.int64)
        for place, path in enumerate(leaf.paths.values()):
            codes |= _meets(answers, bits, path).astype(np.int64) << place
        lines = [features.index(feature) for feature in leaf.paths]
        total[lines] += shares[id(leaf)][codes].T
    return Table(conditions, features, total.astype(np.float32))


def _meets(answers: NDArray[np.bool_], bits: Mapping[Condition, int], path: Mapping[Condition, bool]) -> NDArray[np.bool_]:
    met = np.ones(answers.shape[1], dtype=np.bool_)
    for condition, wanted in path.items():
        met &= answers[bits[condition]] == wanted
    return met


def _share_leaves(leaves: list[Leaf]) -> dict[int, Floats]:
    """By id of a leaf: patterns by features of its path; leaves of one length are reckoned together."""
    lengths: dict[int, list[Leaf]] = defaultdict(list)
    for leaf in leaves:
        lengths[len(leaf.paths)].append(leaf)
    found: dict[int, Floats] = {}
    for equals in lengths.values():
        shares = np.array([[leaf.shares[feature] for feature in leaf.paths] for leaf in equals])
        values = np.array([leaf.value for leaf in equals])
        found |= {id(leaf): each for leaf, each in zip(equals, share_paths(values, shares), strict=True)}
    return found


def share_paths(values: Floats, shares: Floats) -> Floats:
    """Shapley values of leaves below `d` features each: leaves by 2^d patterns of satisfied features by `d`.

    Known features let the whole value through or nothing, unknown ones their share of the rows: a product over features.
    A Shapley weight is the integral of t^s (1-t)^(d-1-s), so the sum over all sets of known features is the integral of
    (satisfied - share) times the product of share (1-t) + satisfied t over the others, a polynomial that quadrature at d/2
    points gives exactly.
    """
    depth = shares.shape[1]
    satisfied = (np.arange(1 << depth)[:, None] >> np.arange(depth)[None, :]) & 1
    total = np.zeros((len(values), 1 << depth, depth))
    points, weights = np.polynomial.legendre.leggauss((depth + 1) // 2)
    for point, weight in zip((points + 1) / 2, weights / 2, strict=True):
        factors = shares[:, None, :] * (1 - point) + satisfied[None] * point
        ones = np.ones((*factors.shape[:2], 1))
        before = np.concatenate([ones, np.cumprod(factors[:, :, :-1], axis=2)], axis=2)
        after = np.concatenate([np.cumprod(factors[:, :, :0:-1], axis=2)[:, :, ::-1], ones], axis=2)
        total += weight * before * after
    return values[:, None, None] * (satisfied[None] - shares[:, None, :]) * total
