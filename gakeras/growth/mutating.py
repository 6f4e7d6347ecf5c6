"""One random transform of a network: which, where and how large."""

from __future__ import annotations

import string
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from gakeras.errors import InputError
from gakeras.graph import Graph, ModelCost, Node, model_cost, read_graph, trace_channels
from gakeras.growth.settings import Mutations
from gakeras.jobs import refusal
from gakeras.morphism.deepening import deepen, insert_residual
from gakeras.morphism.inception import insert_inception
from gakeras.morphism.kernels import grow_kernel
from gakeras.morphism.points import is_taken
from gakeras.morphism.widening import widen

Transform = dict[str, Any]
_NOT_BEHIND = {
    "InputLayer", "Flatten", "Reshape", "Rescaling", "Normalization", "Dropout", "SpatialDropout1D",
    "SpatialDropout2D", "GaussianNoise", "GaussianDropout", "AlphaDropout",
}  # fmt: skip
"""Layers behind which nothing is put: what they give is raw, as wide as an image is large, or noisy."""


def mutate(
    model: keras.Model, drawing: Mutations, rng: np.random.Generator, number: int
) -> Iterator[tuple[keras.Model, Transform]]:
    """Draw `per_child` transforms; yield the model after each, and what it was.

    The kind is drawn by its weight, then the place, all alike; a place that is refused, or where the
    model would become too large, gives way to the next, and a kind without a place to the next kind.
    New layers are called after the number, so that no two members of a population have different
    layers of one name; and after a letter where the start network, grown itself, has such a name.

    Raises:
        JobFailed: No transform fits anywhere.

    >>> from keras import Input, Sequential, layers
    >>> model = Sequential([Input((4,)), layers.Dense(3, "relu", name="hidden"), layers.Dense(2)])
    >>> only_wider = Mutations(deepen=0, inception=0)
    >>> [(grown, transform)] = mutate(model, only_wider, np.random.default_rng(0), number=7)
    >>> transform
    {'kind': 'widen', 'layer': 'hidden', 'units': 5}
    """
    for count in range(drawing.per_child):
        tag = _fresh(f"{number}" if count == 0 else f"{number}_{count + 1}", model)
        model, transform = _drawn(model, drawing, rng, tag)
        yield model, transform


def _fresh(tag: str, model: keras.Model) -> str:
    """Return the tag, with the first letter that makes new names of it that no layer has."""
    names = [layer.name for layer in model.layers]
    for letter in ("", *string.ascii_lowercase):
        stems = [f"{kind}_{tag}{letter}" for kind in ("deeper", "residual", "inception")]
        if not any(is_taken(stem, names) for stem in stems):
            return f"{tag}{letter}"
    return tag


def _drawn(
    model: keras.Model, drawing: Mutations, rng: np.random.Generator, tag: str
) -> tuple[keras.Model, Transform]:
    graph, before = read_graph(model), model_cost(model)
    kinds = [kind for kind, weight in drawing.weights.items() if weight]
    chances = np.array([drawing.weights[kind] for kind in kinds])
    reasons = []
    for kind in rng.choice(kinds, len(kinds), replace=False, p=chances / chances.sum()):
        for node in rng.permutation(np.array(_places(kind, graph), dtype=object)):
            try:
                grown, transform = _apply(model, str(kind), node, drawing, rng, tag)
            except InputError as error:
                reasons.append(f"{kind} at {node.name}: {error.rule}")
                continue
            cost = model_cost(grown)
            if _is_affordable(cost, before, drawing):
                return grown, transform
            reasons.append(f"{kind} at {node.name}: {cost.parameters:,} parameters, {cost.flops:,} FLOPs")
    reason = reasons[-1] if reasons else "there is no place for any"
    raise refusal(
        InputError(
            "No transform fits the network.",
            expected=f"a place for one of {', '.join(kinds)}",
            received=f"{model.name!r}; the last: {reason}",
            way_out="Allow other transforms, or larger networks, in `mutations`.",
        )
    )


def _is_affordable(cost: ModelCost, before: ModelCost, drawing: Mutations) -> bool:
    return (drawing.max_parameters is None or cost.parameters <= drawing.max_parameters) and (
        drawing.max_factor is None or cost.flops <= drawing.max_factor * before.flops
    )


def _apply(
    model: keras.Model, kind: str, node: Node, drawing: Mutations, rng: np.random.Generator, tag: str
) -> tuple[keras.Model, Transform]:
    """Apply one transform at one place."""
    channels, after = int(node.output_shape[-1] or 0), node.layer
    inner = _even(channels * drawing.branch)
    where: Transform = {"kind": kind, "layer": after}
    activation, window, normalise = drawing.activation, drawing.window, drawing.normalise
    match kind:
        case "widen":
            units = channels + _even(channels * drawing.widening)
            grown = widen(model, after, units, rng, method=drawing.method, noise=drawing.noise)
            return grown, where | {"units": units}
        case "deepen":
            name = f"deeper_{tag}"
            grown = deepen(model, after, activation=activation, kernel_size=window, name=name)
            return grown, where | {"name": name}
        case "residual":
            name = f"residual_{tag}"
            grown = insert_residual(
                model, after, inner, rng, activation=activation, kernel_size=window, normalise=normalise,
                name=name,
            )  # fmt: skip
            return grown, where | {"units": inner, "name": name}
        case "inception":
            name = f"inception_{tag}"
            grown = insert_inception(
                model, after, inner, rng, variant=drawing.variant, kernel_sizes=drawing.windows,
                pooling=drawing.pooling, normalise=normalise, activation=activation, name=name,
            )  # fmt: skip
            return grown, where | {"filters": inner, "name": name}
    size = tuple(int(k) + 2 for k in node.config["kernel_size"])
    return grow_kernel(model, after, size), where | {"window": list(size)}


def _places(kind: str, graph: Graph) -> list[Node]:
    """Return where a transform may be tried; whether it fits the transform itself says."""
    if kind == "widen":
        channels = trace_channels(graph)
        free = {
            step.name
            for step in channels.steps
            if step.link == "mixing" and not channels.pinned[channels.units[step.name]].any()
        }
        return [node for node in graph.nodes if node.name in free]
    if kind == "kernel":
        return [node for node in graph.nodes if node.kind.startswith(("Conv", "DepthwiseConv"))]
    rank = 3 if kind == "inception" else None
    return [node for node in _behind_trained(graph) if rank in (None, len(node.output_shape))]


def _behind_trained(graph: Graph) -> list[Node]:
    """Return the layers of the model itself, not the output, that give what trained layers made."""
    trained: set[str] = set()
    for node in graph.nodes:
        if node.parameters or trained.intersection(node.inputs):
            trained.add(node.name)
    return [
        node
        for node in graph.nodes
        if node.name in trained - set(graph.outputs) and "/" not in node.name and node.kind not in _NOT_BEHIND
    ]


def _even(number: float) -> int:
    """Return the nearest even number of at least 2."""
    return max(2, 2 * round(number / 2))
