"""A new Keras model from an old one: more layers behind one of its layers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras

from gakeras.errors import InputError
from gakeras.graph.reading import check_model
from gakeras.graph.rebuilding import read_weights, write_weights

Config = dict[str, Any]


def graft(model: keras.Model, after: str, patch: keras.Model) -> keras.Model:
    """Return a new, uncompiled model with the layers of `patch` behind one of its layers.

    Whatever read the layer reads the patch's output. A Sequential model stays one if the
    patch is Sequential, and otherwise becomes Functional with the same layers and names.

    Args:
        model: Built, Sequential or Functional; it is left as it is.
        after: A layer of the model itself, not of a model nested in it.
        patch: Built, with one input and one output of that layer's output shape, and layers
            whose names the model does not have. Its weights are copied.

    Raises:
        InputError: for a layer that the model does not have or calls twice, and for a shape
            that does not fit.

    >>> from keras import Input, Sequential, layers
    >>> model = Sequential([Input((4,)), layers.Dense(3, name="hidden"), layers.Dense(2, name="out")])
    >>> patch = Sequential([Input((3,)), layers.Dense(3, name="more")])
    >>> [layer.name for layer in graft(model, "hidden", patch).layers]
    ['hidden', 'more', 'out']
    """
    check_model(model)
    layer = _layer(model, after)
    shape = tuple(layer.output.shape)[1:]
    if not shape == tuple(patch.input_shape[1:]) == tuple(patch.output_shape[1:]):
        raise InputError(
            "What is put behind a layer must take and give what the layer gives.",
            expected=f"a patch from {shape} to the same shape",
            received=f"one from {tuple(patch.input_shape[1:])} to {tuple(patch.output_shape[1:])}",
        )
    weights = read_weights(model) | read_weights(patch)
    if isinstance(model, keras.Sequential) and isinstance(patch, keras.Sequential):
        config = _chained(model.get_config(), after, patch.get_config())
        new = keras.Sequential.from_config(config)
    else:
        host = _functional(model)
        config = _spliced(host.get_config(), after, _functional(patch).get_config())
        new = type(host).from_config(config)
    write_weights(new, weights)
    return new


def _layer(model: keras.Model, name: str) -> Any:
    layers = {layer.name: layer for layer in model.layers}
    calls = {entry.get("name"): entry.get("inbound_nodes", []) for entry in model.get_config()["layers"]}
    if name not in layers or len(calls.get(name, [])) > 1:
        raise InputError(
            "Layers are put behind a layer of the model itself that is called once.",
            expected=f"one of {', '.join(layers)}",
            received=f"{name!r}" + (", called more than once" if name in layers else ""),
            way_out="To grow a nested model, grow it by itself, or behind the layer that follows it.",
        )
    return layers[name]


def _functional(model: keras.Model) -> keras.Model:
    if isinstance(model, keras.Sequential):
        return keras.Model(model.inputs[0], model.outputs[0], name=model.name)
    return model


def _chained(config: Config, after: str, patch: Config) -> Config:
    """Return the configuration of a chain with the layers of another behind one of its own."""
    entries = [_unbuilt(entry) for entry in config["layers"]]
    more = [_unbuilt(entry) for entry in patch["layers"] if entry["class_name"] != "InputLayer"]
    _check_names(entries, more)
    place = [entry["config"]["name"] for entry in entries].index(after) + 1
    return _without(config, "build_input_shape") | {"layers": [*entries[:place], *more, *entries[place:]]}


def _spliced(config: Config, after: str, patch: Config) -> Config:
    """Return a Functional configuration in which a patch reads `after`, and the rest reads the patch."""
    (patch_input, patch_output) = (_only_name(patch[f"{end}_layers"]) for end in ("input", "output"))
    entries = [_redirected(_unbuilt(entry), after, patch_output) for entry in config["layers"]]
    more = [
        _redirected(_unbuilt(entry), patch_input, after)
        for entry in patch["layers"]
        if entry["class_name"] != "InputLayer"
    ]
    _check_names(entries, more)
    outputs = _renamed(config["output_layers"], after, patch_output)
    return config | {"layers": [*entries, *more], "output_layers": outputs}


def _redirected(value: Any, read: str, instead: str) -> Any:
    """Return a part of a configuration in which calls read another layer."""
    if isinstance(value, Mapping):
        changed = {key: _redirected(inner, read, instead) for key, inner in value.items() if key != "config"}
        if "config" in value:
            inner = value["config"]
            if value.get("class_name") == "__keras_tensor__":
                inner = inner | {"keras_history": _renamed(inner["keras_history"], read, instead)}
            changed["config"] = inner  # that of a nested model has names of its own
        return changed
    if isinstance(value, list | tuple):
        return type(value)(_redirected(inner, read, instead) for inner in value)
    return value


def _renamed(history: Any, read: str, instead: str) -> Any:
    """Put another layer in the place of one in a (layer, call, output), or a list or dictionary of them."""
    if isinstance(history, Mapping):
        return {key: _renamed(inner, read, instead) for key, inner in history.items()}
    if isinstance(history[0], str):
        return [instead, 0, 0] if history[0] == read else history
    return [_renamed(inner, read, instead) for inner in history]


def _only_name(history: Any) -> str:
    while not isinstance(history[0], str):
        (history,) = history
    return str(history[0])


def _check_names(entries: list[Config], more: list[Config]) -> None:
    names = {entry["config"]["name"] for entry in entries} & {entry["config"]["name"] for entry in more}
    if names:
        raise InputError(
            "Every layer of a model has its own name.",
            expected="names that the model does not have yet",
            received=", ".join(sorted(names)),
        )


def _unbuilt(entry: Mapping[str, Any]) -> Config:
    return _without(entry, "build_config")


def _without(config: Mapping[str, Any], name: str) -> Config:
    return {key: value for key, value in config.items() if key != name}
