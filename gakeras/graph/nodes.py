"""A Keras model as plain data: one node for each call of a layer, in an order in which it can be computed.

Shapes are those of one example, channels last, without the batch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gakeras.errors import InputError

Shape = tuple[int | None, ...]


@dataclass(frozen=True)
class Node:
    """One call of a layer.

    Attributes:
        name: Unique in the graph: the layer's path, and `#2` and so on after its second call.
        layer: The layer's path: its name, after those of the nested models it is in
            (`"inner/conv"`).
        kind: The layer's class, `"Conv2D"`.
        config: What `layer.get_config()` says.
        inputs: The nodes it reads, in order.
        input_shapes: What comes from each.
        output_shape: What it yields.
        weights: The shape of each of the layer's arrays by its name (`"kernel"`), in Keras' order.
        parameters: How many numbers of these are trained.
    """

    name: str
    layer: str
    kind: str
    config: Mapping[str, Any]
    inputs: tuple[str, ...]
    input_shapes: tuple[Shape, ...]
    output_shape: Shape
    weights: Mapping[str, tuple[int, ...]]
    parameters: int


@dataclass(frozen=True)
class Graph:
    """A model: its nodes in topological order.

    Attributes:
        nodes: Of the model and of all models nested in it.
        outputs: The nodes that yield the model's outputs.
        inner_inputs: For each input of a nested model, by its path, the node that feeds it.
    """

    nodes: tuple[Node, ...]
    outputs: tuple[str, ...]
    inner_inputs: Mapping[str, str] = field(default_factory=dict)


def unsupported(node: Node, purpose: str) -> InputError:
    """Return the error about a layer that a part of this room knows nothing of."""
    return InputError(
        f"The layer {node.layer!r} is of a kind that {purpose} does not cover.",
        expected="the convolutions, dense layers, poolings, normalisations, activations, merges and "
        "reshapings that docs/synthesis.md lists",
        received=f"a {node.kind} with the output shape {node.output_shape}",
        way_out="Replace it by supported layers, or leave it out of the model, for example in a "
        "preprocessing step of its own.",
    )
