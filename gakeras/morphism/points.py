"""Where layers can be put into a model, and what is known about the values there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from gakeras.errors import InputError
from gakeras.graph import Graph, Node

if TYPE_CHECKING:
    import keras

NEVER_NEGATIVE = {
    "relu", "relu6", "sigmoid", "hard_sigmoid", "softplus", "softmax", "exponential",
}  # fmt: skip
IDENTITY_ABOVE_ZERO = {"relu", "leaky_relu", "elu", "celu"}
_KEEPS_SIGN = {
    "MaxPooling1D", "MaxPooling2D", "MaxPooling3D", "AveragePooling1D", "AveragePooling2D",
    "AveragePooling3D", "GlobalMaxPooling1D", "GlobalMaxPooling2D", "GlobalMaxPooling3D",
    "GlobalAveragePooling1D", "GlobalAveragePooling2D", "GlobalAveragePooling3D", "Dropout",
    "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "ActivityRegularization", "Identity",
    "Flatten", "Reshape", "Permute", "Concatenate", "Add", "Multiply", "Average", "Maximum", "Minimum",
    "ZeroPadding1D", "ZeroPadding2D", "ZeroPadding3D", "Cropping1D", "Cropping2D", "Cropping3D",
    "UpSampling1D", "UpSampling2D", "UpSampling3D",
}  # fmt: skip
"""Layers whose values are not negative where all their inputs are not."""


def point_behind(graph: Graph, after: str) -> Node:
    """Return the node behind which layers shall be put.

    Raises:
        InputError: for a name that is no layer's, for the model's output, which stays the last
            layer, and for channels that do not come last.
    """
    node = next((node for node in graph.nodes if node.name == after), None)
    if node is None or after in graph.outputs or node.config.get("data_format") == "channels_first":
        inner = [node.name for node in graph.nodes if node.name not in graph.outputs]
        raise InputError(
            "New layers come behind a layer that other layers read, channels last.",
            expected=f"one of {', '.join(inner)}",
            received=f"{after!r}" + (", the output" if after in graph.outputs else ""),
            way_out="To change what the output layer reads, name the layer before it.",
        )
    return node


def never_negative(graph: Graph, name: str) -> bool:
    """Tell whether a layer's values are never negative, as far as activations say.

    >>> from keras import Input, Sequential, layers
    >>> from gakeras.graph import read_graph
    >>> conv = layers.Conv2D(2, 3, activation="relu", name="conv")
    >>> graph = read_graph(Sequential([Input((8, 8, 1)), conv, layers.MaxPooling2D(name="pool")]))
    >>> never_negative(graph, "pool")
    True
    """
    node = next(node for node in graph.nodes if node.name == name)
    if node.kind == "ReLU":
        return bool(node.config["negative_slope"] == 0)
    overshoots = node.config.get("interpolation") not in (None, "nearest", "bilinear")
    if node.kind in _KEEPS_SIGN and not overshoots:
        return all(never_negative(graph, source) for source in node.inputs)
    activation = node.config.get("activation")
    return node.kind == "Softmax" or (isinstance(activation, str) and activation in NEVER_NEGATIVE)


def fresh_name(model: keras.Model, stem: str) -> str:
    """Return the stem with the first number that no name in the model has, `"deeper_1"`."""
    names = {layer.name for layer in model.layers}
    number = 1
    while is_taken(f"{stem}_{number}", names):
        number += 1
    return f"{stem}_{number}"


def is_taken(name: str, names: Iterable[str]) -> bool:
    """Tell whether a layer has the name, or one that is made of it."""
    return any(other == name or other.startswith(f"{name}_") for other in names)
