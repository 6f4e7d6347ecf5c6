"""Reads a built Keras model into plain data, through what Keras makes public about it.

The wiring comes from `model.get_config()`, the shapes from `layer.compute_output_shape`,
the arrays from `layer.weights`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING, Any

from gakeras.errors import InputError
from gakeras.graph.nodes import Graph, Node, Shape

if TYPE_CHECKING:
    import keras


def read_graph(model: keras.Model) -> Graph:
    """Return the graph of a built Sequential or Functional model, nested models dissolved in it.

    Raises:
        InputError: for a model that is not built, a subclassed one, a layer with several
            outputs, or an operation that is not a layer (`x + y` instead of `layers.Add`).

    >>> import keras
    >>> stack = [keras.Input((4,)), keras.layers.Dense(3, name="hidden"), keras.layers.Dense(2, name="out")]
    >>> graph = read_graph(keras.Sequential(stack))
    >>> [(node.name, node.kind, node.output_shape) for node in graph.nodes][1:]
    [('hidden', 'Dense', (3,)), ('out', 'Dense', (2,))]
    >>> graph.outputs
    ('out',)
    """
    check_model(model)
    inner_inputs: dict[str, str] = {}
    nodes, outputs = _read(model, "", None, inner_inputs)
    return Graph(_with_shapes(nodes, layers_by_path(model)), outputs, inner_inputs)


def layers_by_path(model: keras.Model) -> dict[str, Any]:
    """Return every layer that is no model itself by its path, the input layers of nested models included."""
    found: dict[str, Any] = {}
    for layer in model.layers:
        if is_model(layer):
            inner = layers_by_path(layer).items()
            found |= {f"{layer.name}/{path}": inner_layer for path, inner_layer in inner}
        else:
            found[layer.name] = layer
    return found


def is_model(layer: Any) -> bool:
    """Tell whether a layer is a Sequential or Functional model."""
    return hasattr(layer, "layers") and hasattr(layer, "get_layer")


def check_model(model: Any) -> None:
    """Raise `InputError` unless this is a built Sequential or Functional model."""
    config = model.get_config() if is_model(model) else {}
    if "layers" not in config:
        raise InputError(
            "Only the layers of a Sequential or Functional model can be read.",
            expected="a keras.Sequential, or a keras.Model made from its inputs and outputs",
            received=f"a {type(model).__name__}",
            way_out="Rewrite it with the Functional API.",
        )
    if not model.built:
        raise InputError(
            "A model has shapes and weights once it is built.",
            expected="a built model",
            received=f"{model.name!r}, not built",
            way_out="Begin it with `keras.Input(shape)`, or call `model.build(shape)`.",
        )


@dataclass(frozen=True)
class _Call:
    """One call of a layer or nested model inside one model; an input that is no layer has the layer None."""

    name: str
    layer: Any
    reads: tuple[str, ...]
    shape: Shape = ()


def _read(
    model: Any, prefix: str, feeds: tuple[str, ...] | None, inner_inputs: dict[str, str]
) -> tuple[list[Node], tuple[str, ...]]:
    """Return the nodes of a model, and those of its outputs; `feeds` are what a nested model reads."""
    calls, inputs, outputs = _calls(model)
    nodes: list[Node] = []
    yields: dict[str, str] = {}  # a call's name inside this model -> the node that has its result
    if feeds is not None:
        yields |= dict(zip(inputs, feeds, strict=True))
        inner_inputs |= {prefix + name: feed for name, feed in yields.items()}
    by_name = {call.name: call for call in calls}
    for name in TopologicalSorter({call.name: call.reads for call in calls}).static_order():
        call = by_name[name]
        if name in yields:
            continue
        sources = tuple(yields[read] for read in call.reads)
        if call.layer is not None and is_model(call.layer):
            _check_one_call(call)
            inner, ends = _read(call.layer, f"{prefix}{name}/", sources, inner_inputs)
            nodes += inner
            yields[name] = _only(ends, call.layer)
        else:
            nodes.append(_node(call, prefix, sources))
            yields[name] = nodes[-1].name
    return nodes, tuple(yields[output] for output in outputs)


def _calls(model: Any) -> tuple[list[_Call], list[str], list[str]]:
    config = model.get_config()
    if "output_layers" not in config:
        return _calls_of_chain(model)
    layers = {layer.name: layer for layer in model.layers}
    calls = []
    for entry in config["layers"]:
        layer = layers.get(entry["name"])
        if layer is None:
            raise _no_layer(entry)
        for number, inbound in enumerate(entry["inbound_nodes"]):
            reads = tuple(_call_name(*history) for history in _histories(inbound))
            calls.append(_Call(_call_name(entry["name"], number), layer, reads))
        if not entry["inbound_nodes"]:
            calls.append(_Call(entry["name"], layer, ()))
    known = {call.name for call in calls}
    ends = {
        key: [_end_name(history, known) for history in _as_histories(config[f"{key}_layers"])]
        for key in ("input", "output")
    }
    return calls, ends["input"], ends["output"]


def _calls_of_chain(model: Any) -> tuple[list[_Call], list[str], list[str]]:
    first = model.get_config()["layers"][0]["config"]["name"]  # the input layer, which `layers` leaves out
    calls = [_Call(first, None, (), tuple(model.input_shape[1:]))]
    for layer in model.layers:
        calls.append(_Call(layer.name, layer, (calls[-1].name,)))
    return calls, [calls[0].name], [calls[-1].name]


def _node(call: _Call, prefix: str, sources: tuple[str, ...]) -> Node:
    layer = call.layer
    if layer is None:
        return Node(prefix + call.name, prefix + call.name, "InputLayer", {}, (), (), call.shape, {}, 0)
    weights = {weight.name: tuple(weight.shape) for weight in layer.weights}
    return Node(
        name=prefix + call.name,
        layer=prefix + layer.name,
        kind=type(layer).__name__,
        config=layer.get_config(),
        inputs=sources,
        input_shapes=(),
        output_shape=(),
        weights=weights,
        parameters=sum(math.prod(weight.shape) for weight in layer.trainable_weights),
    )


def _with_shapes(nodes: list[Node], layers: Mapping[str, Any]) -> tuple[Node, ...]:
    shapes: dict[str, Shape] = {}
    shaped = []
    for node in nodes:
        inputs = tuple(shapes[name] for name in node.inputs)
        layer = layers.get(node.layer)
        if layer is None:
            output = node.output_shape
        elif node.kind == "InputLayer":
            output = tuple(layer.batch_shape[1:])
        else:
            batched = [(None, *shape) for shape in inputs]
            output = tuple(layer.compute_output_shape(batched[0] if len(batched) == 1 else batched))[1:]
        shapes[node.name] = output
        shaped.append(replace(node, input_shapes=inputs, output_shape=output))
    return tuple(shaped)


def _histories(value: Any) -> Iterator[tuple[str, int, int]]:
    """Yield (layer, call, output) of every tensor among the arguments of a call, in order."""
    if isinstance(value, Mapping):
        if value.get("class_name") == "__keras_tensor__":
            name, call, output = value["config"]["keras_history"]
            yield name, call, output
        else:
            for inner in value.values():
                yield from _histories(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _histories(inner)


def _as_histories(value: Any) -> list[tuple[str, int, int]]:
    """Return a list of (layer, call, output) from one of them, or a list or dictionary of them."""
    if isinstance(value, Mapping):
        return [history for inner in value.values() for history in _as_histories(inner)]
    if len(value) == 3 and isinstance(value[0], str):
        return [tuple(value)]
    return [history for inner in value for history in _as_histories(inner)]


def _call_name(layer: str, call: int = 0, output: int = 0) -> str:
    if output:
        raise _several_outputs(layer, output + 1)
    return f"{layer}#{call + 1}" if call else layer


def _end_name(history: tuple[str, int, int], known: set[str]) -> str:
    """Return the name of the call that yields a model's output.

    For a Functional model within it Keras counts, here alone, the call that made that model as well.
    """
    layer, call, output = history
    return _call_name(layer, call if _call_name(layer, call) in known else call - 1, output)


def _only(ends: tuple[str, ...], layer: Any) -> str:
    if len(ends) != 1:
        raise _several_outputs(layer.name, len(ends))
    return ends[0]


def _check_one_call(call: _Call) -> None:
    if call.name != call.layer.name:
        raise InputError(
            "A model inside a model can be read if it is called once.",
            expected="one call",
            received=f"{call.layer.name!r}, called again",
            way_out="Use two models.",
        )


def _several_outputs(layer: str, outputs: int) -> InputError:
    return InputError(
        "A layer or nested model inside a model must have one output.",
        expected="one output",
        received=f"{layer!r} with at least {outputs}",
        way_out="Use the layers of the nested model directly.",
    )


def _no_layer(entry: Mapping[str, Any]) -> InputError:
    return InputError(
        "Every operation of the model must be a layer.",
        expected="layers of keras.layers, such as keras.layers.Add",
        received=f"the operation {entry['name']!r} ({entry['class_name']})",
        way_out="Write `keras.layers.Add()([x, y])` for `x + y`, and so on.",
    )
