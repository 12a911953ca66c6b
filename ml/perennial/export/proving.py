"""Does a graph say what the version says? Shown on every row of `adversaries`, on the runtime itself, or the export is refused.

Three things are compared, each by what it may differ by. Leaves are numbers of nodes and must be the same ones: a wrong turn that
happens to cost little is a wrong turn. Margins may differ by the rounding of sums: XGBoost adds its leaves in single precision,
the graph in double. What follows from a margin is double on both sides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from perennial.errors import ExportRefused
from perennial.export.adversaries import Adversaries
from perennial.export.ensembles import grow_order
from perennial.export.graphs import CLASS, INPUT, LEAVES, MARGIN, PROBABILITIES, SCORE, build_graph
from perennial.predictor import Predictor, apply_calibrator, apply_link
from perennial.predictor.encoding import Matrix
from perennial.predictor.leaves import find_leaves
from perennial.predictor.linear import predict_linear
from perennial.predictor.native import predict_raw
from perennial.predictor.trees import Forest, UnreadTrees, read_forests

FUNCTION_TOLERANCE = 1e-10  # of link and calibrator, a share of scores above 1: doubles on both sides, other libraries
ALONE = 3  # golden rows that are scored one by one too: a runtime takes other ways for one row than for many
Answers = Mapping[str, NDArray[np.float64]]
Leaves = NDArray[np.int64]


@dataclass(frozen=True)
class Proof:
    """What was compared, and the largest difference of scores (of amounts above 1 a share of them).

    Attributes:
        unreachable: questions of trees to which no row can come.
    """

    rows: int
    questions: int
    unreachable: int
    largest_difference: float


@dataclass(eq=False)
class _Pairs:
    """For every tree, which leaf of the library is which of the graph: one for one, or some row was led elsewhere."""

    graphs: Leaves
    librarys: Leaves

    def find_wrong(self, library: Leaves, graph: Leaves) -> tuple[int, int] | None:
        """The first (row, tree) at which the two part."""
        is_wrong = _pair(self.graphs, library, graph) | _pair(self.librarys, graph, library)
        row, tree = np.unravel_index(int(is_wrong.argmax()), is_wrong.shape)
        return (int(row), int(tree)) if is_wrong[row, tree] else None


def _pair(known: Leaves, leaves: Leaves, others: Leaves) -> NDArray[np.bool_]:
    """Remember what stands beside each leaf of each tree (-1: nothing yet); where something else does."""
    trees = np.arange(leaves.shape[1])
    before = known[trees, leaves]
    known[trees, leaves] = np.where(before < 0, others, before)
    return np.asarray(known[trees, leaves] != others)


def prove_graph(predictor: Predictor) -> tuple[onnx.ModelProto, Proof]:
    """The graph of a loaded version, and the proof that it says the same.

    Raises:
        ExportRefused: it does not, or the version holds what no graph of ours says; the message names the row.
    """
    contract, golden = predictor.contract, predictor.golden
    assert golden is not None
    try:
        forests = read_forests(predictor.booster) if predictor.booster is not None else ()
    except UnreadTrees as error:
        raise ExportRefused(_write(predictor, f"{error}, which the graph cannot say")) from error
    shown = open_session(build_graph(contract, forests, is_shown=True), predictor.threads)
    adversaries, pairs = Adversaries(contract.features, forests, golden), _begin_pairs(forests)
    rows, largest = 0, 0.0
    for matrix in adversaries.draw():
        answers = _run(shown, matrix)
        _check_leaves(predictor, pairs, matrix, answers)
        _check_margins(predictor, forests, matrix, answers)
        largest = max(largest, _check_scores(predictor, matrix, answers))
        rows += len(matrix)
    graph = build_graph(contract, forests)
    _check_final(predictor, open_session(graph, predictor.threads), golden, _run(shown, golden))
    return graph, Proof(rows, adversaries.questions, adversaries.unreachable, largest)


def _begin_pairs(forests: Sequence[Forest]) -> _Pairs:
    trees = [tree for tree, _ in grow_order(forests)]
    shape = len(trees), max((len(tree.decisions) for tree in trees), default=1)
    return _Pairs(np.full(shape, -1), np.full(shape, -1))


def open_session(graph: onnx.ModelProto, threads: int) -> onnxruntime.InferenceSession:
    """The graph on the runtime, with the settings that it has by itself but for the threads."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(graph.SerializeToString(), options, providers=["CPUExecutionProvider"])


def _run(session: onnxruntime.InferenceSession, matrix: Matrix) -> Answers:
    names = [each.name for each in session.get_outputs()]
    return dict(zip(names, session.run(names, {INPUT: matrix}), strict=True))


def _check_leaves(predictor: Predictor, pairs: _Pairs, matrix: Matrix, answers: Answers) -> None:
    if predictor.booster is None:
        return
    found = find_leaves(predictor.booster, matrix, predictor.contract.features, threads=predictor.threads)
    wrong = pairs.find_wrong(found, answers[LEAVES].astype(np.int64))
    if wrong is not None:
        row, tree = wrong
        raise ExportRefused(_write(predictor, f"tree {tree} leads a row to another leaf: {_show(predictor, matrix[row])}"))


def _check_margins(predictor: Predictor, forests: Sequence[Forest], matrix: Matrix, answers: Answers) -> None:
    """Every addition may round once, in the precision of whoever adds in the coarser one."""
    contract, found = predictor.contract, answers[MARGIN]
    precision: type[np.float32 | np.float64] = np.float64
    if contract.linear is not None:
        expected = predict_linear(contract.linear, matrix, contract.features, "identity")
        additions = 1 + contract.expanded_width
    else:
        assert predictor.booster is not None
        expected = predict_raw(predictor.booster, matrix, contract.features, threads=predictor.threads, link="identity")
        additions, precision = 1 + max(len(each.trees) for each in forests), forests[0].precision
    expected = expected.reshape(found.shape)
    allowed = additions * float(np.finfo(precision).eps) * max(1.0, float(np.abs(expected).max()))
    _compare(predictor, matrix, "the margin", found, expected, allowed=np.full(found.shape, allowed))


def _check_scores(predictor: Predictor, matrix: Matrix, answers: Answers) -> float:
    """Link and calibrator are the same functions; returns how far scores lie from those of the version."""
    contract = predictor.contract
    margin = answers[MARGIN] if contract.classes is not None else answers[MARGIN][:, 0]
    found = answers[PROBABILITIES] if contract.classes is not None else answers[SCORE]
    expected = apply_calibrator(contract.calibrator, apply_link(contract.link, margin))
    _compare(predictor, matrix, "the score", found, expected, allowed=_allow(expected))
    if contract.classes is not None:
        _check_classes(predictor, matrix, answers)
    said = predictor.score_matrix(matrix)
    return float((np.abs(found - said) / np.maximum(1.0, np.abs(said))).max())


def _check_classes(predictor: Predictor, matrix: Matrix, answers: Answers) -> None:
    """The published columns: the likeliest class, of equally likely ones the first by name, and its probability."""
    names = np.asarray(predictor.contract.classes, dtype=object)
    likeliest = answers[PROBABILITIES].argmax(axis=1)
    wrong = np.flatnonzero((answers[CLASS] != names[likeliest]) | (answers[SCORE] != answers[PROBABILITIES].max(axis=1)))
    if wrong.size:
        raise ExportRefused(_write(predictor, f"the graph names another class: {_show(predictor, matrix[wrong[0]])}"))


def _check_final(predictor: Predictor, session: onnxruntime.InferenceSession, golden: Matrix, shown: Answers) -> None:
    """What is written, without what only the proof asks for, says the same of golden rows together, alone, and of none."""
    what = PROBABILITIES if predictor.contract.classes is not None else SCORE
    for rows in (slice(None), *(slice(place, place + 1) for place in range(min(ALONE, len(golden)))), slice(0)):
        found, expected = _run(session, golden[rows])[what], shown[what][rows]
        _compare(predictor, golden[rows], "the score", found, expected, allowed=_allow(expected))


def _allow(scores: Matrix) -> Matrix:
    return np.asarray(FUNCTION_TOLERANCE * np.maximum(1.0, np.abs(scores)))


def _compare(predictor: Predictor, matrix: Matrix, what: str, found: Matrix, expected: Matrix, *, allowed: Matrix) -> None:
    wrong = np.argwhere(~(np.abs(found - expected) <= allowed))
    if not wrong.size:
        return
    place = tuple(wrong[0].tolist())
    raise ExportRefused(
        _write(
            predictor,
            f"{what} comes out as {found[place]:.17g} instead of {expected[place]:.17g} (allowed {allowed[place]:.2g}): "
            f"{_show(predictor, matrix[place[0]])}",
        )
    )


def _show(predictor: Predictor, row: Matrix) -> str:
    """A row that was made for the proof and is nobody's, with all digits."""
    return ", ".join(f"{name} = {value!r}" for name, value in zip(predictor.contract.names, row.tolist(), strict=True))


def _write(predictor: Predictor, found: str) -> str:
    return (
        f"{predictor.contract.model}: this version is not proven to score the same as a graph of ONNX, so none was written: "
        f"{found}. Take `perennial export {predictor.contract.model} --format native`, which is the version as it is, or another "
        f"--version; onnxruntime here is {onnxruntime.__version__}, and another release may do."
    )
