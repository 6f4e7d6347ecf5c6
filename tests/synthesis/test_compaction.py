"""The law of compaction: the smaller network says what the masked one says."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras_models import NETWORKS, outputs_of, random_inputs, with_random_weights

from gakeras.graph import read_graph, trace_channels
from gakeras.graph.rebuilding import read_weights, write_weights
from gakeras.synthesis.compaction import compact, masked_weights

TOLERANCE = 1e-5


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


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("seed", range(4))
def test_the_compacted_network_says_what_the_masked_one_says(name: str, padding: str, seed: int) -> None:
    model = with_random_weights(NETWORKS[name](padding), seed)
    masks = random_masks(model, seed)
    inputs = random_inputs(model, seed)
    small = compact(model, masks)
    assert small.count_params() <= model.count_params()
    for expected, received in zip(
        outputs_of(masked(model, masks), inputs), outputs_of(small, inputs), strict=True
    ):
        np.testing.assert_allclose(received, expected, rtol=0, atol=TOLERANCE)
