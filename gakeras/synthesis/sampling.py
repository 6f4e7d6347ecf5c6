"""Draws the masks of an offspring: Bernoulli per cluster, then per synapse in it (equation 1)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from gakeras.graph import Channels
from gakeras.synthesis.clusters import Clusters
from gakeras.synthesis.environment import Probabilities, impose
from gakeras.synthesis.mating import Candidates
from gakeras.synthesis.settings import Synthesis


def draw_synthesis(
    candidates: Candidates,
    channels: Channels,
    clusters: Mapping[str, Clusters],
    settings: Synthesis,
    rng: np.random.Generator,
) -> dict[str, np.ndarray]:
    """Return masks drawn from the probabilities of clusters and synapses under the environment.

    Nothing that is no candidate is drawn, so masks only shrink and nothing lost returns.
    """
    return sample(impose(candidates, clusters, settings), clusters, rng)


def sample(
    probabilities: Probabilities, clusters: Mapping[str, Clusters], rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Draw every cluster and every synapse independently; a synapse needs both.

    s_c ~ Bernoulli(F_c P(c)),  s_i ~ Bernoulli(F_s P(i)),  mask_i = s_c(i) and s_i
    """
    masks = {}
    for name, group in clusters.items():
        has_cluster = rng.random(group.count) < probabilities.clusters[name]
        has_synapse = rng.random(group.ids.shape) < probabilities.synapses[name]
        masks[name] = has_cluster[group.ids] & has_synapse
    return masks
