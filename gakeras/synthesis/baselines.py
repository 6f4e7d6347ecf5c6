"""What synthesis is compared with, behind its signature and on its budget.

Each keeps the budget's share of the parent's synapses, and whatever comes after (dead
synapses, guards, inheritance, training) is the same.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from gakeras.graph import Channels
from gakeras.synthesis.clusters import Clusters
from gakeras.synthesis.environment import score
from gakeras.synthesis.mating import Candidates
from gakeras.synthesis.probability import lamp_scores
from gakeras.synthesis.settings import Budget, Synthesis


def draw_random(
    candidates: Candidates,
    channels: Channels,
    clusters: Mapping[str, Clusters],
    settings: Synthesis,
    rng: np.random.Generator,
) -> dict[str, np.ndarray]:
    """Keep synapses of all layers at random, each as likely as any other."""
    return _keep_highest({n: rng.random(m.shape) for n, m in candidates.masks.items()}, candidates, settings)


def keep_magnitude(
    candidates: Candidates,
    channels: Channels,
    clusters: Mapping[str, Clusters],
    settings: Synthesis,
    rng: np.random.Generator,
) -> dict[str, np.ndarray]:
    """Keep the largest |w| of all layers together (global magnitude pruning)."""
    return _keep_highest(candidates.magnitudes, candidates, settings)


def keep_lamp(
    candidates: Candidates,
    channels: Channels,
    clusters: Mapping[str, Clusters],
    settings: Synthesis,
    rng: np.random.Generator,
) -> dict[str, np.ndarray]:
    """Keep the highest scores of layer-adaptive magnitude pruning (Lee et al. 2021, equation 1).

    score(u) = w_u^2 / sum of w_v^2 over the living v of the layer with |w_v| >= |w_u|
    """
    scores = {name: lamp_scores(candidates.magnitudes[name], mask) for name, mask in candidates.masks.items()}
    return _keep_highest(scores, candidates, settings)


def keep_two_level(
    candidates: Candidates,
    channels: Channels,
    clusters: Mapping[str, Clusters],
    settings: Synthesis,
    rng: np.random.Generator,
) -> dict[str, np.ndarray]:
    """Keep the likeliest clusters, then the likeliest synapses in them: synthesis without the dice."""
    of_clusters, of_synapses = score(candidates, clusters, settings)
    sizes = {name: group.sums(candidates.masks[name]) for name, group in clusters.items()}
    removable = [name for name, group in clusters.items() if not group.is_exempt]
    chosen = {name: of_clusters[name] > -np.inf for name in clusters}
    if removable:
        order = np.argsort(-np.concatenate([of_clusters[name] for name in removable]), kind="stable")
        size = np.concatenate([sizes[name] for name in removable])[order]
        budget = _budget(settings).cluster_share * size.sum() * _room(candidates)
        kept = np.zeros(len(order), bool)
        kept[order] = np.cumsum(size) - size < budget
        cuts = np.cumsum([clusters[name].count for name in removable])[:-1]
        for name, part in zip(removable, np.split(kept, cuts), strict=True):
            chosen[name] &= part
    within = {
        name: np.where(chosen[name][clusters[name].ids], logs, -np.inf) for name, logs in of_synapses.items()
    }
    return _keep_highest(within, candidates, settings)


def _keep_highest(
    scores: Mapping[str, np.ndarray], candidates: Candidates, settings: Synthesis
) -> dict[str, np.ndarray]:
    """Keep as many candidates as the budget allows, those with the highest scores over all layers."""
    living = candidates.masks.items()
    flat = np.concatenate([np.where(mask, scores[name], -np.inf).ravel() for name, mask in living])
    num_kept = round(_budget(settings).share * candidates.num_parent_synapses)
    kept = np.zeros(len(flat), bool)
    kept[np.argsort(-flat, kind="stable")[:num_kept]] = True
    kept &= flat > -np.inf
    cuts = np.cumsum([mask.size for _, mask in living])[:-1]
    parts = zip(living, np.split(kept, cuts), strict=True)
    return {name: part.reshape(mask.shape) for (name, mask), part in parts}


def _budget(settings: Synthesis) -> Budget:
    if isinstance(settings.environment, Budget):
        return settings.environment
    raise TypeError("A baseline without a budget; `Synthesis` refuses that.")


def _room(candidates: Candidates) -> float:
    return candidates.num_parent_synapses / max(sum(int(m.sum()) for m in candidates.masks.values()), 1)
