"""Where the numbers of a model are in a grown one: which entry of which array stands for the same synapse.

Growing appends: a widened layer keeps its channels and gets more behind them, a larger kernel
has the old one inside, a new layer brings arrays of its own. So two models say by themselves
what became of every entry, and nobody has to hand maps around.
"""

from __future__ import annotations

import math

import numpy as np

from gakeras.errors import InputError
from gakeras.graph.channels import Axes, Channels, trace_channels
from gakeras.graph.nodes import Graph, Node

Places = tuple[np.ndarray, ...]


def matched_units(old: Channels, new: Channels) -> np.ndarray:
    """Return for each unit of the grown model the unit of the old one that it is, or -1: (new.num_units,).

    The k-th channel of a layer that makes new ones is the k-th channel of the layer of that
    name; layers that pass channels on follow.
    """
    origin = np.full(new.num_units, -1)
    for step in old.steps:
        if step.link != "passing" and step.name in new.step:
            width = min(step.width, new.step[step.name].width)
            origin[new.units[step.name][:width]] = old.units[step.name][:width]
    return origin


def entry_places(old: Graph, new: Graph) -> dict[str, Places]:
    """Return for each array `"layer/weight"` of both models where the old entries are in the new array.

    Args:
        old: A model.
        new: The same, one growing step later.

    Returns:
        For each axis the positions, as many as the axis has in the old array: with them
        `grown[np.ix_(*places)]` is the old array.

    Raises:
        InputError: where the old array is no part of the new one.

    >>> from keras import Input, Sequential, layers
    >>> from gakeras.graph import read_graph
    >>> def network(filters):
    ...     stack = [Input((2, 1, 1)), layers.Conv2D(filters, 1, name="conv")]
    ...     return read_graph(Sequential([*stack, layers.Flatten(), layers.Dense(1, name="out")]))
    >>> entry_places(network(2), network(3))["out/kernel"][0].tolist()  # two places, now of three channels
    [0, 1, 3, 4]
    """
    before, after = trace_channels(old), trace_channels(new)
    origin = matched_units(before, after)
    grown = {node.layer: node for node in new.nodes}
    found: dict[str, Places] = {}
    for node in old.nodes:
        twin = grown.get(node.layer)
        for name in node.weights if twin else ():
            key = f"{node.layer}/{name}"
            if twin is not None and name in twin.weights:
                axes = _axes(before, key, node), _axes(after, key, twin)
                found[key] = _places(key, (node, twin), name, axes, origin)
    return found


def _axes(channels: Channels, key: str, node: Node) -> Axes:
    return channels.axes.get(key, (None,) * len(node.weights[key.rpartition("/")[2]]))


def _places(
    key: str, nodes: tuple[Node, Node], name: str, axes: tuple[Axes, Axes], origin: np.ndarray
) -> Places:
    shapes = nodes[0].weights[name], nodes[1].weights[name]
    if len(shapes[0]) != len(shapes[1]):
        raise _no_part(key, shapes)
    places = []
    for axis, (length, longer) in enumerate(zip(*shapes, strict=True)):
        units, more_units = axes[0][axis], axes[1][axis]
        if length == longer:
            here = np.arange(length)
        elif units is None or more_units is None:
            start = kernel_offset(nodes[1], axis, length, longer)
            if start is None:
                raise _no_part(key, shapes)
            here = np.arange(start, start + length)
        else:
            here = np.flatnonzero(origin[more_units] >= 0)
            if not np.array_equal(origin[more_units[here]], units):
                raise _no_part(key, shapes)
        places.append(here)
    return tuple(places)


def kernel_offset(node: Node, axis: int, size: int, larger: int) -> int | None:
    """Return where a window of a convolution stands in a larger one that looks at the same places.

    Args:
        node: The convolution.
        axis: Of the window, from 0.
        size, larger: Of the window along it.

    Returns:
        The offset, or None where zeros around the window cannot give the same result: with
        `valid` padding the output shrinks, and a dilated window may move by part of a step.
    """
    if node.config.get("padding", "valid") == "valid" or axis >= len(node.output_shape) - 1:
        return None
    stride, dilation = (_along(node.config.get(name, 1), axis) for name in ("strides", "dilation_rate"))
    if node.config["padding"] == "causal":
        return larger - size
    length = node.input_shapes[0][axis]
    if length is None and stride > 1:
        return None
    moved = _padded(length, larger, stride, dilation) - _padded(length, size, stride, dilation)
    offset, rest = divmod(moved, dilation)
    return offset if rest == 0 and 0 <= offset <= larger - size else None


def _padded(length: int | None, size: int, stride: int, dilation: int) -> int:
    """Return how many zeros `same` padding puts before the first value."""
    reach = (size - 1) * dilation + 1
    if length is None:  # with a stride of 1 it does not matter
        return (reach - 1) // 2
    return max((math.ceil(length / stride) - 1) * stride + reach - length, 0) // 2


def _along(setting: int | tuple[int, ...], axis: int) -> int:
    return setting if isinstance(setting, int) else setting[axis]


def _no_part(key: str, shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> InputError:
    return InputError(
        "The entries of an array are found in a grown model one step after the other.",
        expected="a model and what one widening, insertion or larger kernel made of it",
        received=f"{key!r} of shape {shapes[0]}, now {shapes[1]}",
        way_out="Carry on after every single step.",
    )


def put(array: np.ndarray, places: Places, into: np.ndarray) -> np.ndarray:
    """Write the old entries at their places into a new array, and return it."""
    into[np.ix_(*places)] = array
    return into
