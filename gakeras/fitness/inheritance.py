"""What a child's layers take from those of its parents: a rule on lineage ids, and plain arrays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from gakeras.encoding import Conv, Dense, Genome, Inception
from gakeras.encoding.blocks import Shape
from gakeras.encoding.costs import image_shape
from gakeras.fitness.descent import FLATTEN, TracedLayer, Weighted, trace_layers
from gakeras.fitness.overlaps import Map, carried, channel_map, flat_map, joined_map, overlap
from gakeras.morphism.points import IDENTITY_ABOVE_ZERO, NEVER_NEGATIVE

Weights = Mapping[str, np.ndarray]
"""Arrays by layer path and name, as `gakeras.graph.rebuilding.read_weights` gives them."""


@dataclass(frozen=True)
class Relative:
    """A genome and its trained weights, of which a child may take some."""

    genome: Genome
    weights: Weights


@dataclass(frozen=True)
class _Reading:
    """What the next layer of a child reads, as the walk through the child has it.

    `kept` maps its channels to those that `before` puts out; an identity in between only adds some.
    """

    route: tuple[str | None, ...]
    before: Weighted | None
    kept: Map
    is_inherited: bool = True
    is_positive: bool = False


@dataclass
class Inherited:
    """The weights a child begins with, and for each layer that took some from which parent (its place)."""

    weights: dict[str, np.ndarray]
    sources: dict[str, int] = field(default_factory=dict)


def inherit(genome: Genome, input_shape: Shape, fresh: Weights, parents: Sequence[Relative]) -> Inherited:
    """Return the weights with which a child begins to be trained.

    ```
    for each layer of the child, from the input on:
        if a parent has a layer of its id that reads a layer of the same id, through the same pools:
            take its weights, where channels or windows differ those of the overlap
        else if it is new, reads what was taken, and its activation allows it:
            begin as the identity, which what comes behind does not notice
        else: stay as initialized
    ```

    So behind a cut of crossover, a block that was removed, or a pool that came or went, one layer is
    as initialized, and so is a dense layer that reads an image whose height or width has changed. Where
    both parents qualify it is the one that the layer before came from, at first the first. Batch
    normalisation's vectors go with their layer; activation and dropout are not looked at. A larger
    window begins with zeros around the old one.

    Args:
        genome: Of the child, with lineage ids; a block without one takes nothing.
        input_shape: Of one example, as the user has it.
        fresh: All arrays of the child as initialized; they are not changed.
        parents: The first one is the one that the child's first layers come from.

    >>> from gakeras.encoding import with_lineage
    >>> parent = with_lineage(Genome.parse("dense #2 activation=tanh"), 0)
    >>> shapes = {"dense_1/kernel": (3, 2), "dense_1/bias": (2,), "output/kernel": (2, 1)}
    >>> trained = {name: np.ones(shape) for name, shape in shapes.items()}
    >>> fresh = {name: np.zeros(shape) for name, shape in shapes.items()}
    >>> child = inherit(parent, (3,), fresh, [Relative(parent, trained)])
    >>> child.sources, float(child.weights["output/kernel"].sum())
    ({'dense_1': 0, 'output': 0}, 2.0)
    """
    known = [
        {(layer.lineage_id, layer.route): layer for layer in trace_layers(parent.genome, input_shape)}
        for parent in parents
    ]
    ids = {lineage_id for layers in known for lineage_id, _ in layers}
    child = Inherited(dict(fresh))
    favourite = 0
    reading = _Reading(("input",), None, np.arange(image_shape(input_shape)[-1]))
    for layer in trace_layers(genome, input_shape):
        route = (*reading.route, *layer.between)
        matching = [
            place
            for place, layers in enumerate(known)
            if None not in (layer.lineage_id, *route) and (layer.lineage_id, route) in layers
        ]
        source = favourite if favourite in matching else next(iter(matching), None)
        taken: dict[str, np.ndarray] = {}
        if source is not None:
            old = known[source][layer.lineage_id, route]
            taken = dict(_taken(layer, old, reading, fresh, parents[source].weights))
        if source is not None and taken:
            child.weights |= taken
            child.sources[layer.name] = favourite = source
        elif layer.lineage_id not in ids and _may_be_identity(layer, reading):
            child.weights |= _identity(layer, fresh)
            added = np.full(_channels(layer, fresh) - len(reading.kept), -1)
            reading = _Reading(
                route, reading.before, np.concatenate([reading.kept, added]), True, _is_positive(layer)
            )
            continue
        channels = np.arange(_channels(layer, fresh))
        reading = _Reading((layer.lineage_id,), layer.block, channels, bool(taken), _is_positive(layer))
    return child


def _taken(
    layer: TracedLayer, old: TracedLayer, reading: _Reading, fresh: Weights, trained: Weights
) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the arrays of a layer as they come from its ancestor; none where it does not fit."""
    inputs = _input_map(layer, old, reading)
    if inputs is None or not (inputs >= 0).any() or not _is_alike(old.block, layer.block):
        return
    outputs = _output_map(old, layer, fresh)
    for name in _arrays_of(layer, fresh):
        before = old.name + name.removeprefix(layer.name)
        if before in trained:
            maps = _maps_of(name.removeprefix(layer.name), old.block, layer.block, inputs, outputs)
            yield name, carried(fresh[name], trained[before], maps[-fresh[name].ndim :])


def _input_map(layer: TracedLayer, old: TracedLayer, reading: _Reading) -> Map | None:
    channels = reading.kept
    if reading.before is not None and old.before is not None:
        behind = channel_map(old.before, reading.before)
        channels = np.where(reading.kept >= 0, behind[reading.kept], -1)
    return flat_map(channels, old.shape, layer.shape) if FLATTEN in layer.between else channels


def _output_map(old: TracedLayer, new: TracedLayer, fresh: Weights) -> Map:
    if old.block is None or new.block is None:
        return np.arange(_channels(new, fresh))
    return channel_map(old.block, new.block)


def _is_alike(old: Weighted | None, new: Weighted | None) -> bool:
    """Tell whether two blocks have the same kind of weights."""
    if isinstance(old, Conv) and isinstance(new, Conv):
        return old.separable == new.separable
    return type(old) is type(new)


def _arrays_of(layer: TracedLayer, weights: Weights) -> list[str]:
    beginnings = tuple(f"{layer.name}{end}" for end in ("/", "_norm/", "_shortcut/"))
    return [name for name in weights if name.startswith(beginnings)]


def _maps_of(
    name: str, old: Weighted | None, new: Weighted | None, inputs: Map, outputs: Map
) -> tuple[Map, Map]:
    """Return the maps of the last two axes of an array, by its name behind the block's."""
    if name.endswith("/depthwise_kernel"):
        return inputs, np.arange(1)
    if isinstance(old, Inception) and isinstance(new, Inception) and not name.startswith("_shortcut"):
        joined = joined_map(old, new)
        if name.startswith("/projection"):
            return joined, outputs
        return inputs, joined if name.startswith("/norm") else overlap(old.filters, new.filters)
    return inputs, outputs


def _may_be_identity(layer: TracedLayer, reading: _Reading) -> bool:
    """Tell whether a new layer can leave its input as it is (see `gakeras.morphism.deepening`)."""
    block, channels = layer.block, len(reading.kept)
    if not reading.is_inherited or layer.block is None or FLATTEN in layer.between:
        return False
    if isinstance(block, Conv):
        fits = block.filters >= channels and block.padding == "same"
        fits = fits and not (block.separable or block.residual)
    else:
        fits = isinstance(block, Dense) and block.units >= channels
    leaves = layer.block.activation == "linear" or (
        reading.is_positive and layer.block.activation in IDENTITY_ABOVE_ZERO
    )
    return fits and leaves and not layer.block.normalise


def _identity(layer: TracedLayer, fresh: Weights) -> dict[str, np.ndarray]:
    """Return kernel and bias that put every input through; further outputs are as initialized."""
    kernel, bias = fresh[f"{layer.name}/kernel"].copy(), fresh[f"{layer.name}/bias"].copy()
    inputs = kernel.shape[-2]
    centre = tuple((size - 1) // 2 for size in kernel.shape[:-2])
    kernel[..., :inputs] = 0
    kernel[(*centre, slice(None), slice(inputs))] = np.eye(inputs)
    bias[:inputs] = 0
    return {f"{layer.name}/kernel": kernel, f"{layer.name}/bias": bias}


def _is_positive(layer: TracedLayer) -> bool:
    """Tell whether a block's values are never negative, as far as itself says."""
    block = layer.block
    if block is None or block.activation not in NEVER_NEGATIVE:
        return False
    return isinstance(block, Dense) or not (
        block.residual or (isinstance(block, Inception) and block.projection)
    )


def _channels(layer: TracedLayer, fresh: Weights) -> int:
    if isinstance(layer.block, Inception):
        return layer.block.channels
    if isinstance(layer.block, Conv):
        return layer.block.filters
    return int(fresh[f"{layer.name}/kernel"].shape[-1])
