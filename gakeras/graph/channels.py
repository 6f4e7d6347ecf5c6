"""Which channel of which tensor is the same unit: what can be removed, or widened, together.

A *unit* is a filter of a convolution or a neuron of a dense layer, followed to wherever its
values go unmixed: through activations, normalisations, poolings and depthwise convolutions,
to every position it takes in a flattened vector, to its offset in a concatenation. Channels
that a merge adds elementwise are one unit, because they can only be kept or removed together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from gakeras.errors import InputError
from gakeras.graph.nodes import Graph, Node
from gakeras.graph.steps import Step, steps_of

Axes = tuple[np.ndarray | None, ...]
Layout = Literal["mixing", "depthwise"]


@dataclass(frozen=True, eq=False)
class Kernel:
    """An array of synapses: weights that connect channels of one step to channels of another.

    Attributes:
        step: The step that it belongs to; its output channels are the kernel's.
        source: The step whose channels it reads.
        layout: `mixing`: (..., inputs, outputs), every input to every output; `depthwise`:
            (..., inputs, multiplier), input i to the outputs i * multiplier + j.
        shape: Of the array.
    """

    step: str
    source: str
    layout: Layout
    shape: tuple[int, ...]

    def connections(self, mask: np.ndarray) -> np.ndarray:
        """Return which input has a living synapse to which output: (inputs, outputs or multiplier)."""
        return np.asarray(mask.reshape(-1, *self.shape[-2:]).any(axis=0))


@dataclass(frozen=True, eq=False)
class Channels:
    """The steps of a model and the units of their channels.

    Attributes:
        steps: In an order in which they can be computed.
        outputs: The steps whose values are the model's outputs.
        units: For each step an array (channels,) of unit numbers from 0 to `num_units` - 1.
        pinned: (num_units,), True for units that must stay: the model's inputs and outputs, and
            whatever a layer reads that treats its channels as a whole.
        axes: For each array `"layer/weight"` and each of its axes, the units along it, or
            None where it is none of theirs.
        kernels: The arrays of synapses that can be thinned, by the same names.
    """

    steps: tuple[Step, ...]
    outputs: tuple[str, ...]
    units: Mapping[str, np.ndarray]
    pinned: np.ndarray
    axes: Mapping[str, Axes]
    kernels: Mapping[str, Kernel]

    @property
    def num_units(self) -> int:
        """How many units there are."""
        return len(self.pinned)

    @cached_property
    def whole_kernels(self) -> Mapping[str, tuple[int, ...]]:
        """The shapes of the kernels of layers whose channels are used as a whole, which are no `kernels`."""
        return {
            f"{step.layer}/kernel": step.arrays["kernel"][0]
            for step in self.steps
            if step.link == "fixed" and "kernel" in step.arrays
        }

    @cached_property
    def step(self) -> Mapping[str, Step]:
        """The steps by name."""
        return {step.name: step for step in self.steps}


def trace_channels(graph: Graph) -> Channels:
    """Return the units of a model's channels.

    Raises:
        InputError: for a layer whose channels cannot be followed, or one with weights that is
            called twice.

    >>> from keras import Input, Sequential, layers
    >>> from gakeras.graph.reading import read_graph
    >>> stack = [Input((2, 2, 1)), layers.Conv2D(2, 1, name="conv"), layers.Flatten(name="flat")]
    >>> channels = trace_channels(read_graph(Sequential(stack)))
    >>> channels.units["conv"].tolist(), channels.units["flat"].tolist()
    ([1, 2], [1, 2, 1, 2, 1, 2, 1, 2])
    >>> channels.pinned.tolist()  # all are inputs or outputs
    [True, True, True]
    """
    _check_unshared(graph)
    calls = Counter(node.layer for node in graph.nodes)
    steps = tuple(step for node in graph.nodes for step in steps_of(node, is_shared=calls[node.layer] > 1))
    raw, ties = _number(steps)
    units, num_units = _resolve(raw, ties)
    pinned = np.zeros(num_units, bool)
    for name in (*graph.outputs, *_held_whole(steps)):
        pinned[units[name]] = True
    axes = {key: axis for step in steps for key, axis in _axes(step, units)}
    return Channels(steps, graph.outputs, units, pinned, axes, dict(_kernels(steps)))


def _held_whole(steps: tuple[Step, ...]) -> Iterator[str]:
    """Yield the steps whose channels cannot be taken apart."""
    for step in steps:
        if step.link in ("input", "fixed"):
            yield step.name
        if step.link == "fixed":
            yield from step.inputs
        if step.holds_output:
            yield step.name


def _number(steps: tuple[Step, ...]) -> tuple[dict[str, np.ndarray], list[tuple[int, int]]]:
    """Give new numbers to channels where units begin, pass them on, and list those a merge ties."""
    raw: dict[str, np.ndarray] = {}
    ties: list[tuple[int, int]] = []
    count = 0
    for step in steps:
        if step.link != "passing":
            raw[step.name] = np.arange(count, count + step.width)
            count += step.width
            continue
        numbers = np.full(step.width, -1)
        for name, source in zip(step.inputs, step.sources, strict=True):
            reads = source >= 0
            arriving = raw[name][source[reads]]
            known = numbers[reads]
            ties += [(a, b) for a, b in zip(known.tolist(), arriving.tolist(), strict=True) if 0 <= a != b]
            numbers[reads] = np.where(known >= 0, known, arriving)
        raw[step.name] = numbers
    return raw, ties


def _resolve(raw: dict[str, np.ndarray], ties: list[tuple[int, int]]) -> tuple[dict[str, np.ndarray], int]:
    """Return the units with tied ones as one, numbered without gaps in order of appearance."""
    leader = np.arange(max(int(numbers.max()) for numbers in raw.values()) + 1)

    def find(unit: int) -> int:
        while leader[unit] != unit:
            leader[unit] = leader[leader[unit]]
            unit = int(leader[unit])
        return unit

    for a, b in ties:
        first, second = sorted((find(a), find(b)))
        leader[second] = first
    roots = np.array([find(unit) for unit in range(len(leader))])
    _, compact = np.unique(roots, return_inverse=True)
    return {name: compact[numbers] for name, numbers in raw.items()}, int(compact.max()) + 1


def _axes(step: Step, units: Mapping[str, np.ndarray]) -> Iterator[tuple[str, Axes]]:
    for name, (shape, roles) in step.arrays.items():
        along = {"in": units[step.inputs[0]] if step.inputs else None, "out": units[step.name], "": None}
        padded = ("",) * (len(shape) - len(roles)) + roles
        yield f"{step.layer}/{name}", tuple(along[role] for role in padded)


def _kernels(steps: tuple[Step, ...]) -> Iterator[tuple[str, Kernel]]:
    for step in steps:
        if step.kernel:
            layout: Layout = "mixing" if step.link == "mixing" else "depthwise"
            shape = step.arrays[step.kernel][0]
            yield f"{step.layer}/{step.kernel}", Kernel(step.name, step.inputs[0], layout, shape)


def _check_unshared(graph: Graph) -> None:
    seen: dict[str, Node] = {}
    for node in graph.nodes:
        if node.weights and node.layer in seen:
            raise InputError(
                "The channels of a layer with weights can be followed if it is called once.",
                expected="one call of each such layer",
                received=f"{node.layer!r}, a {node.kind}, called again",
                way_out="Use two layers.",
            )
        seen[node.layer] = node
