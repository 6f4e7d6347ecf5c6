"""Removing dead synapses changes no output: what units without inputs yield goes into the biases."""

from __future__ import annotations

import numpy as np
import pytest
from keras_models import NETWORKS, outputs_of, random_inputs, with_random_weights

from gakeras.graph import read_graph, trace_channels
from gakeras.graph.rebuilding import read_weights, write_weights
from gakeras.synthesis.folding import fold_removed
from gakeras.synthesis.masks import remove_dead


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("name", ["lenet", "nested", "table", "signal"])
def test_an_offspring_computes_what_its_drawn_synapses_do(name: str, seed: int) -> None:
    model, rng = with_random_weights(NETWORKS[name]("valid"), seed), np.random.default_rng(seed)
    graph = read_graph(model)
    channels, weights = trace_channels(graph), read_weights(model)
    before = {key: rng.random(kernel.shape) < 0.9 for key, kernel in channels.kernels.items()}
    for mask in before.values():  # units without inputs, as clusters that were not synthesized leave them
        mask[..., : mask.shape[-1] // 3] = False
    after, num_dead = remove_dead(channels, before)
    inputs = random_inputs(model, seed)

    def outputs(arrays: dict[str, np.ndarray], masks: dict[str, np.ndarray]) -> list[np.ndarray]:
        write_weights(model, {key: a * masks[key] if key in masks else a for key, a in arrays.items()})
        return outputs_of(model, inputs)

    wanted = outputs(weights, before)
    folded = fold_removed(model, graph, channels, weights, before, after)
    assert num_dead > 0
    for got, want in zip(outputs(folded, after), wanted, strict=True):
        np.testing.assert_allclose(got, want, atol=1e-5)
