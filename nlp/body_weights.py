"""Reads the float weights back from the int8 body of a bundle, so that torch can compute the same model from the same files.

The quantiser keeps one linear layer as: states x smoothing scale -> rounded -> MatMul(int8 weight x scale) + bias. Folding the smoothing
scale into the dequantised weight gives a plain linear layer; norms and positions were never quantised.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from nlp.bundle import ModelInvalid

Floats = NDArray[np.float32]
HEAD_SIZE = 32  # hidden / heads of every e5 and MiniLM body
EPSILON = 1e-12
LINEARS = ("query", "key", "value", "attended", "inner", "output")
NORMS = ("attended_norm", "output_norm")

QUERY, JOIN = ".query/aten::linear/MatMul", "__module.pairs.join/aten::linear/MatMul"


@dataclass(frozen=True, slots=True)
class BodyWeights:
    """Shape and arrays of a body, under the names of nlp.torch_backend.Body."""

    hidden: int
    inner: int
    layers: int
    heads: int
    positions: int
    epsilon: float
    paired_after: int | None  # layers from this on see pairs of tokens; None: none does
    arrays: Mapping[str, Floats]


def read_body(path: Path) -> BodyWeights:
    """The weights of body.xml / body.bin. ModelInvalid when the graph is not one that our export wrote."""
    model = ov.Core().read_model(str(path))
    nodes = {node.get_friendly_name(): node for node in model.get_ordered_ops()}
    layers, paired_after = layers_of(nodes)
    try:
        outputs = _outputs(nodes, layers, paired=paired_after is not None)
    except KeyError as error:
        raise ModelInvalid(f"{path}: no node {error}: expected a body written by `python -m models.training.export`") from error
    arrays = _evaluate(outputs)
    positions, hidden = arrays["positions"].shape
    inner = arrays["layers.0.inner.weight"].shape[0]
    return BodyWeights(hidden, inner, layers, hidden // HEAD_SIZE, positions, EPSILON, paired_after, arrays)


def layers_of(nodes: Iterable[str]) -> tuple[int, int | None]:
    """How many layers a graph has whose nodes bear these names, in the order of computing; and after which the tokens are paired, or
    None."""
    products = [name for name in nodes if name.endswith(QUERY) or name == JOIN]
    return sum(name != JOIN for name in products), products.index(JOIN) if JOIN in products else None


def _outputs(nodes: Mapping[str, ov.Node], layers: int, *, paired: bool) -> dict[str, tuple[ov.Output, ov.Output | None]]:
    """Our name -> the constant expression to evaluate, and the smoothing scale to fold in."""
    found: dict[str, tuple[ov.Output, ov.Output | None]] = {"positions": (_positions(nodes), None)}
    norms = ["norm", *(f"layers.{layer}.{norm}" for layer in range(layers) for norm in NORMS)]
    for name in norms:
        prefix = f"__module.{name}/aten::layer_norm"
        found[f"{name}.weight"] = (_constant_input(nodes[f"{prefix}/Multiply_1"], nodes[f"{prefix}/MVN"]), None)
        found[f"{name}.bias"] = (_constant_input(nodes[f"{prefix}/Add"], nodes[f"{prefix}/Multiply_1"]), None)
    linears = [f"layers.{layer}.{linear}" for layer in range(layers) for linear in LINEARS]
    for name in [*linears, "pairs.join"] if paired else linears:
        product = nodes[f"__module.{name}/aten::linear/MatMul"]
        found[f"{name}.weight"] = (product.input_value(1), _smoothing(product))
        found[f"{name}.bias"] = (_constant_input(nodes[f"__module.{name}/aten::linear/Add"], product), None)
    return found


def _positions(nodes: Mapping[str, ov.Node]) -> ov.Output:
    """The position vectors: the only large float constant outside the linear layers."""
    return next(node.output(0) for name, node in nodes.items() if node.get_type_name() == "Constant" and name.endswith("self.positions"))


def _constant_input(node: ov.Node, other: ov.Node) -> ov.Output:
    inputs = [node.input_value(0), node.input_value(1)]
    return next(value for value in inputs if value.get_node().get_friendly_name() != other.get_friendly_name())


def _smoothing(product: ov.Node) -> ov.Output | None:
    rounded = product.input_value(0).get_node()
    scaled = rounded.input_value(0).get_node() if rounded.get_type_name() == "FakeQuantize" else rounded
    return scaled.input_value(1) if scaled.get_friendly_name().endswith("nncf_smooth_quant") else None


def _evaluate(outputs: Mapping[str, tuple[ov.Output, ov.Output | None]]) -> dict[str, Floats]:
    """Runs the constant expressions once."""
    wanted = [output for pair in outputs.values() for output in pair if output is not None]
    results = iter(ov.compile_model(ov.Model(wanted, [], "weights"), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})([]).to_tuple())
    arrays: dict[str, Floats] = {}
    for name, (_, scale) in outputs.items():
        value = np.array(next(results), np.float32)
        if scale is not None:
            value = value * np.array(next(results), np.float32).reshape(1, -1)
        arrays[name] = value.squeeze()
    return arrays
