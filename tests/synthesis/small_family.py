"""A small family to draw offspring from."""

from __future__ import annotations

from functools import cache

import numpy as np
from keras_models import NETWORKS

from gakeras.graph import read_graph, trace_channels
from gakeras.graph.rebuilding import read_weights
from gakeras.synthesis.masks import full_masks
from gakeras.synthesis.mating import Network
from gakeras.synthesis.offspring import synthesize_offspring
from gakeras.synthesis.settings import Synthesis


@cache
def ancestor(name: str = "lenet"):
    model = NETWORKS[name]("valid")
    channels, rng = trace_channels(read_graph(model)), np.random.default_rng(0)
    weights = {key: rng.normal(size=array.shape) for key, array in read_weights(model).items()}
    return channels, Network(weights, full_masks(channels))


def family(name: str, members: int, seed: int = 0, settings: Synthesis | None = None):
    channels, first = ancestor(name)
    settings = settings or Synthesis()
    return channels, [
        synthesize_offspring(channels, [first], settings, np.random.default_rng((seed, i))).network
        for i in range(members)
    ]
