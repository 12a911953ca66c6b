"""A predictor as a graph of ONNX: encoded rows in, calibrated scores out, all in double precision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from perennial.export.ensembles import number_leaves, sum_trees
from perennial.predictor import Calibrator, ClassLinear, Contract, Feature, Linear
from perennial.predictor.calibration import FURTHEST, SMALLEST
from perennial.predictor.trees import Forest
from perennial.records import Link

INPUT, MARGIN, LEAVES = "features", "margin", "leaves"
SCORE, CLASS, PROBABILITIES = "score", "class", "probabilities"
CONTRACT_KEY = "perennial.contract"
OPSETS: Mapping[str, int] = {"": 21, "ai.onnx.ml": 5}
FORMAT = 10  # of the file; what those operators came with


@dataclass(eq=False)
class _Graph:
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)

    def add(self, operator: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """A node; the name of what it gives."""
        name = f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [name], domain=domain, **attributes))
        return name

    def constant(self, values: object, dtype: type = np.float64) -> str:
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(values, dtype=dtype), name))
        return name

    def text(self, values: Sequence[str]) -> str:
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.array(values, dtype=object), name))
        return name

    def call(self, given: str, name: str) -> None:
        """Let something be known by a name from outside."""
        self.nodes.append(helper.make_node("Identity", [given], [name]))


def build_graph(contract: Contract, forests: Sequence[Forest], *, is_shown: bool = False) -> onnx.ModelProto:
    """The graph of a version.

    Args:
        forests: the trees of a booster; none where the contract holds a linear recipe.
        is_shown: it gives the margin too, and the leaf of every tree: for the proof.
    """
    graph = _Graph()
    margin = _add_margin(graph, contract, forests)
    outputs = []
    if is_shown:
        graph.call(margin, MARGIN)
        outputs.append(helper.make_tensor_value_info(MARGIN, TensorProto.DOUBLE, ["rows", None]))
        if forests:
            graph.call(graph.add("TreeEnsemble", INPUT, domain="ai.onnx.ml", **number_leaves(forests)), LEAVES)
            outputs.append(helper.make_tensor_value_info(LEAVES, TensorProto.DOUBLE, ["rows", None]))
    calibrated = _calibrate(graph, contract.calibrator, _link(graph, contract.link, margin))
    outputs += _give_scores(graph, contract, calibrated)
    inputs = [helper.make_tensor_value_info(INPUT, TensorProto.DOUBLE, ["rows", len(contract.features)])]
    model = helper.make_model(
        helper.make_graph(graph.nodes, contract.model, inputs, outputs, graph.constants),
        opset_imports=[helper.make_opsetid(domain, version) for domain, version in OPSETS.items()],
        ir_version=FORMAT,
        producer_name="perennial",
    )
    helper.set_model_props(model, {CONTRACT_KEY: contract.write()})
    onnx.checker.check_model(model, full_check=True)
    return model


def _add_margin(graph: _Graph, contract: Contract, forests: Sequence[Forest]) -> str:
    """Rows by outputs."""
    if contract.linear is not None:
        return _add_linear(graph, contract.linear, contract.features)
    trees = graph.add("TreeEnsemble", INPUT, domain="ai.onnx.ml", **sum_trees(forests))
    return graph.add("Add", trees, graph.constant([each.base for each in forests]))


def _add_linear(graph: _Graph, linear: Linear | ClassLinear, features: Sequence[Feature]) -> str:
    """The columns of `expand_inputs`, then the weighted sum."""
    codes = [code for feature in features for code in range(feature.width)]
    places = [place for place, feature in enumerate(features) for _ in range(feature.width)]
    medians = [features[place].median or 0.0 for place in places]
    is_category = [features[place].kind == "category" for place in places]
    given = graph.add("Gather", INPUT, graph.constant(places, np.int64), axis=1)
    filled = graph.add("Where", graph.add("IsNaN", given), graph.constant(medians), given)
    among = graph.add("Cast", graph.add("Equal", given, graph.constant(codes)), to=TensorProto.DOUBLE)
    columns = graph.add("Where", graph.constant(is_category, np.bool_), among, filled)
    centred = graph.add("Sub", columns, graph.constant(linear.means))
    scaled = graph.add("Div", centred, graph.constant(linear.scales))
    weights, intercepts = _stack(linear)
    return graph.add("Add", graph.add("MatMul", scaled, graph.constant(weights)), graph.constant(intercepts))


def _stack(linear: Linear | ClassLinear) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weights, columns by outputs, and an intercept for each output."""
    if isinstance(linear, ClassLinear):
        return np.array(linear.coefficients).T, np.array(linear.intercepts)
    return np.array(linear.coefficients)[:, None], np.array([linear.intercept])


def _link(graph: _Graph, link: Link, margin: str) -> str:
    match link:
        case "logit":
            return graph.add("Sigmoid", margin)
        case "softmax":
            return graph.add("Softmax", margin, axis=1)
        case "log":
            return _exp(graph, margin)
        case "identity":
            return margin


def _calibrate(graph: _Graph, calibrator: Calibrator, raw: str) -> str:
    match calibrator.kind:
        case "platt":
            slope, offset = calibrator.coefficients
            return graph.add("Sigmoid", _weigh_logarithms(graph, raw, (slope, slope, offset)))
        case "beta":
            a, b, c = calibrator.coefficients
            return graph.add("Sigmoid", _weigh_logarithms(graph, raw, (a, b, c)))
        case "softmax":
            return _calibrate_classes(graph, calibrator, raw)
        case "line":
            slope, offset = calibrator.coefficients
            return graph.add("Add", graph.add("Mul", raw, graph.constant(slope)), graph.constant(offset))
        case "power":
            slope, offset = calibrator.coefficients
            if (slope, offset) == (1, 0):
                return raw
            steeper = graph.add("Mul", graph.add("Log", raw), graph.constant(slope))
            return _exp(graph, graph.add("Add", steeper, graph.constant(offset)))


def _weigh_logarithms(graph: _Graph, raw: str, coefficients: tuple[float, float, float]) -> str:
    """The sum a ln p - b ln(1 - p) + c; there is no log1p, and below a probability of .5 it differs by less than 1e-16."""
    a, b, c = coefficients
    inside = graph.add("Clip", raw, graph.constant(SMALLEST), graph.constant(1 - SMALLEST))
    left = graph.add("Mul", graph.add("Log", inside), graph.constant(a))
    right = graph.add("Mul", graph.add("Log", graph.add("Sub", graph.constant(1.0), inside)), graph.constant(b))
    return graph.add("Add", graph.add("Sub", left, right), graph.constant(c))


def _calibrate_classes(graph: _Graph, calibrator: Calibrator, raw: str) -> str:
    slope, *biases = calibrator.coefficients
    if slope == 1 and not any(biases):
        return raw
    logarithms = graph.add("Log", graph.add("Max", raw, graph.constant(SMALLEST)))
    steeper = graph.add("Mul", logarithms, graph.constant(slope))
    return graph.add("Softmax", graph.add("Add", steeper, graph.constant(biases or [0.0])), axis=1)


def _exp(graph: _Graph, logarithms: str) -> str:
    return graph.add("Exp", graph.add("Clip", logarithms, graph.constant(-FURTHEST), graph.constant(FURTHEST)))


def _give_scores(graph: _Graph, contract: Contract, calibrated: str) -> list[onnx.ValueInfoProto]:
    """Under the names of the published columns: one number a row, and of classes what stands beside it."""
    outputs = [helper.make_tensor_value_info(SCORE, TensorProto.DOUBLE, ["rows"])]
    second = graph.constant([1], np.int64)
    if contract.classes is None:
        graph.call(graph.add("Squeeze", calibrated, second), SCORE)
        return outputs
    graph.call(graph.add("ReduceMax", calibrated, second, keepdims=0), SCORE)
    likeliest = graph.add("ArgMax", calibrated, axis=1, keepdims=0)  # of equally likely ones the first by name
    graph.call(graph.add("Gather", graph.text(contract.classes), likeliest), CLASS)
    graph.call(calibrated, PROBABILITIES)
    return [
        *outputs,
        helper.make_tensor_value_info(CLASS, TensorProto.STRING, ["rows"]),
        helper.make_tensor_value_info(PROBABILITIES, TensorProto.DOUBLE, ["rows", len(contract.classes)]),
    ]
