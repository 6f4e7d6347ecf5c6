"""From the units that stay, or come, to the part of every weight array and the new size of every layer."""

from __future__ import annotations

from typing import Any

import numpy as np

from gakeras.graph.channels import Channels
from gakeras.graph.nodes import Graph, Node

Index = tuple[np.ndarray | None, ...]


def kept_indices(channels: Channels, kept: np.ndarray) -> dict[str, Index]:
    """Return for each weight array and each axis the positions that stay, or None for all.

    Args:
        channels: Of a model.
        kept: (num_units,), True for the units that stay.

    >>> from keras import Input, Sequential, layers
    >>> from gakeras.graph import read_graph, trace_channels
    >>> stack = [Input((2, 1, 1)), layers.Conv2D(2, 1), layers.Flatten(), layers.Dense(1, name="out")]
    >>> channels = trace_channels(read_graph(Sequential(stack)))
    >>> kept_indices(channels, np.array([True, False, True, True]))["out/kernel"][0].tolist()
    [1, 3]
    """
    return {
        key: tuple(None if units is None else np.flatnonzero(kept[units]) for units in axes)
        for key, axes in channels.axes.items()
    }


def permuted_indices(channels: Channels, origin: np.ndarray) -> dict[str, Index]:
    """Return for each weight array and axis where to read so that unit u becomes what `origin[u]` was.

    A model whose arrays are all read so computes the same, if `origin` permutes units inside
    their layers alone. A unit that stands at several positions of an axis (a flattened
    filter, a depthwise multiplier) keeps their order.
    """
    return {
        key: tuple(None if units is None else _reads(units, origin) for units in axes)
        for key, axes in channels.axes.items()
    }


def _reads(units: np.ndarray, origin: np.ndarray) -> np.ndarray:
    """Match the k-th place of each unit with the k-th place of its origin."""
    reads = np.empty(len(units), np.int64)
    reads[np.argsort(origin[units], kind="stable")] = np.argsort(units, kind="stable")
    return reads


def take(array: np.ndarray, index: Index) -> np.ndarray:
    """Return the part of an array at the positions of an index, axis by axis."""
    for axis, positions in enumerate(index):
        if positions is not None:
            array = np.take(array, positions, axis=axis)
    return array


def resized_configs(graph: Graph, channels: Channels, kept: np.ndarray) -> dict[str, dict[str, Any]]:
    """Return for each layer whose configuration names a size what changes in it.

    Args:
        graph, channels: Of a model.
        kept: (num_units,), how many units each becomes: 0 or False where it goes, 1 or True
            where it stays, more where others join it.

    The inputs of nested models are among them, by their path.
    """
    changes: dict[str, dict[str, Any]] = {}
    shapes = {node.name: node.output_shape for node in graph.nodes}
    for path, feed in graph.inner_inputs.items():
        changes[path] = {"batch_shape": (None, *shapes[feed][:-1], int(kept[channels.units[feed]].sum()))}
    for node in graph.nodes:
        width = int(kept[channels.units[node.name]].sum())
        change = _resized(node, width)
        if change and width != len(channels.units[node.name]):
            changes[node.layer] = change
    return changes


def _resized(node: Node, width: int) -> dict[str, Any]:
    match node.kind:
        case "Dense":
            return {"units": width}
        case "Conv1D" | "Conv2D" | "Conv3D" | "SeparableConv1D" | "SeparableConv2D":
            return {"filters": width}
        case "Reshape":
            places = (-1 if size is None else size for size in node.output_shape[:-1])
            return {"target_shape": (*places, width)}
    return {}
