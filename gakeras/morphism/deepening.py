"""One more layer, and the same outputs: an identity, or a residual branch that begins at zero."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers

from gakeras.errors import InputError
from gakeras.graph import Node, mixes_channels, read_graph
from gakeras.graph.grafting import graft
from gakeras.graph.rebuilding import read_weights, write_weights
from gakeras.morphism.points import IDENTITY_ABOVE_ZERO, fresh_name, never_negative, point_behind


def deepen(
    model: keras.Model,
    after: str,
    *,
    activation: str = "relu",
    kernel_size: int = 3,
    name: str | None = None,
) -> keras.Model:
    """Return a model with one more layer behind another, which begins as the identity.

    On images it is a convolution with stride 1, `same` padding and a kernel that is the identity
    matrix at its centre, (k - 1) // 2 of an axis, and zero elsewhere; on vectors a dense layer.
    Biases are zero (Net2DeeperNet of Chen, Goodfellow and Shlens 2016).

    The new activation s must leave the values v that it meets: s(v) = v. `linear` does anywhere;
    `relu`, `leaky_relu`, `elu` and `celu` where no v is negative: behind relu, sigmoid, softplus
    and the like, and poolings, dropout and merges of these. No other activation ever does.

    Args:
        model: Built, Sequential or Functional; it is left as it is.
        after: The layer, not the output and not in a nested model, behind which it comes.
        activation: Of the new layer, by name.
        kernel_size: Of the new convolution.
        name: Of the new layer, by default `"deeper_1"` and so on.

    Returns:
        A new, uncompiled model with equal outputs, in inference and in training mode;
        Sequential if `model` is.

    Raises:
        InputError: for another layer, and for an activation that would change the values.

    >>> from keras import Input, Sequential
    >>> model = Sequential([Input((4,)), layers.Dense(3, "relu", name="hidden"), layers.Dense(2)])
    >>> [layer.name for layer in deepen(model, "hidden").layers][1]
    'deeper_1'
    """
    graph = read_graph(model)
    point = point_behind(graph, after)
    positive = never_negative(graph, after)
    if activation != "linear" and not (positive and activation in IDENTITY_ABOVE_ZERO):
        raise InputError(
            "An identity layer keeps values that its activation leaves as they are.",
            expected=f"linear, or {', '.join(sorted(IDENTITY_ABOVE_ZERO))} where no value is negative",
            received=f"activation={activation!r} behind {after!r}, whose values "
            + ("are never negative" if positive else "may be negative"),
            way_out="Use `insert_residual`, which works with every activation.",
        )
    name = name or fresh_name(model, "deeper")
    channels = _channels(point)
    layer = _layer(point, channels, kernel_size, activation, name)
    patch = keras.Sequential([keras.Input(point.output_shape), layer])
    weights = read_weights(patch)
    kernel = np.zeros_like(weights[f"{name}/kernel"])
    kernel[(*[(kernel_size - 1) // 2] * (kernel.ndim - 2),)] = np.eye(channels)
    write_weights(patch, {f"{name}/kernel": kernel, f"{name}/bias": np.zeros(channels)})
    return graft(model, after, patch)


def insert_residual(
    model: keras.Model,
    after: str,
    units: int,
    rng: np.random.Generator,
    *,
    activation: str = "relu",
    kernel_size: int = 3,
    normalise: bool = False,
    name: str | None = None,
) -> keras.Model:
    """Return a model with a residual branch behind a layer, which begins at zero.

    What read x reads x + [B, -B] s([U, U] x) (Painter 2018, R2DeeperR): a convolution with
    `same` padding, or a dense layer on vectors, of pairs with equal weights U; optionally batch
    normalisation, whose statistics are equal in a pair; the activation s; a projection to the
    width of x (a 1x1 convolution or a dense layer) with weights B and -B; and the sum. B = 0 would be
    zero as well, but then U has no gradient at the first step.

    Args:
        model: Built, Sequential or Functional; it is left as it is.
        after: The layer, not the output and not in a nested model, behind which it comes.
        units: Filters or neurons of the branch, an even number.
        rng: Draws U and B, normal with variance 2 / (number of inputs).
        activation: s, by name; any that treats every channel by itself.
        kernel_size: Of the convolution.
        normalise: Whether to normalise between the convolution and s.
        name: Of the branch's first layer and in front of its others' names, by default
            `"residual_1"` and so on.

    Returns:
        A new, uncompiled Functional model whose outputs differ by rounding, in inference and in
        training mode, at most 1e-5 for outputs of order 1.

    Raises:
        InputError: for another layer, an odd number of units, or an activation like softmax.

    >>> from keras import Input, Sequential
    >>> stack = [Input((4,)), layers.Dense(3, "tanh", name="hidden"), layers.Dense(2, name="out")]
    >>> deeper = insert_residual(Sequential(stack), "hidden", 8, np.random.default_rng(0), activation="tanh")
    >>> [layer.name for layer in deeper.layers][2:]
    ['residual_1', 'residual_1_projection', 'residual_1_add', 'out']
    """
    point = point_behind(read_graph(model), after)
    check_pairs(units, activation)
    name = name or fresh_name(model, "residual")
    inputs = keras.Input(point.output_shape)
    x = _layer(point, units, kernel_size, "linear" if normalise else activation, name)(inputs)
    if normalise:
        x = layers.BatchNormalization(name=f"{name}_norm")(x)
        x = layers.Activation(activation, name=f"{name}_activation")(x)
    x = _layer(point, _channels(point), 1, "linear", f"{name}_projection")(x)
    patch = keras.Model(inputs, layers.Add(name=f"{name}_add")([inputs, x]))
    weights = read_weights(patch)
    first, last = f"{name}/kernel", f"{name}_projection/kernel"
    write_weights(patch, {first: paired_filters(weights[first].shape, rng)})
    write_weights(patch, {last: opposed_rows(weights[last].shape, [units], rng)})
    return graft(model, after, patch)


def paired_filters(shape: tuple[int, ...], rng: np.random.Generator, sign: int = 1) -> np.ndarray:
    """Draw a kernel (..., inputs, filters) whose second half of filters is the first times `sign`."""
    half = _drawn((*shape[:-1], shape[-1] // 2), rng)
    return np.concatenate([half, sign * half], axis=-1)


def opposed_rows(
    shape: tuple[int, ...], widths: list[int], rng: np.random.Generator, sign: int = -1
) -> np.ndarray:
    """Draw a projection (..., inputs, outputs) of branches of these widths, each in halves.

    The weights of a branch's second half are `sign` times those of its first.
    """
    drawn = _drawn(shape, rng)
    halves = [np.split(rows, 2, axis=-2)[0] for rows in np.split(drawn, np.cumsum(widths)[:-1], axis=-2)]
    return np.concatenate([part for half in halves for part in (half, sign * half)], axis=-2)


def check_pairs(units: int, activation: str) -> None:
    """Raise `InputError` unless a branch of so many units can cancel itself through the activation."""
    if units < 2 or units % 2:
        raise InputError(
            "A branch cancels itself in pairs.",
            expected="a positive, even number of units",
            received=f"{units}",
            way_out=f"Use {max(units + units % 2, 2)}.",
        )
    if mixes_channels(activation):
        raise InputError(
            "Twins stay equal where every channel is treated by itself.",
            expected="an activation by its name, such as relu, tanh or gelu",
            received=f"activation={activation!r}, which mixes channels or is not known by name",
            way_out="Use another activation.",
        )


def _drawn(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    return rng.normal(0.0, np.sqrt(2 / np.prod(shape[:-1])), shape).astype("float32")


def _channels(point: Node) -> int:
    return int(point.output_shape[-1] or 0)


def _layer(point: Node, units: int, size: int, activation: str, name: str) -> Any:
    """Return a new dense layer for vectors, or a convolution that keeps places where they are."""
    rank = len(point.output_shape) - 1
    if rank == 0:
        return layers.Dense(units, activation=activation, name=name)
    convolution = (layers.Conv1D, layers.Conv2D, layers.Conv3D)[rank - 1]
    same = {"padding": "same", "data_format": "channels_last"}
    return convolution(units, size, activation=activation, name=name, **same)
