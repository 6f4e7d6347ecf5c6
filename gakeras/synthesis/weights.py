"""The way between a Keras model and the masks of its kernels."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from gakeras.errors import InputError
from gakeras.graph import read_graph, trace_channels
from gakeras.graph.reading import layers_by_path
from gakeras.graph.rebuilding import read_weights, write_weights
from gakeras.synthesis.masks import Masks


class HeldMask(keras.constraints.Constraint):
    """Multiplies a kernel by its mask after every step of the optimizer, and before that does what was held.

    It sits on the variable, not in the layer's configuration, so a saved model has no trace
    of it and loads with Keras alone.
    """

    def __init__(self, mask: np.ndarray, before: Any = None) -> None:
        self.mask, self.before = mask, before

    def __call__(self, value: Any) -> Any:
        value = value if self.before is None else self.before(value)
        return value * keras.ops.cast(self.mask, value.dtype)


def read_kernels(model: keras.Model) -> dict[str, np.ndarray]:
    """Return copies of the arrays of synapses of a model by name, in the order of its layers.

    Raises:
        InputError: for a model that is not built, or whose channels cannot be followed.

    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="out")])
    >>> {name: kernel.shape for name, kernel in read_kernels(model).items()}
    {'out/kernel': (4, 3)}
    """
    weights = read_weights(model)
    return {name: weights[name] for name in trace_channels(read_graph(model)).kernels}


def hold_masks(model: keras.Model, masks: Masks) -> None:
    """Set masked weights to zero and keep them there through every `fit` to come.

    Compile the model after this: functions that Keras has traced before do not know of the
    masks. A fresh optimizer is right anyway, as old momentum would push against the masks. A
    saved model forgets the masks; load it, load them (`storage`), and hold them again.

    Raises:
        InputError: for a mask of another name or shape.
    """
    variables = _variables(model)
    for name, mask in masks.items():
        if name not in variables or tuple(variables[name].shape) != mask.shape:
            raise InputError(
                "A mask must fit the kernel that it is named after.",
                expected=f"names and shapes of {', '.join(read_kernels(model))}",
                received=f"a mask {name!r} of shape {mask.shape}",
                way_out="Take names and shapes from `read_kernels`.",
            )
    release_masks(model)
    weights = read_weights(model)
    write_weights(model, {name: weights[name] * mask for name, mask in masks.items()})
    for name, mask in masks.items():
        variables[name].constraint = HeldMask(mask, variables[name].constraint)


def release_masks(model: keras.Model) -> None:
    """Take the masks off, and leave the zeros as they are."""
    for variable in _variables(model).values():
        if isinstance(variable.constraint, HeldMask):
            variable.constraint = variable.constraint.before


def _variables(model: keras.Model) -> dict[str, Any]:
    return {
        f"{path}/{weight.name}": weight
        for path, layer in layers_by_path(model).items()
        for weight in layer.weights
    }
