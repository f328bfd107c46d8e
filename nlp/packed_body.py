"""Makes a body that reads padded windows, as it is exported, read packs: around each attention tokens are put into windows, and back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import openvino as ov
from openvino import opset13 as op

from nlp.bundle import ModelInvalid

HEADS_IN = ("aten::unflatten/Reshape", "aten::unflatten/Reshape_1", "aten::unflatten/Reshape_2")  # of query, key and value
HEADS_OUT = "aten::flatten/Reshape"


def packed_body(path: Path) -> tuple[ov.Model, int]:
    """The body of body.xml on the inputs of `Pack`: vectors (1, T, hidden), places (1, T), slots (B, L), mask (B, L), back (1, T); and
    how many tokens a window may have.

    It gives token states (1, T, hidden). ModelInvalid when the graph is not one that our export wrote.
    """
    model = ov.Core().read_model(str(path))
    nodes = {node.get_friendly_name(): node for node in model.get_ordered_ops()}
    try:
        longest = _pack_tokens(model, nodes)
    except KeyError as error:
        raise ModelInvalid(f"{path}: no node {error}: expected a body written by `python -m models.training.export`") from error
    return model, longest


def _pack_tokens(model: ov.Model, nodes: dict[str, ov.Node]) -> int:
    places, slots, back = (_indices(name, [rows, -1]) for name, rows in (("places", 1), ("slots", -1), ("back", 1)))
    # The body takes the first vectors of its table of positions, one after the other; a pack begins anew with each window.
    positions = nodes["aten::slice/Slice"]
    _hand_over(positions.output(0), _rows(positions.input_value(0), places))
    layers = sum(name.endswith(".query/aten::linear/MatMul") for name in nodes)
    for layer in range(layers):
        for name in HEADS_IN:
            heads = nodes[f"__module.layers.{layer}/{name}"]
            heads.input(0).replace_source_output(_rows(_flat(heads.input_value(0)), slots))
        mixed = nodes[f"__module.layers.{layer}/{HEADS_OUT}"].output(0)
        readers = mixed.get_target_inputs()
        tokens = _rows(_flat(mixed), back)
        for reader in readers:
            reader.replace_source_output(tokens)
    model.add_parameters([places, slots, back])
    vectors = nodes["vectors"]
    vectors.set_partial_shape(ov.PartialShape([1, -1, int(vectors.get_partial_shape()[2].get_length())]))
    model.validate_nodes_and_infer_types()
    return int(positions.input_value(0).get_shape()[0])


def _indices(name: str, shape: list[int]) -> ov.op.Parameter:
    parameter = op.parameter(shape, np.int32, name=name)
    parameter.output(0).get_tensor().set_names({name})
    return parameter


def _hand_over(old: ov.Output, new: ov.Output) -> None:
    for reader in old.get_target_inputs():
        reader.replace_source_output(new)


def _flat(states: ov.Output) -> ov.Output:
    """(..., hidden) -> (tokens, hidden)."""
    hidden = states.get_partial_shape()[2].get_length()
    return op.reshape(states, op.constant(np.array([-1, hidden], np.int64)), special_zero=False).output(0)


def _rows(table: ov.Output, indices: ov.Node) -> ov.Output:
    return op.gather(table, indices, op.constant(np.int64(0))).output(0)
