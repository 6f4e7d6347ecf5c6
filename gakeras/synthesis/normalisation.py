"""What batch normalisation subtracts and divides by: statistics of the network that is, not of its parent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from gakeras.graph import read_graph
from gakeras.graph.reading import layers_by_path

NUM_BATCHES = 16
BATCH_SIZE = 128


def renew_statistics(model: keras.Model, x: np.ndarray, indices: np.ndarray, seed: int) -> None:
    """Set the mean and the variance of every batch normalisation that is trained to those of its inputs.

    An offspring begins with the statistics of its parent, and a moving average with a momentum of 0.99
    needs hundreds of steps to forget them. So they are measured anew (Wu and Johnson, *Rethinking "Batch"
    in BatchNorm*, 2021, section 3): each batch is normalised by its own moments, as in training, and

        mean = E[mean_B]        variance = E[variance_B + mean_B^2] - mean^2

    All other layers work as in inference, without dropout and noise, for that is where the statistics are
    used. At most 16 batches of 128 examples are taken. A model without such a layer is left as it is.

    Args:
        model: With one input.
        x: Examples, (n, ...).
        indices: Of those that train; validation and test examples must not be among them.
        seed: Of the choice among them.

    >>> stack = [keras.Input((1,)), keras.layers.BatchNormalization(name="norm")]
    >>> model = keras.Sequential(stack)
    >>> renew_statistics(model, np.array([[1.0], [3.0], [9.0]]), np.array([0, 1]), seed=0)
    >>> layer = model.get_layer("norm")
    >>> float(layer.moving_mean[0]), float(layer.moving_variance[0])
    (2.0, 1.0)
    """
    layers = layers_by_path(model)
    moments: dict[str, list[np.ndarray]] = {path: [] for path, layer in layers.items() if _is_trained(layer)}
    if not moments:
        return
    nodes = read_graph(model).nodes
    nodes = nodes[: 1 + max(place for place, node in enumerate(nodes) if node.layer in moments)]
    last_reader = {source: node.name for node in nodes for source in node.inputs}
    for batch in _batches(indices, seed):
        values: dict[str, Any] = {}
        for node in nodes:
            if node.kind == "InputLayer":
                examples = np.asarray(x[batch]).reshape(len(batch), *node.output_shape)
                values[node.name] = keras.ops.convert_to_tensor(examples, model.inputs[0].dtype)
                continue
            layer, inputs = layers[node.layer], [values[source] for source in node.inputs]
            if node.layer in moments:
                moments[node.layer].append(_taken_on(layer, inputs[0]))
            values[node.name] = layer(inputs[0] if len(inputs) == 1 else inputs, training=False)
            for source in set(node.inputs):
                if last_reader[source] == node.name:
                    del values[source]
    for path, of_batches in moments.items():
        mean, square = np.mean(of_batches, axis=0)
        layers[path].moving_mean.assign(mean)
        layers[path].moving_variance.assign(np.maximum(square - mean**2, 0.0))


def _is_trained(layer: Any) -> bool:
    return isinstance(layer, keras.layers.BatchNormalization) and bool(layer.trainable)


def _batches(indices: np.ndarray, seed: int) -> Iterator[np.ndarray]:
    """Yield batches of one size, so that nothing is traced or compiled twice."""
    chosen = np.random.default_rng(seed).permutation(indices)[: NUM_BATCHES * BATCH_SIZE]
    size = min(BATCH_SIZE, len(chosen))
    for start in range(0, len(chosen) - size + 1, size):
        yield chosen[start : start + size]


def _taken_on(layer: Any, inputs: Any) -> np.ndarray:
    """Give a layer the moments of a batch, and return mean and mean square: float64, (2, channels)."""
    axes = [axis for axis in range(len(inputs.shape)) if axis != layer.axis % len(inputs.shape)]
    mean, variance = keras.ops.moments(keras.ops.cast(inputs, "float32"), axes)
    layer.moving_mean.assign(mean)
    layer.moving_variance.assign(variance)
    mean, variance = (keras.ops.convert_to_numpy(moment).astype(np.float64) for moment in (mean, variance))
    return np.stack([mean, variance + mean**2])
