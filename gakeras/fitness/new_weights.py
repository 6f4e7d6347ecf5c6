"""A model as if it had just been built, or nearly so."""

from __future__ import annotations

from typing import Any

import keras

from gakeras.graph.reading import layers_by_path
from gakeras.graph.rebuilding import read_weights, write_weights
from gakeras.seeding import derive_seed, isolated


def with_new_weights(model: keras.Model, seed: int) -> keras.Model:
    """Return a copy of a model as if it had just been built, but for layers that are never trained.

    Those hold constants, such as the statistics of the data. All that is random comes from the seed, and
    from no seed that an initializer has: with that the weights would be those of the model.
    """
    with isolated(seed):  # Keras seeds Python's generator as well
        keras.utils.set_random_seed(seed)
        new = keras.models.clone_model(model)
        _draw_seeded(new, seed)
    frozen = {path for path, layer in layers_by_path(model).items() if not layer.trainable_weights}
    weights = read_weights(model).items()
    write_weights(new, {name: array for name, array in weights if name.rpartition("/")[0] in frozen})
    return new


def _draw_seeded(model: keras.Model, seed: int) -> None:
    """Draw those trained weights again whose initializers have a seed, each from one of its own."""
    for place, layer in enumerate(layers_by_path(model).values()):
        for weight in layer.trainable_weights:
            name = f"{weight.name.removesuffix('_kernel')}_initializer"  # as of depthwise and pointwise ones
            initializer: Any = getattr(layer, name, None)
            config = initializer.get_config() if hasattr(initializer, "get_config") else {}
            if config.get("seed") is not None:
                new = config | {"seed": derive_seed(seed, "initializer", place, weight.name)}
                weight.assign(type(initializer).from_config(new)(weight.shape, dtype=weight.dtype))


def shrunk_and_perturbed(model: keras.Model, share: float, seed: int) -> keras.Model:
    """Return a copy whose trainable weights are `share` of the model's and the rest of new ones.

    theta = share theta_old + (1 - share) theta_new (Ash and Adams 2020, with their noise scaled as new
    weights are). Whatever is not trained, such as moving statistics, stays as it is.
    """
    new = with_new_weights(model, seed)
    old, fresh = read_weights(model), read_weights(new)
    for path, layer in layers_by_path(model).items():
        for name in (f"{path}/{weight.name}" for weight in layer.trainable_weights):
            old[name] = share * old[name] + (1 - share) * fresh[name]
    write_weights(new, old)
    return new
