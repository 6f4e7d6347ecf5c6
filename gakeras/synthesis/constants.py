"""What a channel yields that no input reaches: a constant, worked out ahead of time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np

from gakeras.graph import Channels, Graph
from gakeras.graph.reading import layers_by_path
from gakeras.graph.steps import Step

Values = dict[str, np.ndarray]


def constant_values(
    model: keras.Model, graph: Graph, channels: Channels, weights: Mapping[str, np.ndarray]
) -> Values:
    """Return for each step the constant that each of its channels yields, NaN where it varies.

    A channel varies when a weight other than zero leads to it from one that varies, or when
    it is a constant at some places and another near the border: zero padding does that to a
    constant that is not zero itself.

    Args:
        model: Whose layers' own functions are applied to the constants.
        graph, channels: Of the model.
        weights: Its arrays, as they shall be used, by `"layer/weight"`.

    Returns:
        float64 arrays (channels,) by step.
    """
    layers = layers_by_path(model)
    nodes = {node.name: node for node in graph.nodes}
    values: Values = {}
    for step in channels.steps:
        inputs = [values[name] for name in step.inputs]
        if step.link in ("input", "fixed"):
            values[step.name] = np.full(step.width, np.nan)
        elif step.kernel:
            summed = (_mixed if step.link == "mixing" else _gated)(step, inputs[0], weights)
            if step.name in nodes:  # and not the first half of a separable convolution
                summed = summed + weights.get(f"{step.layer}/bias", 0.0)
                summed = _applied(layers[step.layer].activation, summed)
            values[step.name] = np.full(step.width, np.nan) if step.holds_output else summed
        else:
            kind = nodes[step.name].kind
            values[step.name] = _passed(step, kind, layers[step.layer], inputs, weights)
    return values


def shielded(step: Step, value: np.ndarray) -> np.ndarray:
    """Return the constants that stay constant in a step's sum, NaN for the others."""
    return np.where(value == 0.0, 0.0, np.nan) if step.pads else value


def summed_kernel(step: Step, weights: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return a kernel summed over its positions: what each input adds to each output for each 1."""
    kernel = weights[f"{step.layer}/{step.kernel}"]
    return np.asarray(kernel.astype(np.float64).reshape(-1, *kernel.shape[-2:]).sum(axis=0))


def touches(step: Step, weights: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return which input has a weight other than zero to which output."""
    kernel = weights[f"{step.layer}/{step.kernel}"]
    return np.asarray((kernel != 0).reshape(-1, *kernel.shape[-2:]).any(axis=0))


def _mixed(step: Step, value: np.ndarray, weights: Mapping[str, np.ndarray]) -> np.ndarray:
    value = shielded(step, value)
    varies = np.isnan(value) @ touches(step, weights)
    return np.where(varies, np.nan, np.nan_to_num(value) @ summed_kernel(step, weights))


def _gated(step: Step, value: np.ndarray, weights: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return the sums of a depthwise convolution: output i * multiplier + j reads input i alone."""
    value = shielded(step, value)[step.sources[0]]
    sums = np.nan_to_num(value) * summed_kernel(step, weights).ravel()
    return np.where(np.isnan(value) & touches(step, weights).ravel(), np.nan, sums)


def _applied(function: Callable[[Any], Any], values: np.ndarray) -> np.ndarray:
    """Apply a layer or an activation to constants, leaving what varies."""
    known = ~np.isnan(values)
    result = np.full(len(values), np.nan)
    if known.any():
        given = keras.ops.convert_to_tensor(np.where(known, values, 0.0).astype("float32")[None])
        result[known] = keras.ops.convert_to_numpy(function(given))[0][known]
    return result


_UNCHANGED = {
    "Flatten", "Reshape", "Identity", "Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D",
    "GaussianNoise", "GaussianDropout", "AlphaDropout", "ActivityRegularization", "MaxPooling1D",
    "MaxPooling2D", "MaxPooling3D", "AveragePooling1D", "AveragePooling2D", "AveragePooling3D",
    "GlobalMaxPooling1D", "GlobalMaxPooling2D", "GlobalMaxPooling3D", "GlobalAveragePooling1D",
    "GlobalAveragePooling2D", "GlobalAveragePooling3D", "Cropping1D", "Cropping2D", "Cropping3D",
    "UpSampling1D", "UpSampling2D", "UpSampling3D", "Concatenate",
}  # fmt: skip
"""Poolings are among them with either padding: Keras pads maxima with -inf and means with nothing."""

_MERGED: dict[str, Callable[[np.ndarray], Any]] = {
    "Add": np.add.reduce,
    "Subtract": np.subtract.reduce,
    "Multiply": np.multiply.reduce,
    "Maximum": np.maximum.reduce,
    "Minimum": np.minimum.reduce,
    "Average": lambda values: np.mean(values, axis=0),
}


def _passed(
    step: Step, kind: str, layer: Any, inputs: list[np.ndarray], weights: Mapping[str, np.ndarray]
) -> np.ndarray:
    arriving = [np.where(at >= 0, value[at], 0.0) for value, at in zip(inputs, step.sources, strict=True)]
    if kind == "Concatenate":
        return np.sum(arriving, axis=0) if step.sources[0].min() < 0 else _agreeing(arriving)
    value = arriving[0]
    if kind in _UNCHANGED:
        return value
    if kind in _MERGED:
        return np.asarray(_MERGED[kind](np.stack(arriving)))
    if kind == "BatchNormalization":
        return _normalised(step, layer, value, weights)
    if kind in ("Activation", "ReLU", "LeakyReLU", "ELU"):
        return _applied(layer, value)
    if kind == "PReLU":  # its slope may differ from place to place, its positive half does not
        return np.where(value >= 0, value, np.nan)
    if step.pads:
        return shielded(step, value)
    return np.full(step.width, np.nan)  # Rescaling and what else has its own say


def _agreeing(arriving: list[np.ndarray]) -> np.ndarray:
    """Return the constants that all parts of a concatenation of places share."""
    same = np.all([value == arriving[0] for value in arriving], axis=0)
    return np.where(same, arriving[0], np.nan)


def _normalised(step: Step, layer: Any, value: np.ndarray, weights: Mapping[str, np.ndarray]) -> np.ndarray:
    gamma = weights.get(f"{step.layer}/gamma", 1.0)
    beta = weights.get(f"{step.layer}/beta", 0.0)
    mean, variance = weights[f"{step.layer}/moving_mean"], weights[f"{step.layer}/moving_variance"]
    deviation = np.sqrt(variance.astype(np.float64) + layer.epsilon)
    return np.asarray((value - mean) / deviation * gamma + beta)
