"""Makes a body that reads padded windows, as it is exported, read packs: around each attention tokens are put into windows, and back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import openvino as ov
from openvino import opset13 as op

from nlp.body_weights import layers_of
from nlp.bundle import ModelInvalid

HEADS_IN = ("aten::unflatten/Reshape", "aten::unflatten/Reshape_1", "aten::unflatten/Reshape_2")  # of query, key and value
HEADS_OUT = "aten::flatten/Reshape"
THERE = "__module.pairs/aten::unsqueeze/Unsqueeze"  # reads where a pair has its second token


def packed_body(path: Path) -> tuple[ov.Model, int]:
    """The body of body.xml on the inputs of `Pack`: vectors (1, T, hidden), places (1, T), slots (B, L), mask (B, L), back (1, T), and
    there (1, T) where layers see pairs of tokens; and how many tokens a window may have.

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
    layers, paired_after = layers_of(nodes)
    parameters = [places, slots, back]
    for layer in range(layers):
        if layer == paired_after:
            there = _indices("there", [1, -1], np.int64)
            nodes[THERE].input(0).replace_source_output(_of_pairs(there, 1))
            parameters.append(there)
            # The windows are as long as whole pairs, and begin with one: what leads from tokens to windows leads from pairs at half of it.
            slots, back = _halved(slots), _halved(back)
        for name in HEADS_IN:
            heads = nodes[f"__module.layers.{layer}/{name}"]
            heads.input(0).replace_source_output(_rows(_flat(heads.input_value(0)), slots))
        mixed = nodes[f"__module.layers.{layer}/{HEADS_OUT}"].output(0)
        readers = mixed.get_target_inputs()
        tokens = _rows(_flat(mixed), back)
        for reader in readers:
            reader.replace_source_output(tokens)
    model.add_parameters(parameters)
    vectors = nodes["vectors"]
    vectors.set_partial_shape(ov.PartialShape([1, -1, int(vectors.get_partial_shape()[2].get_length())]))
    model.validate_nodes_and_infer_types()
    return int(positions.input_value(0).get_shape()[0])


def _of_pairs(table: ov.Node, which: int) -> ov.Output:
    """(rows, 2n) -> (rows, n): the first (0) or second (1) of each pair."""
    pairs = op.reshape(table, op.constant(np.array([0, -1, 2], np.int64)), special_zero=True)
    return op.gather(pairs, op.constant(np.int64(which)), op.constant(np.int64(2))).output(0)


def _halved(indices: ov.Node) -> ov.Node:
    return op.divide(_of_pairs(indices, 0), op.constant(np.int32(2)))


def _indices(name: str, shape: list[int], kind: type[np.integer] = np.int32) -> ov.op.Parameter:
    parameter = op.parameter(shape, kind, name=name)
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
