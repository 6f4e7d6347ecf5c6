"""A new Keras model from an old one: the same stock layers with other sizes and other weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import keras
import numpy as np

from gakeras.errors import InputError
from gakeras.graph.reading import check_model, layers_by_path


def read_weights(model: keras.Model) -> dict[str, np.ndarray]:
    """Return copies of a model's arrays by layer path and name, as in `"conv_1/kernel"`."""
    return {name: np.array(keras.ops.convert_to_numpy(weight)) for name, _, weight in named_arrays(model)}


def named_arrays(model: keras.Model) -> Iterator[tuple[str, Any, Any]]:
    """Yield every array of a model by the name of `read_weights`, with its layer: (name, layer, variable)."""
    for path, layer in layers_by_path(model).items():
        for weight in layer.weights:
            yield f"{path}/{weight.name}", layer, weight


def write_weights(model: keras.Model, weights: Mapping[str, np.ndarray]) -> None:
    """Set the arrays of a model that `weights` has, by the names of `read_weights`."""
    for name, _, weight in named_arrays(model):
        if name in weights:
            weight.assign(weights[name])
    for layer in layers_by_path(model).values():
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()  # what it computes with are constants made of its weights


def data_statistics(model: keras.Model) -> set[str]:
    """Return the names of the arrays that standardise data: mean and variance that no training changes."""
    return {
        name
        for name, layer, _ in named_arrays(model)
        if isinstance(layer, keras.layers.Normalization)
        or (isinstance(layer, keras.layers.BatchNormalization) and not layer.trainable)
    }


def rebuild(
    model: keras.Model,
    changes: Mapping[str, Mapping[str, Any]],
    weights: Mapping[str, np.ndarray],
    *,
    name: str | None = None,
) -> keras.Model:
    """Return a new, uncompiled model wired as `model`, its layers configured anew.

    Args:
        model: Built, Sequential or Functional; it is left as it is.
        changes: For layers by path, the inputs of nested models included, what changes in the
            layer's configuration.
        weights: Arrays of the new model by the names of `read_weights`; one that is missing is
            as its layer initializes it.
        name: Of the new model, by default that of the old one.

    Raises:
        InputError: for a model that cannot be read, or not be made from its configuration.
    """
    check_model(model)
    config = _changed(model.get_config(), "", changes) | {"name": name or model.name}
    try:
        new = type(model).from_config(config)
    except TypeError as error:  # Keras' own word for what it cannot make from its configuration
        raise InputError(
            "A model is rebuilt from its configuration.",
            expected="layers, activations and initializers that Keras can make from their configurations",
            received=f"{model.name!r}, of which Keras says: {str(error).splitlines()[0]}",
            way_out="Use activations by name, and register your own with "
            "`keras.saving.register_keras_serializable`.",
        ) from error
    write_weights(new, weights)
    return new


def _changed(
    config: Mapping[str, Any], prefix: str, changes: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """Return a model's configuration with changed layers, and without the shapes they were built for."""
    entries = []
    for entry in config["layers"]:
        inner = entry["config"]
        path = f"{prefix}{inner['name']}"
        inner = _changed(inner, f"{path}/", changes) if "layers" in inner else inner | changes.get(path, {})
        entries.append(_without(entry, "build_config") | {"config": inner})
    return _without(config, "build_input_shape") | {"layers": entries}


def _without(config: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in config.items() if key != name}
