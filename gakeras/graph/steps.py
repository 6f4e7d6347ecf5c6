"""What each kind of layer does to channels: one to one, by a kernel, or as a whole.

A layer is one step, but a separable convolution is two: depthwise, then pointwise.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from gakeras.graph.nodes import Node, Shape, unsupported

Link = Literal["input", "mixing", "passing", "fixed"]
Arrays = Mapping[str, tuple[tuple[int, ...], tuple[str, ...]]]


@dataclass(frozen=True, eq=False)
class Step:
    """How the channels (the last axis) of a tensor come from those of others.

    Attributes:
        name: The node's, or for the depthwise half of a separable convolution that with
            `/depthwise` after it.
        layer: The layer's path.
        inputs: The steps it reads.
        width: Its channels.
        link: `mixing`: every channel is a weighted sum over all inputs, by a kernel;
            `passing`: every channel comes from one channel of each input that it has a source
            in; `fixed`: the channels are used as a whole, and none can go; `input`: they are given.
        sources: For `passing`, for each input an array (width,) of the channel that is read, -1 for none.
        kernel: The name of the array of synapses, if there is one.
        arrays: Shape, and what the last axes stand for (`in`, `out` or nothing), of each weight.
        pads: Whether zeros at the border take part in the sum, so that a constant input does
            not give a constant output.
        holds_output: Whether its outputs depend on each other (softmax), so that none can go.
    """

    name: str
    layer: str
    inputs: tuple[str, ...]
    width: int
    link: Link
    sources: tuple[np.ndarray, ...] = ()
    kernel: str = ""
    arrays: Arrays = field(default_factory=dict)
    pads: bool = False
    holds_output: bool = False


_ONE_TO_ONE = {
    "Activation", "ReLU", "LeakyReLU", "PReLU", "ELU", "Dropout", "SpatialDropout1D", "SpatialDropout2D",
    "SpatialDropout3D", "GaussianNoise", "GaussianDropout", "AlphaDropout", "ActivityRegularization",
    "Identity", "Rescaling", "BatchNormalization", "MaxPooling1D", "MaxPooling2D", "MaxPooling3D",
    "AveragePooling1D", "AveragePooling2D", "AveragePooling3D", "GlobalMaxPooling1D", "GlobalMaxPooling2D",
    "GlobalMaxPooling3D", "GlobalAveragePooling1D", "GlobalAveragePooling2D", "GlobalAveragePooling3D",
    "ZeroPadding1D", "ZeroPadding2D", "ZeroPadding3D", "Cropping1D", "Cropping2D", "Cropping3D",
    "UpSampling1D", "UpSampling2D", "UpSampling3D",
}  # fmt: skip
_WHOLE = {
    "Softmax", "Normalization", "Permute", "Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose",
    "RandomFlip", "RandomTranslation", "RandomRotation", "RandomZoom",
}  # fmt: skip
_MERGES = {"Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum"}
_PADDING = {"ZeroPadding1D", "ZeroPadding2D", "ZeroPadding3D"}
_MIXING_ACTIVATIONS = {"softmax", "log_softmax", "glu", "sparsemax"}


def steps_of(node: Node, *, is_shared: bool = False) -> list[Step]:
    """Return the steps of a node, the last under its own name; a shared layer has other nodes as well."""
    kind = node.kind
    if node.config.get("data_format") == "channels_first":
        raise unsupported(node, "the tracing of channels, which come last,")
    if kind == "InputLayer":
        return [Step(node.name, node.layer, (), _width(node.output_shape), "input")]
    if (kind == "Activation" and _mixes(node)) or (kind == "Rescaling" and not _scales_alike(node)):
        return [_whole(node)]
    if kind == "Reshape" and is_shared:  # its one target shape has to fit all that it is called on
        return [_whole(node)]
    if kind in _ONE_TO_ONE:
        return [_passing(node, np.arange(_width(node.output_shape)))] if _is_last(node) else [_whole(node)]
    if kind in ("Flatten", "Reshape"):
        return [_reshaping(node)]
    if kind in _MERGES and len(set(map(_width, node.input_shapes))) == 1:
        return [_passing(node, *[np.arange(_width(node.output_shape)) for _ in node.inputs])]
    if kind == "Concatenate":
        return [_concatenation(node)]
    if kind == "Dense" or kind in ("Conv1D", "Conv2D", "Conv3D"):
        return [_mixing(node, node.inputs, "kernel") if node.config.get("groups", 1) == 1 else _whole(node)]
    if kind in ("DepthwiseConv1D", "DepthwiseConv2D"):
        return [_depthwise(node, node.name, "kernel", bias=True)]
    if kind in ("SeparableConv1D", "SeparableConv2D"):
        first = _depthwise(node, f"{node.name}/depthwise", "depthwise_kernel", bias=False)
        return [first, _mixing(node, (first.name,), "pointwise_kernel")]
    if kind in _WHOLE or kind in _MERGES:
        return [_whole(node)]
    raise unsupported(node, "the tracing of channels")


def _mixing(node: Node, inputs: tuple[str, ...], kernel: str) -> Step:
    bias = {"bias": ((_width(node.output_shape),), ("out",))}  # compaction may give the layer one
    return Step(
        node.name,
        node.layer,
        inputs,
        _width(node.output_shape),
        "mixing",
        kernel=kernel,
        arrays={**_arrays(node, {kernel: ("in", "out")}), **bias},
        pads=kernel == "kernel" and _pads(node, kernel),
        holds_output=_mixes(node),
    )


def _depthwise(node: Node, name: str, kernel: str, *, bias: bool) -> Step:
    inputs, multiplier = node.weights[kernel][-2:]
    return Step(
        name,
        node.layer,
        node.inputs,
        inputs * multiplier,
        "passing",
        sources=(np.repeat(np.arange(inputs), multiplier),),
        kernel=kernel,
        arrays=_arrays(node, {kernel: ("in", ""), **({"bias": ("out",)} if bias else {})}),
        pads=_pads(node, kernel),
        holds_output=bias and _mixes(node),
    )


def _passing(node: Node, *sources: np.ndarray) -> Step:
    along: tuple[str, ...] = () if _shares_slopes(node) else ("out",)  # of batch normalisation and PReLU
    return Step(
        node.name,
        node.layer,
        node.inputs,
        len(sources[0]),
        "passing",
        sources=sources,
        arrays=_arrays(node, dict.fromkeys(node.weights, along)),
        pads=node.kind in _PADDING,
    )


def _whole(node: Node) -> Step:
    arrays = _arrays(node, dict.fromkeys(node.weights, ()))  # with no axis along units that can go
    return Step(node.name, node.layer, node.inputs, _width(node.output_shape), "fixed", arrays=arrays)


def _reshaping(node: Node) -> Step:
    """Follow channels into a vector of all positions, or past new or lost axes of size 1."""
    before, after = node.input_shapes[0], node.output_shape
    channels = _width(before)
    if len(after) == 1 and None not in before:
        positions = math.prod(size for size in before[:-1] if size is not None)
        return _passing(node, np.tile(np.arange(channels), positions))
    if before[-1:] == after[-1:] and [s for s in before if s != 1] == [s for s in after if s != 1]:
        return _passing(node, np.arange(channels))
    return _whole(node)


def _concatenation(node: Node) -> Step:
    widths = [_width(shape) for shape in node.input_shapes]
    rank = len(node.output_shape)
    if node.config["axis"] not in (-1, rank):  # other positions of the same channels
        return _passing(node, *[np.arange(widths[0]) for _ in widths])
    sources = []
    for start, width in zip(np.cumsum([0, *widths]), widths, strict=False):
        source = np.full(sum(widths), -1)
        source[start : start + width] = np.arange(width)
        sources.append(source)
    return _passing(node, *sources)


def _arrays(node: Node, roles: Mapping[str, tuple[str, ...]]) -> Arrays:
    return {name: (node.weights[name], axes) for name, axes in roles.items() if name in node.weights}


def _pads(node: Node, kernel: str) -> bool:
    window = node.weights[kernel][:-2]
    return node.config.get("padding", "valid") != "valid" and any(size > 1 for size in window)


def mixes_channels(activation: Any) -> bool:
    """Tell whether an activation mixes channels, as softmax does; one that is no name is taken to."""
    return not isinstance(activation, str) or activation in _MIXING_ACTIVATIONS


def _mixes(node: Node) -> bool:
    return mixes_channels(node.config.get("activation", "linear"))


def _shares_slopes(node: Node) -> bool:
    """Whether a PReLU has one slope for all channels."""
    return node.kind == "PReLU" and len(node.output_shape) in (node.config["shared_axes"] or ())


def _scales_alike(node: Node) -> bool:
    """Whether a Rescaling does to all channels the same, and has no numbers that are one channel's own."""
    return all(isinstance(node.config[name], int | float) for name in ("scale", "offset"))


def _is_last(node: Node) -> bool:
    """Whether a layer with an `axis` works on the channels."""
    return node.config.get("axis", -1) in (-1, len(node.output_shape))


def _width(shape: Shape) -> int:
    return int(shape[-1] or 0)
