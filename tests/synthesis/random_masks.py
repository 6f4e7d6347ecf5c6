"""Masks that leave much dead, and the model that they mask."""

from __future__ import annotations

import keras
import numpy as np

from gakeras.graph import read_graph, trace_channels
from gakeras.graph.rebuilding import read_weights, write_weights
from gakeras.synthesis.compaction import masked_weights


def random_masks(model: keras.Model, seed: int) -> dict[str, np.ndarray]:
    """Kill filters, inputs, kernels and single synapses, each with its own share."""
    rng = np.random.default_rng(seed)
    masks = {}
    for name, kernel in trace_channels(read_graph(model)).kernels.items():
        *window, inputs, outputs = kernel.shape
        is_alive = rng.random(kernel.shape) < rng.choice([0.3, 0.9, 1.0])
        is_alive &= rng.random((*[1] * len(window), inputs, outputs)) < rng.choice([0.4, 0.9])
        is_alive &= rng.random(outputs) < rng.choice([0.5, 0.8])
        is_alive &= rng.random((inputs, 1)) < rng.choice([0.5, 1.0])
        masks[name] = is_alive
    return masks


def masked(model: keras.Model, masks: dict[str, np.ndarray]) -> keras.Model:
    twin = keras.models.clone_model(model)
    write_weights(twin, masked_weights(read_weights(model), masks))
    return twin
