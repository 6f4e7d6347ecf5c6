"""The weights that an offspring starts with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from gakeras.graph import Channels
from gakeras.synthesis.alignment import living_units
from gakeras.synthesis.masks import Masks
from gakeras.synthesis.mating import Network

Heir = Literal["fittest", "mean"]


def inherit(
    channels: Channels, parents: Sequence[Network], masks: Masks, *, from_: Heir = "fittest"
) -> dict[str, np.ndarray]:
    """Return every array of an offspring, zero where its masks are False.

    The papers leave this open. `fittest`: each synapse, and each bias and statistic of a unit,
    comes from the first parent that has it, so that units keep what they compute as far as
    they can; `mean`: from the mean over the parents that have it. What no parent has is the first's.

    Args:
        channels: Of the ancestor.
        parents: The fittest first, aligned like the masks.
        masks: Of the offspring.
    """
    units = [living_units(channels, parent.masks) for parent in parents]
    arrays = {}
    for name, first in parents[0].weights.items():
        values = np.stack([parent.weights[name] for parent in parents])
        if name in masks:
            owns = np.stack([parent.masks[name] for parent in parents])
        else:
            owns = np.stack([_owned(channels, name, living, first.shape) for living in units])
        chosen = _first(values, owns) if from_ == "fittest" else _mean(values, owns)
        chosen = np.where(owns.any(axis=0), chosen, first)
        arrays[name] = (chosen * masks[name] if name in masks else chosen).astype(first.dtype)
    return arrays


def _owned(channels: Channels, name: str, living: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return which numbers of a bias or the like belong to living units."""
    axes = channels.axes[name]
    if not axes or axes[-1] is None:
        return np.ones(shape, bool)
    return np.broadcast_to(living[axes[-1]], shape)


def _first(values: np.ndarray, owns: np.ndarray) -> np.ndarray:
    owner = np.argmax(owns, axis=0)
    return np.asarray(np.take_along_axis(values, owner[None], axis=0)[0])


def _mean(values: np.ndarray, owns: np.ndarray) -> np.ndarray:
    return np.asarray((values * owns).sum(axis=0) / np.maximum(owns.sum(axis=0), 1))
