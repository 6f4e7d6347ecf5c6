"""Groups of synapses that are synthesized or lost together, and their gene tags."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from gakeras.graph import Channels, Kernel
from gakeras.synthesis.masks import Masks

ClusterKind = Literal["filter", "kernel"]
"""`filter`: all weights into one filter or neuron; removing it makes a network that compacts.
`kernel`: the weights from one channel to one filter, as Shafiee and Wong (2016) have it."""

GeneTag = tuple[str, int]
"""Where a cluster was in the ancestor: the layer, and the number of the filter or neuron in it."""


@dataclass(frozen=True, eq=False)
class Clusters:
    """The clusters of one kernel.

    Attributes:
        ids: For each synapse the number of its cluster, an array of the kernel's shape.
        units: (count,) For each cluster the filter or neuron of the ancestor that it belongs to.
        is_exempt: Whether no cluster may go: of an output layer, or where a cluster is one
            synapse, whose probability would otherwise count twice.
    """

    ids: np.ndarray
    units: np.ndarray
    is_exempt: bool

    @property
    def count(self) -> int:
        """How many clusters there are."""
        return len(self.units)

    def sums(self, values: np.ndarray) -> np.ndarray:
        """Return the sum over each cluster of an array of the kernel's shape: float64, (count,)."""
        return np.bincount(self.ids.ravel(), weights=values.ravel(), minlength=self.count)

    def living(self, mask: np.ndarray) -> np.ndarray:
        """Return which clusters have a living synapse: bool, (count,)."""
        return self.sums(mask) > 0


def form_clusters(channels: Channels, kind: ClusterKind = "filter") -> dict[str, Clusters]:
    """Return the clusters of every kernel of a model.

    Clusters of the kind `kernel` in a dense layer that follows a flattening are those of the
    convolution it amounts to: the weights from all positions of one channel to one neuron.
    Elsewhere a dense layer has no two-dimensional kernels, so each of its synapses stands alone.
    """
    return {name: _clusters(channels, kernel, kind) for name, kernel in channels.kernels.items()}


def gene_tags(clusters: Mapping[str, Clusters], masks: Masks) -> set[GeneTag]:
    """Return the tags of the living filters and neurons of a network (Chung et al. 2018, section 2).

    Masks in the ancestor's coordinates are tags already; this is for reports.
    """
    return {
        (name.rpartition("/")[0], int(unit))
        for name, group in clusters.items()
        for unit in group.units[group.living(masks[name])]
    }


def _clusters(channels: Channels, kernel: Kernel, kind: ClusterKind) -> Clusters:
    *window, inputs, outputs = kernel.shape
    numbers: np.ndarray
    if kernel.layout == "depthwise":  # one two-dimensional kernel is one filter
        numbers, units = np.arange(inputs * outputs).reshape(inputs, outputs), np.arange(inputs * outputs)
    elif kind == "filter":
        numbers, units = np.arange(outputs), np.arange(outputs)
    else:
        groups = np.arange(inputs) if window else _channels_of_inputs(channels.units[kernel.source])
        numbers = groups[:, None] * outputs + np.arange(outputs)
        units = np.tile(np.arange(outputs), int(groups.max()) + 1)
    ids = np.ascontiguousarray(np.broadcast_to(numbers, kernel.shape), dtype=np.int32)
    stands_alone = ids.size == len(units) and kernel.layout == "mixing" and kind == "kernel"
    is_output = bool(channels.pinned[channels.units[kernel.step]].all())
    return Clusters(ids, units, is_output or stands_alone)


def _channels_of_inputs(units: np.ndarray) -> np.ndarray:
    """Return for each row of a dense kernel the number of the channel that it comes from."""
    _, numbers = np.unique(units, return_inverse=True)
    return numbers
