"""A version as a graph of ONNX in a folder; of the modules here those that import onnx wait until this one is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import onnxruntime

from perennial.export.graphs import CLASS, INPUT, OPSETS, PROBABILITIES, SCORE
from perennial.export.native import MODEL, Exported, finish
from perennial.export.proving import Proof, prove_graph
from perennial.predictor import Contract

GRAPH = "model.onnx"
PAGE = """\
## The graph

Input `{input}`: float64, rows by {width}, encoded as `encode` of `score.py` does: the features in the order of `contract.json`, a
category as its place in the list, NaN where nothing is known. Texts stay outside, because a tensor of texts has no word for
a missing one. {outputs} The operators are those of opset {opset}, of machine learning {ml_opset}.

Proven on onnxruntime {runtime} before it was written: on {rows} rows, among them the thresholds of {questions} questions with the
numbers beside it in double and in single precision, every code of every category and what is missing, each tree led every row to
the leaf to which {algorithm} leads it; the scores differ by rounding, at most by {difference:.2g} (of scores above 1 a share).
Another release of the runtime has not been looked at: `python score.py` there is the least to run."""


def write_onnx(folder: Path, exported: Exported) -> Mapping[str, object]:
    """Write it into an empty folder.

    Raises:
        ExportRefused: the graph is not proven to say what the version says.
    """
    graph, proof = prove_graph(exported.predictor)
    (folder / MODEL).mkdir()
    (folder / MODEL / GRAPH).write_bytes(graph.SerializeToString())
    for name in ("contract.json", "golden.json"):
        (folder / MODEL / name).write_bytes((exported.kept / name).read_bytes())
    finish(folder, exported, "onnxruntime", _write_page(exported.predictor.contract, proof))
    return {
        "version": exported.version.version,
        "algorithm": exported.version.algorithm,
        "rows_compared": proof.rows,
        "questions": proof.questions,
        "largest_difference": proof.largest_difference,
    }


def _write_page(contract: Contract, proof: Proof) -> str:
    outputs = f"Output `{SCORE}`: float64, one a row."
    if contract.classes is not None:
        outputs += (
            f" `{CLASS}` is the likeliest class, and `{PROBABILITIES}` has a column for each, in the order of `contract.json`."
        )
    return PAGE.format(
        input=INPUT,
        width=len(contract.features),
        outputs=outputs,
        opset=OPSETS[""],
        ml_opset=OPSETS["ai.onnx.ml"],
        runtime=onnxruntime.__version__,
        rows=proof.rows,
        questions=proof.questions,
        algorithm=contract.algorithm,
        difference=proof.largest_difference,
    )
