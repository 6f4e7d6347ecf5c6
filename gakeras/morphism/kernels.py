"""A larger window for a convolution, and the same outputs."""

from __future__ import annotations

from dataclasses import replace

import keras
import numpy as np

from gakeras.errors import InputError
from gakeras.graph import Node, kernel_offset, read_graph
from gakeras.graph.rebuilding import read_weights, rebuild

_KERNELS = {
    "Conv1D": "kernel", "Conv2D": "kernel", "Conv3D": "kernel",
    "DepthwiseConv1D": "kernel", "DepthwiseConv2D": "kernel",
    "SeparableConv1D": "depthwise_kernel", "SeparableConv2D": "depthwise_kernel",
}  # fmt: skip


def grow_kernel(model: keras.Model, layer: str, size: int | tuple[int, ...]) -> keras.Model:
    """Return a model in which a convolution looks at a larger window and computes the same.

    The old kernel stands inside the new one, with zeros around it, where `same` padding makes
    it look at the same places: for stride 1 and no dilation at offset (k' - 1) // 2 - (k - 1) // 2
    of an axis that grows from k to k', for causal padding at the end. A window of 1 needs no
    padding, and gets `same` padding when it grows.

    Args:
        model: Built, Sequential or Functional; it is left as it is.
        layer: A convolution by its path, with `same` or `causal` padding or a window of 1.
        size: Of its new window, one number or one for each axis.

    Returns:
        A new, uncompiled model with equal outputs, in inference and in training mode.

    Raises:
        InputError: for another layer, a smaller window, `valid` padding (the output would
            shrink), and a stride or dilation for which no window stands at the same places.

    >>> from keras import Input, Sequential, layers
    >>> model = Sequential([Input((6, 6, 1)), layers.Conv2D(2, 3, padding="same", name="conv")])
    >>> grow_kernel(model, "conv", 5).get_layer("conv").kernel_size
    (5, 5)
    """
    node = next((node for node in read_graph(model).nodes if node.layer == layer), None)
    if node is None or node.kind not in _KERNELS:
        raise InputError(
            "Only convolutions have a window that can grow.",
            expected=f"a layer of the kinds {', '.join(_KERNELS)}",
            received=f"{layer!r}, {node.kind if node else 'no layer of the model'}",
        )
    key = f"{layer}/{_KERNELS[node.kind]}"
    weights = read_weights(model)
    old = weights[key]
    new_size = (size,) * (old.ndim - 2) if isinstance(size, int) else tuple(size)
    node = _padded(node, old.shape[:-2])
    offsets = _offsets(node, old.shape[:-2], new_size)
    weights[key] = np.zeros((*new_size, *old.shape[-2:]), old.dtype)
    weights[key][tuple(slice(at, at + k) for at, k in zip(offsets, old.shape[:-2], strict=True))] = old
    changes = {"kernel_size": new_size, "padding": node.config["padding"]}
    return rebuild(model, {layer: changes}, weights)


def _padded(node: Node, size: tuple[int, ...]) -> Node:
    """Return the node with `same` padding where that changes nothing yet: with a window of 1."""
    if node.config["padding"] == "valid" and set(size) == {1}:
        return replace(node, config={**node.config, "padding": "same"})
    return node


def _offsets(node: Node, old: tuple[int, ...], new: tuple[int, ...]) -> list[int]:
    if len(new) != len(old) or any(now < before for before, now in zip(old, new, strict=True)):
        raise InputError(
            "A window grows.",
            expected=f"a size of at least {old}",
            received=f"size={new}",
            way_out="To look at less, build another network.",
        )
    offsets = [kernel_offset(node, axis, old[axis], new[axis]) for axis in range(len(new))]
    if None in offsets:
        raise InputError(
            "A larger window sees the same if zeros around the old one make up for it.",
            expected="`same` or `causal` padding, and with dilation or strides sizes whose padding differs "
            "by whole steps of the window",
            received=f"{node.layer!r} from {old} to {new}, padding={node.config['padding']!r}, "
            f"strides={node.config['strides']}, dilation_rate={node.config['dilation_rate']}",
            way_out="Grow by an even number, or put a new convolution behind this one with "
            "`gakeras.morphism.deepening.insert_residual`.",
        )
    return [at for at in offsets if at is not None]
