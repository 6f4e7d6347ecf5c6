"""How small a network has become: the papers' efficiencies, and bytes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from gakeras.synthesis.clusters import Clusters
from gakeras.synthesis.masks import Masks, count_synapses
from gakeras.synthesis.precision import BITS, Precision

_INDEX_BITS = 16


def architectural_efficiency(masks: Masks) -> float:
    """Return the ancestor's synapses divided by this network's (Shafiee and Wong 2016, Table 1).

    It is infinite without any. Called with masks from before and from after `remove_dead` it
    gives the two figures that a report should have.

    >>> architectural_efficiency({"a": np.array([True, False, False, False])})
    4.0
    """
    total, living = sum(mask.size for mask in masks.values()), count_synapses(masks)
    return total / living if living else float("inf")


def cluster_efficiency(clusters: Mapping[str, Clusters], masks: Masks) -> dict[str, float]:
    """Return for each kernel its clusters divided by those that have a synapse left (Tables 2 and 3).

    The paper's overall column is the unweighted mean over layers, `mean_efficiency`.
    """
    efficiency = {}
    for name, group in clusters.items():
        living = int(group.living(masks[name]).sum())
        efficiency[name] = group.count / living if living else float("inf")
    return efficiency


def mean_efficiency(efficiency: Mapping[str, float]) -> float:
    """Return the unweighted mean over layers, the column E of Table 2.

    >>> round(mean_efficiency({"1": 3.6, "2": 12.96, "3": 8.83, "4": 13.47}), 2)
    9.71
    """
    return float(np.mean(list(efficiency.values())))


def sparse_bytes(masks: Masks, precision: Precision = "float32") -> int:
    """Return the bytes of the living weights with an index of where they are; biases not counted.

    The index of each kernel is whichever is smaller: one bit for every place, or 16 bits for
    the distance from one living weight to the next, with a filler where that is too far.

    >>> sparse_bytes({"a": np.array([True] * 8 + [False] * 8)})  # 8 weights, 16 bits
    34
    """
    return sum(_kernel_bytes(mask.ravel(), BITS[precision]) for mask in masks.values())


def _kernel_bytes(mask: np.ndarray, bits: int) -> int:
    places = np.flatnonzero(mask)
    gaps = np.diff(places, prepend=-1) - 1
    fillers = int((gaps // 2**_INDEX_BITS).sum())
    by_distance = (len(places) + fillers) * (bits + _INDEX_BITS)
    by_bitmap = len(places) * bits + mask.size
    return -(-min(by_distance, by_bitmap) // 8)
