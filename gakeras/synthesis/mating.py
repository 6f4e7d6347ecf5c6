"""What several parents have in common: equations 1 to 3 of Chung, Fieguth and Wong (2018).

    M_c(W) = product over k in K_c of alpha_k W_k      M_s(w) = product over k in K_c of alpha_k w_k   (3)

K_c are the parents that have cluster c; an offspring can get it if they are at least chi m of m.
The strengths of different parents have different scales, and products over different K_c
different powers of them. So strengths are divided by the largest of their parent's layer, and
the product at cluster level is a weighted geometric mean. At the level of synapses, where
independently drawn siblings share few, a product would leave next to nothing; there it is a
weighted mean over K_c in which a missing synapse counts as 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gakeras.errors import InputError
from gakeras.synthesis.clusters import Clusters
from gakeras.synthesis.masks import Masks
from gakeras.synthesis.probability import normalizer, truncate
from gakeras.synthesis.settings import Synthesis


@dataclass(frozen=True, eq=False)
class Network:
    """A network of the family: arrays by name, and the masks of its kernels, in the ancestor's shapes.

    Attributes:
        weights: Every array by `"layer/weight"`, biases and statistics included.
        masks: Of every kernel.
        strengths: What counts as the strength of a synapse in place of |w|, by kernel, or None.
    """

    weights: Mapping[str, np.ndarray]
    masks: Masks
    strengths: Mapping[str, np.ndarray] | None = None

    def strength(self, name: str) -> np.ndarray:
        """Return the strengths of a kernel's synapses; the sign means nothing."""
        return (self.weights if self.strengths is None else self.strengths)[name]


@dataclass(frozen=True, eq=False)
class Candidates:
    """What an offspring can be made of, by kernel.

    Attributes:
        masks: The synapses it can have.
        clusters: M_c, the strength of each cluster.
        synapses: M_s, the strength of each synapse, from 0 to 1 within its layer.
        magnitudes: Mean |w| over the parents that have the synapse, in the weights' own scale.
        parent_synapses: How many each kernel has, the mean over the parents.
    """

    masks: Masks
    clusters: Mapping[str, np.ndarray]
    synapses: Mapping[str, np.ndarray]
    magnitudes: Mapping[str, np.ndarray]
    parent_synapses: Mapping[str, float]

    @property
    def num_parent_synapses(self) -> float:
        """The mean over the parents, which a budget is a share of."""
        return sum(self.parent_synapses.values())


def mate(
    parents: Sequence[Network],
    clusters: Mapping[str, Clusters],
    settings: Synthesis,
    alpha: Sequence[float] | None = None,
) -> Candidates:
    """Return what `parents` have to offer, aligned as they are. One parent offers itself.

    Args:
        parents: In the same coordinates: the ancestor's where genes are tagged, and packed ones
            (`alignment.pack`) where they are not.
        clusters: Of the ancestor.
        settings: `chi` and `truncation` are used.
        alpha: A weight for each parent, for example its validation accuracy; equal by default.

    Raises:
        InputError: without parents, or with weights that are not positive or do not match them.
    """
    weights = _checked(parents, alpha)
    needed = int(np.ceil(settings.chi * len(parents) - 1e-9))
    masks, of_clusters, of_synapses, magnitudes, counts = {}, {}, {}, {}, {}
    for name, group in clusters.items():
        has_synapse = np.stack([parent.masks[name] for parent in parents])
        has_cluster = np.stack([group.living(mask) for mask in has_synapse])
        is_offered = has_cluster.sum(axis=0) >= (1 if group.is_exempt else needed)
        strengths = np.stack([parent.strength(name) for parent in parents])
        masks[name] = has_synapse.any(axis=0) & is_offered[group.ids]
        of_clusters[name] = _cluster_mating(strengths, has_synapse, has_cluster, group, weights, settings)
        of_synapses[name] = _synapse_mating(strengths, has_synapse, has_cluster, group, weights)
        owned = np.abs(strengths) * has_synapse
        magnitudes[name] = owned.sum(axis=0) / np.maximum(has_synapse.sum(axis=0), 1)
        counts[name] = float(np.count_nonzero(has_synapse)) / len(parents)
    return Candidates(masks, of_clusters, of_synapses, magnitudes, counts)


def _cluster_mating(
    strengths: np.ndarray,  # (parents, *kernel)
    has_synapse: np.ndarray,  # (parents, *kernel)
    has_cluster: np.ndarray,  # (parents, clusters)
    group: Clusters,
    alpha: np.ndarray,
    settings: Synthesis,
) -> np.ndarray:
    """Return M_c: the geometric mean of W_k over K_c, to the powers alpha."""
    scaled = np.zeros(has_cluster.shape)
    for k, (values, mask) in enumerate(zip(strengths, has_synapse, strict=True)):
        sums = group.sums(truncate(values, mask, settings.truncation))
        scaled[k] = sums / normalizer(sums[has_cluster[k]], "max")
    with np.errstate(divide="ignore"):  # a cluster of weak synapses alone has strength 0
        logs = np.where(has_cluster, np.log(np.where(has_cluster, scaled, 1.0)), 0.0)
    share = np.where(has_cluster, alpha[:, None], 0.0)
    total = share.sum(axis=0)
    weighted = np.where(has_cluster, share * logs, 0.0).sum(axis=0)
    return np.where(total > 0, np.exp(weighted / np.where(total > 0, total, 1.0)), 0.0)


def _synapse_mating(
    strengths: np.ndarray,
    has_synapse: np.ndarray,
    has_cluster: np.ndarray,
    group: Clusters,
    alpha: np.ndarray,
) -> np.ndarray:
    """Return M_s: the mean of w_k over K_c with the weights alpha, a missing synapse being 0."""
    mean, total = np.zeros(strengths.shape[1:]), np.zeros(strengths.shape[1:])
    for k, (values, mask) in enumerate(zip(strengths, has_synapse, strict=True)):
        magnitudes = np.abs(values) * mask
        mean += alpha[k] * magnitudes / normalizer(magnitudes[mask], "max")
        total += alpha[k] * has_cluster[k][group.ids]
    return mean / np.where(total > 0, total, 1.0)


def _checked(parents: Sequence[Network], alpha: Sequence[float] | None) -> np.ndarray:
    weights = np.asarray([1.0] * len(parents) if alpha is None else alpha, dtype=float)
    if not parents or weights.shape != (len(parents),) or not (weights > 0).all():
        raise InputError(
            "An offspring has at least one parent, and each parent a positive weight.",
            expected="as many positive numbers alpha as parents",
            received=f"{len(parents)} parents, alpha={alpha}",
        )
    return weights
