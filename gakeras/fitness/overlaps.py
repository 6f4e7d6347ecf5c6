"""Which channels of a changed layer were there before, and arrays that keep what belongs to them.

A map gives for every new index of an axis the old one, and -1 where there was none.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gakeras.encoding import Conv, Inception
from gakeras.encoding.blocks import Shape
from gakeras.fitness.descent import Weighted

Map = np.ndarray


def overlap(old: int, new: int) -> Map:
    """Return the map of an axis that gains or loses its last places.

    >>> overlap(2, 4).tolist(), overlap(4, 2).tolist()
    ([0, 1, -1, -1], [0, 1])
    """
    places = np.arange(new)
    return np.where(places < old, places, -1)


def window_map(old: int, new: int) -> Map:
    """Return the map of a window that grows or shrinks around its centre, (k - 1) // 2 as Keras pads `same`.

    >>> window_map(3, 5).tolist(), window_map(5, 3).tolist(), window_map(2, 3).tolist()
    ([-1, 0, 1, 2, -1], [1, 2, 3], [-1, 0, 1])
    """
    places = np.arange(new) - (new - 1) // 2 + (old - 1) // 2
    return np.where((places >= 0) & (places < old), places, -1)


def channel_map(old: Weighted, new: Weighted) -> Map:
    """Return the map of a block's output channels; those of an Inception module go with their branch."""
    if isinstance(old, Inception) and isinstance(new, Inception):
        if bool(old.projection) != bool(new.projection):
            return np.full(new.channels, -1)
        return overlap(old.channels, new.channels) if new.projection else joined_map(old, new)
    return overlap(_width(old), _width(new))


def joined_map(old: Inception, new: Inception) -> Map:
    """Return the map of the channels of an Inception module's branches, side by side."""
    maps = []
    for branch in new.branches:
        inside = overlap(old.filters, new.filters)
        start = old.branches.index(branch) * old.filters if branch in old.branches else None
        maps.append(np.full(new.filters, -1) if start is None else np.where(inside >= 0, start + inside, -1))
    return np.concatenate(maps)


def flat_map(channels: Map, old: Shape, new: Shape) -> Map | None:
    """Return the map of an image's values in Keras' order (row, column, channel); None where places differ.

    >>> flat_map(np.array([0, -1]), (1, 2, 1), (1, 2, 2)).tolist()
    [0, -1, 1, -1]
    """
    if old[:-1] != new[:-1]:
        return None
    first = old[-1] * np.arange(np.prod(new[:-1], dtype=int))[:, None]
    return np.asarray(np.where(channels >= 0, first + channels, -1)).ravel()


def carried(fresh: np.ndarray, old: np.ndarray, maps: Sequence[Map]) -> np.ndarray:
    """Return an array with the old values where maps say so; elsewhere it is as it was initialized.

    Axes in front of those that have a map are a window's: between channels that were there before,
    what a larger window adds is zero.
    """
    window = [window_map(old.shape[axis], fresh.shape[axis]) for axis in range(fresh.ndim - len(maps))]
    result = fresh.copy()
    result[_places([np.arange(len(axis)) for axis in window], maps)] = 0
    result[_places([np.flatnonzero(axis >= 0) for axis in window], maps)] = old[
        np.ix_(*(axis[axis >= 0] for axis in (*window, *maps)))
    ]
    return result


def _places(window: Sequence[np.ndarray], maps: Sequence[Map]) -> tuple[np.ndarray, ...]:
    return np.ix_(*window, *(np.flatnonzero(axis >= 0) for axis in maps))


def _width(block: Weighted) -> int:
    if isinstance(block, Inception):
        return block.channels
    return block.filters if isinstance(block, Conv) else block.units
