"""From a network full of zeros to a smaller one that computes the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from gakeras.errors import InputError
from gakeras.fitness.options import DtypePolicy
from gakeras.graph import Channels, Graph, kept_indices, read_graph, resized_configs, take, trace_channels
from gakeras.graph.rebuilding import read_weights, rebuild, write_weights
from gakeras.graph.slices import Index
from gakeras.synthesis.constants import Values, constant_values, shielded, summed_kernel, touches


def compact(model: keras.Model, masks: Mapping[str, np.ndarray] | None = None) -> keras.Model:
    """Return a plain Keras model with the same outputs and without the units that do nothing.

    Units without an output are dropped. Units without an input yield a constant: it goes
    into the biases of what reads them, and they are dropped, where that is exact. Where it
    is not (`same` padding puts zeros beside a constant that is not zero) they stay, and what
    a merge or a depthwise convolution binds together stays or goes together. Every layer
    keeps at least one unit, and the wiring stays.

    Args:
        model: Built, Sequential or Functional, of the layers that docs/synthesis.md lists; it
            is left as it is.
        masks: For kernels by name (`"conv_1/kernel"`), True where a synapse lives; weights that
            are zero count as masked in any case.

    Returns:
        A new, uncompiled model of stock layers under the same names, which loads without
        gakeras. Its outputs differ from the masked model's by rounding: at most 1e-5 for
        outputs of order 1. Layers keep their constraints; masks that are held (`weights.hold_masks`) are
        left out.

    Raises:
        InputError: for a model that is not built or has a layer that cannot be followed, and
            for a mask of another name or shape.

    >>> from keras import Input, Sequential, layers
    >>> model = Sequential([Input((4,)), layers.Dense(8, name="hidden"), layers.Dense(2)])
    >>> mask = np.ones((4, 8), bool)
    >>> mask[:, 3:] = False
    >>> compact(model, {"hidden/kernel": mask}).get_layer("hidden").units
    3
    """
    graph = read_graph(model)
    channels = trace_channels(graph)
    weights = masked_weights(read_weights(model), masks or {})
    return shrink(model, graph, channels, weights).model


@dataclass(frozen=True, eq=False)
class Shrunk:
    """A smaller model, and where its numbers stood in the one it comes from.

    Attributes:
        model: New and uncompiled, unless it was used again.
        indices: For each array of the larger model and each axis the positions that stayed, None for all.
        changes: What the configurations of its layers, by path, have that those of the larger one have not.
    """

    model: keras.Model
    indices: Mapping[str, Index]
    changes: Mapping[str, Mapping[str, Any]]

    def take(self, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return the parts of arrays of the larger model's shapes that the smaller one has."""
        return {name: take(array, self.indices[name]) for name, array in arrays.items()}

    def put(self, arrays: Mapping[str, np.ndarray], small: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return copies of the larger model's arrays with the smaller one's numbers at their places."""
        filled = {name: array.copy() for name, array in arrays.items()}
        for name, array in small.items():
            axes = [
                np.arange(size) if positions is None else positions
                for size, positions in zip(filled[name].shape, self.indices[name], strict=True)
            ]
            filled[name][np.ix_(*axes)] = array
        return filled


def shrink(
    model: keras.Model,
    graph: Graph,
    channels: Channels,
    weights: Mapping[str, np.ndarray],
    dtype_policy: DtypePolicy = "float32",
    *,
    earlier: Shrunk | None = None,
) -> Shrunk:
    """Return the model without the units that do nothing for these weights, as `compact` describes it.

    With a mixed dtype policy it computes in half precision, but for outputs and the scaling of inputs.
    Where the layers become those of `earlier`, its model gets the new weights and is returned, as it is
    compiled and traced; otherwise it is left alone.
    """
    values = constant_values(model, graph, channels, weights)
    kept = kept_units(channels, values, weights)
    folded = _fold_constants(channels, values, weights, kept)
    changes = {layer: dict(change) for layer, change in resized_configs(graph, channels, kept).items()}
    for key in folded.keys() - weights.keys():  # a layer that had no bias until now
        changes.setdefault(key.rpartition("/")[0], {})["use_bias"] = True
    for node in graph.nodes:
        if masks := _held_masks(node.config):
            changes.setdefault(node.layer, {}).update(dict.fromkeys(masks))
    if dtype_policy != "float32":
        for path in _computing_layers(graph):
            changes.setdefault(path, {})["dtype"] = dtype_policy
    indices = kept_indices(channels, kept)
    small = {key: take(array, indices[key]) for key, array in folded.items()}
    if earlier is None or earlier.changes != changes:
        return Shrunk(rebuild(model, changes, small), indices, changes)
    write_weights(earlier.model, small)
    return Shrunk(earlier.model, indices, changes)


def masked_weights(
    weights: Mapping[str, np.ndarray], masks: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Return the arrays with zeros where a mask is False."""
    for name, mask in masks.items():
        if name not in weights or mask.shape != weights[name].shape:
            raise InputError(
                "A mask must fit the kernel that it is named after.",
                expected=f"the shapes of {', '.join(key for key in weights if key.endswith('kernel'))}",
                received=f"a mask {name!r} of shape {mask.shape}",
                way_out="Take names and shapes from `gakeras.synthesis.weights.read_kernels`.",
            )
    return {name: array * masks[name] if name in masks else array for name, array in weights.items()}


def kept_units(channels: Channels, values: Values, weights: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return which units must stay, bool (num_units,): a fixed point over all that reads them.

    A unit stays when it is pinned, or when a unit that stays reads a value of it that varies.
    """
    kept = channels.pinned.copy()
    while True:
        before = kept.copy()
        for step in reversed(channels.steps):
            if step.link != "mixing":
                continue
            if not kept[channels.units[step.name]].any():
                kept[channels.units[step.name][0]] = True
            outputs = kept[channels.units[step.name]]
            inputs = channels.units[step.inputs[0]]
            varies = np.isnan(shielded(step, values[step.inputs[0]]))
            kept[inputs[varies & (touches(step, weights) @ outputs)]] = True
        if (kept == before).all():
            return kept


def _fold_constants(
    channels: Channels, values: Values, weights: Mapping[str, np.ndarray], kept: np.ndarray
) -> dict[str, np.ndarray]:
    """Add to each bias what the inputs that go would have added, always the same."""
    folded = dict(weights)
    for step in channels.steps:
        if step.link == "mixing":
            gone = ~kept[channels.units[step.inputs[0]]]
            constants = np.where(gone, np.nan_to_num(shielded(step, values[step.inputs[0]])), 0.0)
            added = constants @ summed_kernel(step, weights)
            key = f"{step.layer}/bias"
            if added.any():
                bias = weights.get(key, np.zeros(step.width, np.float32))
                folded[key] = (bias + added).astype(bias.dtype)
    return folded


def _computing_layers(graph: Graph) -> Iterator[str]:
    for node in graph.nodes:
        if node.name not in graph.outputs and node.kind not in ("InputLayer", "Rescaling", "Normalization"):
            yield node.layer


def _held_masks(config: Mapping[str, Any]) -> list[str]:
    """Return which constraints of a layer's configuration are masks, which fit no other size."""
    held = [name for name, value in config.items() if name.endswith("_constraint") and value]
    return [name for name in held if config[name].get("class_name") == "HeldMask"]
