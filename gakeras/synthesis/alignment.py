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
    Units that are tied by a merge move together; inputs and outputs stay. Where a layer's units are tied
    to those of different layers, as by a sum with a concatenation, they move among their like alone.
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
    moved, kinds = channels.pinned.copy(), _kinds(channels)
    for step in channels.steps:
        units = channels.units[step.name] if step.link == "mixing" else np.empty(0, int)
        for kind in np.unique(kinds[units]):
            alike = units[kinds[units] == kind]
            if not moved[alike].any():
                origin[alike] = alike[np.argsort(~living[alike], kind="stable")]
                moved[alike] = True
    return origin


def _kinds(channels: Channels) -> np.ndarray:
    """Return a number for each unit, (num_units,), equal for those that stand equally often in every step."""
    counts = [np.bincount(units, minlength=channels.num_units) for units in channels.units.values()]
    _, kinds = np.unique(np.stack(counts), axis=1, return_inverse=True)
    return kinds.ravel()
