"""What the new units of a widened layer weigh, so that the network says what it said.

Let unit u of a layer be read through a linear sum, sum_u h_u V_u. Units may join it

- as **twins**: pairs with the same incoming weights U and outgoing V and -V, so h V - h V = 0;
- as **copies** of units that are there, whose outgoing weights they share;
- **unheard**: with outgoing weights of zero.

Everything between (normalisations, activations, poolings, depthwise convolutions) treats every
channel by itself, and gets equal numbers where units have equal ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gakeras.graph import Channels, Places, put

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True, eq=False)
class Widening:
    """The channels of a model before and after.

    Attributes:
        old, new: Channels of both models.
        origin: For each new unit the old one that it is, or -1 (`gakeras.graph.matched_units`).
        places: Where the old entries are in the new arrays (`gakeras.graph.entry_places`).
    """

    old: Channels
    new: Channels
    origin: np.ndarray
    places: Mapping[str, Places]

    @property
    def added(self) -> np.ndarray:
        """The units that join, in order."""
        return np.flatnonzero(self.origin < 0)

    def reading_axis(self, key: str) -> int | None:
        """Return the axis of an array along which a sum reads units, None if it reads none."""
        kernel = self.new.kernels.get(key)
        return len(kernel.shape) - 2 if kernel and kernel.layout == "mixing" else None


def join_twins(arrays: Mapping[str, np.ndarray], widening: Widening, rng: np.random.Generator) -> Arrays:
    """Return the arrays with the added units in pairs: unit i and unit i + half are twins."""
    first, second = np.split(widening.added, 2)
    return {key: _joined(key, array, widening, rng, (first, second)) for key, array in arrays.items()}


def join_unheard(arrays: Mapping[str, np.ndarray], widening: Widening, rng: np.random.Generator) -> Arrays:
    """Return the arrays with added units that nobody listens to yet."""
    return {key: _joined(key, array, widening, rng, None) for key, array in arrays.items()}


def join_copies(
    arrays: Mapping[str, np.ndarray],
    widening: Widening,
    rng: np.random.Generator,
    candidates: np.ndarray,
    noise: float,
) -> Arrays:
    """Return the arrays with the added units as copies of old ones that are drawn from `candidates`.

    What read a unit of k copies (itself among them) reads each with 1 / k of the weight, plus
    `noise` standard deviations of the kernel, of which the mean over the copies is taken off.
    """
    source = widening.origin.copy()
    source[widening.added] = rng.choice(candidates, len(widening.added))
    return {key: _copied(key, array, widening, rng, source, noise) for key, array in arrays.items()}


def _joined(
    key: str,
    array: np.ndarray,
    widening: Widening,
    rng: np.random.Generator,
    twins: tuple[np.ndarray, np.ndarray] | None,
) -> np.ndarray:
    axes = widening.new.axes[key]
    shape = _new_shape(array, axes)
    if shape == array.shape:
        return array
    wide = _fresh(key, array, shape, widening, rng)
    for axis, units in enumerate(axes):
        if units is None:
            continue
        along = np.moveaxis(wide, axis, 0)
        reads = axis == widening.reading_axis(key)
        if twins:
            along[_places_of(units, twins[1])] = (-1 if reads else 1) * along[_places_of(units, twins[0])]
        elif reads:
            along[np.isin(units, widening.added)] = 0
    return put(array, widening.places[key], wide)


def _fresh(
    key: str, array: np.ndarray, shape: tuple[int, ...], widening: Widening, rng: np.random.Generator
) -> np.ndarray:
    """Draw a kernel with the spread that the old one has; other vectors take the mean of their layer."""
    if key in widening.old.kernels:
        return rng.normal(0.0, array.std(), shape).astype(array.dtype)
    return np.broadcast_to(array.mean(axis=-1, keepdims=True), shape).astype(array.dtype)


def _copied(
    key: str,
    array: np.ndarray,
    widening: Widening,
    rng: np.random.Generator,
    source: np.ndarray,
    noise: float,
) -> np.ndarray:
    for axis, units in enumerate(widening.new.axes[key]):
        old_units = widening.old.axes[key][axis]
        if units is None or old_units is None or len(units) == len(old_units):
            continue
        along = np.moveaxis(array, axis, 0)[_copied_places(old_units, units, source)]
        if axis == widening.reading_axis(key):
            along = _shared(along, units, source, rng, noise * float(array.std()))
        array = np.moveaxis(along, 0, axis)
    return array


def _shared(
    along: np.ndarray, units: np.ndarray, source: np.ndarray, rng: np.random.Generator, noise: float
) -> np.ndarray:
    """Divide what is read between the copies of each unit; the sum over them stays."""
    shared = along.copy()
    for unit in np.unique(source[units]):
        copies = np.flatnonzero(source == unit)
        places = np.array([np.flatnonzero(units == copy) for copy in copies])  # (copies, times)
        split = noise * rng.normal(size=(*places.shape, *along.shape[1:]))
        if len(copies) > 1:
            shared[places] = along[places] / len(copies) + (split - split.mean(axis=0)).astype(along.dtype)
    return shared


def _copied_places(old_units: np.ndarray, units: np.ndarray, source: np.ndarray) -> np.ndarray:
    """Return for each place on an axis where its unit's source stood, the k-th time for the k-th time."""
    places = np.empty(len(units), np.int64)
    for unit in np.unique(units):
        places[units == unit] = np.flatnonzero(old_units == source[unit])
    return places


def _places_of(units: np.ndarray, some: np.ndarray) -> np.ndarray:
    """Return the places of some units on an axis, unit by unit, so that those of others match them."""
    return np.concatenate([np.flatnonzero(units == unit) for unit in some])


def _new_shape(array: np.ndarray, axes: tuple[np.ndarray | None, ...]) -> tuple[int, ...]:
    return tuple(size if units is None else len(units) for size, units in zip(array.shape, axes, strict=True))
