"""More filters for a convolution, more neurons for a dense layer, and the same outputs."""

from __future__ import annotations

from typing import Literal, get_args

import keras
import numpy as np

from gakeras.errors import InputError
from gakeras.graph import (
    Channels,
    Graph,
    entry_places,
    matched_units,
    read_graph,
    resized_configs,
    trace_channels,
)
from gakeras.graph.rebuilding import read_weights, rebuild, write_weights
from gakeras.morphism.units import Widening, join_copies, join_twins, join_unheard

WideningMethod = Literal["twins", "copies", "unheard"]


def widen(
    model: keras.Model,
    layer: str,
    units: int,
    rng: np.random.Generator,
    *,
    method: WideningMethod = "twins",
    noise: float = 0.0,
) -> keras.Model:
    """Return a model with a wider layer that computes the same.

    The new units stand behind the layer's old ones, at every place that those reach unmixed:
    through activations, normalisations, poolings and depthwise convolutions, in a flattened
    vector behind each position's channels, in a concatenation behind the branch's. A layer
    whose channels an Add or another merge ties to this one's is widened with it.

    - `twins` (Painter 2018, R2WiderR): pairs with the same random incoming weights U and outgoing
      weights V and -V. No old weight changes. The gradients of the pair are opposite in U and
      equal in V, so the twins part at the first step of training.
    - `copies` (Chen, Goodfellow and Shlens, Net2Net, 2016): copies of randomly drawn units, which
      share the outgoing weights of the original. Old outgoing weights change. Copies stay equal
      for ever, unless dropout, noise, or an optimizer that remembers more of one than of the
      other, parts them.
    - `unheard`: random incoming weights, outgoing weights of zero. No old weight changes.

    New incoming and outgoing kernels are drawn from a normal distribution with mean 0 and the
    standard deviation of the kernel's old weights; biases and the vectors of normalisations are
    the layer's means.

    Args:
        model: Built, Sequential or Functional, of the layers that docs/synthesis.md lists; it
            is left as it is.
        layer: A convolution or dense layer by its path, `"conv_1"` or `"inception_1/conv_3"`.
        units: Its new width, filters or neurons.
        rng: Draws the new weights.
        method: See above.
        noise: For `copies`: what each copy's outgoing weights differ by, in standard deviations of
            the kernel, before the mean over the copies of a unit is taken off. So outputs stay.

    Returns:
        A new, uncompiled model of stock layers under the same names. In inference its outputs
        differ by rounding, at most 1e-5 for outputs of order 1; in training mode too, as
        twins and copies have equal batch statistics, but not with dropout between a layer and what
        reads it: its masks tell twins apart. Constraints and regularizers of the kernels hold for
        the new weights too, from the first step of training on.

    Raises:
        InputError: for a layer that is none of these, or whose units cannot be added to, and for a
            width or noise that does not fit.

    >>> from keras import Input, Sequential, layers
    >>> model = Sequential([Input((4,)), layers.Dense(3, "relu", name="hidden"), layers.Dense(2)])
    >>> wide = widen(model, "hidden", 5, np.random.default_rng(0))
    >>> wide.get_layer("hidden").units
    5
    >>> x = np.ones((1, 4))
    >>> bool(np.allclose(model.predict(x, verbose=0), wide.predict(x, verbose=0), atol=1e-5))
    True
    """
    graph = read_graph(model)
    channels = trace_channels(graph)
    own = _own_units(graph, channels, layer)
    _check_growth(layer, units, len(own), method)
    _check_noise(noise, method)
    counts = np.ones(channels.num_units, int)
    counts[own[-1]] += units - len(own)
    wide = rebuild(model, resized_configs(graph, channels, counts), {})
    wide_graph = read_graph(wide)
    wide_channels = trace_channels(wide_graph)
    origin = matched_units(channels, wide_channels)
    widening = Widening(channels, wide_channels, origin, entry_places(graph, wide_graph))
    arrays = read_weights(model)
    match method:
        case "twins":
            grown = join_twins(arrays, widening, rng)
        case "copies":
            grown = join_copies(arrays, widening, rng, own, noise)
        case "unheard":
            grown = join_unheard(arrays, widening, rng)
    write_weights(wide, grown)
    return wide


def _own_units(graph: Graph, channels: Channels, layer: str) -> np.ndarray:
    """Return the units of a layer that can be widened."""
    makers = {step.name for step in channels.steps if step.link == "mixing"}
    if layer not in makers:
        kind = next((node.kind for node in graph.nodes if node.layer == layer), "no layer of the model")
        raise InputError(
            "Widening adds units to a layer that makes them.",
            expected=f"a convolution without groups or a dense layer: {', '.join(sorted(makers))}",
            received=f"{layer!r}, {kind}",
            way_out="Name the layer that makes the channels.",
        )
    own = channels.units[layer]
    if channels.pinned[own].any():
        raise InputError(
            "Units can join where every layer treats every channel by itself, up to a linear sum.",
            expected="a layer between the inputs and the outputs, followed by no layer that uses its "
            "channels as a whole or ties them to the inputs",
            received=f"{layer!r}, whose units are outputs, tied to inputs, or read as a whole by, for "
            "example, a softmax, a permutation or a grouped convolution",
            way_out="Widen another layer, or put a residual branch behind this one with "
            "`gakeras.morphism.deepening.insert_residual`.",
        )
    for step in channels.steps:
        theirs = channels.units[step.name]
        if step.link == "mixing" and own[-1] in theirs[:-1]:
            raise InputError(
                "New units come behind all others of every layer that they are tied to.",
                expected="a layer whose last unit is the last one of each layer that a merge ties to it",
                received=f"{layer!r}, whose units are in the middle of those of {step.name!r}",
                way_out=f"Widen {step.name!r}.",
            )
    return own


def _check_growth(layer: str, units: int, width: int, method: str) -> None:
    if units <= width:
        raise InputError(
            "Widening cannot remove units.",
            expected=f"more units than the {width} that {layer!r} has",
            received=f"units={units}",
            way_out="To shrink a layer use `gakeras.synthesis.compaction.compact`.",
        )
    if method == "twins" and (units - width) % 2:
        raise InputError(
            "Twins come in pairs.",
            expected=f"an even number of units beyond the {width} that {layer!r} has",
            received=f"units={units}, {units - width} more",
            way_out=f'Use units={units + 1}, or the method "copies" or "unheard".',
        )
    if method not in get_args(WideningMethod):
        raise InputError(
            "New units come in by one of three ways.",
            expected=f"a method of {', '.join(get_args(WideningMethod))}",
            received=f"method={method!r}",
        )


def _check_noise(noise: float, method: str) -> None:
    if noise < 0 or (noise and method != "copies"):
        raise InputError(
            "Noise tells copies apart; twins and unheard units differ without it.",
            expected='noise >= 0, and 0 unless method="copies"',
            received=f"noise={noise}, method={method!r}",
        )
