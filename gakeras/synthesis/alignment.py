"""Parents without gene tags: what survived is pushed together, and mates by position."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from gakeras.graph import Channels, fed_channels, permuted_indices, take, used_channels
from gakeras.synthesis.masks import Masks
from gakeras.synthesis.mating import Network


def pack(channels: Channels, network: Network) -> Network:
    """Return the same network with the living units of every layer first, in their order.

    It computes the same, for whatever reads a unit is permuted with it. But where a filter was
    in the ancestor is forgotten: the third filter of one packed network and the third of
    another may have nothing in common, which is what gene tags are for (Chung et al. 2018).
    Units that are tied by a merge move together; inputs and outputs stay.
    """
    origin = _packed_origin(channels, living_units(channels, network.masks))
    indices = permuted_indices(channels, origin)

    def permuted(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {name: take(array, indices[name]) for name, array in arrays.items()}

    strengths = None if network.strengths is None else permuted(network.strengths)
    return Network(permuted(network.weights), permuted(network.masks), strengths)


def living_units(channels: Channels, masks: Masks) -> np.ndarray:
    """Return which units lie on a living path from an input to an output: bool, (num_units,)."""
    fed, used = fed_channels(channels, masks), used_channels(channels, masks)
    living = np.zeros(channels.num_units, bool)
    for step in channels.steps:
        living[channels.units[step.name][fed[step.name] & used[step.name]]] = True
    return living


def _packed_origin(channels: Channels, living: np.ndarray) -> np.ndarray:
    """Return for each unit which one takes its number, layer by layer."""
    origin = np.arange(channels.num_units)
    moved = channels.pinned.copy()
    for step in channels.steps:
        units = channels.units[step.name]
        if step.link == "mixing" and not moved[units].any():
            origin[units] = units[np.argsort(~living[units], kind="stable")]
            moved[units] = True
    return origin
