"""Which synapses live: one array of True and False for each kernel, in the ancestor's coordinates.

A mask keeps the ancestor's shape for ever, so that a synapse has the same place in every
network of a family. Masks only shrink. Kernels of layers whose channels are used as a whole have none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import combinations

import numpy as np

from gakeras.graph import Channels, fed_channels, used_channels

Masks = Mapping[str, np.ndarray]
"""For each kernel by its name (`"conv_1/kernel"`) a bool array of its shape, True where a synapse lives."""


def full_masks(channels: Channels) -> dict[str, np.ndarray]:
    """Return the ancestor's masks, of the kernels that can be thinned: every synapse lives."""
    return {name: np.ones(kernel.shape, bool) for name, kernel in channels.kernels.items()}


def with_whole(channels: Channels, masks: Masks) -> Masks:
    """Return masks of all kernels: those of grouped and transposed convolutions, which nothing thins, live.

    Nothing is drawn from these; they are for whatever counts a network's synapses.
    """
    whole = {name: np.ones(shape, bool) for name, shape in channels.whole_kernels.items()}
    return {**masks, **whole}


def count_synapses(masks: Masks) -> int:
    """Return how many synapses live. Biases are none."""
    return sum(int(np.count_nonzero(mask)) for mask in masks.values())


def density(masks: Masks) -> float:
    """Return the kept share of the ancestor's synapses.

    >>> density({"a": np.array([True, False]), "b": np.array([True, True])})
    0.75
    """
    return count_synapses(masks) / sum(mask.size for mask in masks.values())


def overlap(family: Iterable[Masks]) -> float:
    """Return how alike siblings are: the mean Jaccard index of the masks of all pairs, from 0 to 1.

    >>> overlap([{"a": np.array([True, True])}, {"a": np.array([True, False])}])
    0.5
    """
    indices = []
    for one, other in combinations(family, 2):
        shared = sum(int(np.count_nonzero(one[name] & other[name])) for name in one)
        either = sum(int(np.count_nonzero(one[name] | other[name])) for name in one)
        indices.append(shared / either if either else 1.0)
    return float(np.mean(indices)) if indices else 1.0


def remove_dead(channels: Channels, masks: Masks) -> tuple[dict[str, np.ndarray], int]:
    """Remove the synapses that no input reaches or that reach no output, and say how many they were.

    A unit without living inputs yields a constant, and one without living outputs nothing
    that is used; the synapses on their other side are dead. Removing these can kill more, to
    a fixed point, which is found at once: what is left lies on a path from an input of the
    model to an output. That ignores biases: a removed constant changes the network, unless
    `folding` puts it into the next biases.

    Args:
        channels: Of the ancestor.
        masks: Of every kernel.

    Returns:
        New masks, nowhere larger, and the number of dead synapses.
    """
    fed, used = fed_channels(channels, masks), used_channels(channels, masks)
    cleaned = {}
    for name, mask in masks.items():
        kernel = channels.kernels[name]
        width = kernel.shape[-2], kernel.shape[-1]
        leads_on = used[kernel.step] if kernel.layout == "mixing" else used[kernel.step].reshape(width)
        cleaned[name] = mask & fed[kernel.source][:, None] & leads_on
    return cleaned, count_synapses(masks) - count_synapses(cleaned)
