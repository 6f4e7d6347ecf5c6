"""What an optimizer remembers goes along when a network grows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, Literal

import keras
import numpy as np

from gakeras.errors import InputError
from gakeras.graph import Places, entry_places, put, read_graph
from gakeras.graph.rebuilding import named_arrays

Rescaling = Literal["none", "parameters", "norm"]
Slot = tuple[str, str]
"""Of which array (`"conv_1/kernel"`) and what (`"velocity"`)."""

_FIRST = {"momentum", "average_gradient"}
_SECOND = {"velocity", "velocity_hat", "norm", "accumulator"}
_WITHOUT_OTHERS = {"SGD", "RMSprop", "Adam", "AdamW", "Adamax", "Adagrad", "Lion"}


def carry_optimizer(
    parent: keras.Model, child: keras.Model, *, rescaling: Rescaling = "none"
) -> keras.optimizers.Optimizer:
    """Return an optimizer for a grown model that goes on where that of its parent is.

    It has the parent's settings and number of steps. Entries of arrays that the parent has keep
    their moments, at their places in the child's arrays. New entries have first moments
    (momentum, mean gradients) of 0, and second moments (of squared gradients) of the mean over
    their array's old entries, or over all of the parent's where the whole array is new. Second
    moments of 0 would be a trap: far from the first step Adam no longer corrects their bias, and
    the first updates of new weights would be several times too large.

    After `widen(..., method="copies")` an original remembers first moments that its copy does not,
    which parts the two.

    Args:
        parent: Compiled and trained, with SGD, RMSprop, Adam, AdamW, Adamax, Adagrad or Lion; it is
            left as it is.
        child: What one function of `gakeras.morphism` made of it.
        rescaling: What the learning rate is multiplied by: `none`, 1; `parameters`, the parent's
            number of trained parameters divided by the child's; `norm`, the parent's Euclidean
            norm of these divided by the child's. Painter scaled it by |theta_1| / |theta_2|, which
            may be read either way.

    Returns:
        A built optimizer; `child.compile(optimizer=..., loss=...)` takes it.

    Raises:
        InputError: for a parent without an optimizer that has been built, one of another kind, a
            child more than one step away, and a schedule where the rate shall be rescaled.

    >>> from keras import Input, Sequential, layers
    >>> from gakeras.morphism.widening import widen
    >>> parent = Sequential([Input((2,)), layers.Dense(2, name="hidden"), layers.Dense(1)])
    >>> parent.compile("adam", "mse")
    >>> history = parent.fit(np.ones((4, 2)), np.ones(4), verbose=0)
    >>> child = widen(parent, "hidden", 4, np.random.default_rng(0))
    >>> child.compile(carry_optimizer(parent, child), "mse")
    >>> int(child.optimizer.iterations)
    1
    """
    old = _built_optimizer(parent)
    new = type(old).from_config(old.get_config())
    _rescale(new, old, parent, child, rescaling)
    new.build(child.trainable_variables)
    new.iterations.assign(old.iterations)
    places = entry_places(read_graph(parent), read_graph(child))
    remembered = {slot: _numpy(variable) for slot, variable in _slots(old, parent)}
    for (array, what), variable in _slots(new, child):
        values = [value for (_, other), value in remembered.items() if other == what and value.size]
        before = remembered.get((array, what))
        variable.assign(_carried(what, before, places.get(array), tuple(variable.shape), values))
    return new


def _carried(
    what: str,
    before: np.ndarray | None,
    places: Places | None,
    shape: tuple[int, ...],
    values: list[np.ndarray],
) -> np.ndarray:
    """Return what is remembered of one array: the old at its places, and for the new 0 or a mean."""
    known = values if before is None else [before]
    total = sum(float(value.sum(dtype=np.float64)) for value in known)
    mean = total / max(sum(value.size for value in known), 1) if what in _SECOND else 0.0
    fresh = np.full(shape, mean, "float32")
    return fresh if before is None or places is None else put(before, places, fresh)


def _slots(optimizer: Any, model: keras.Model) -> Iterator[tuple[Slot, Any]]:
    """Yield every variable of a built optimizer that belongs to an array of the model.

    Keras names them after the array's path and what they are. Paths repeat where nested
    models have layers of one name; then they come in the order of the trained arrays.
    """
    keys = {id(variable): key for key, _, variable in named_arrays(model)}
    trained: dict[str, list[str]] = {}
    for variable in model.trainable_variables:
        trained.setdefault(variable.path.replace("/", "_"), []).append(keys[id(variable)])
    seen: Counter[str] = Counter()
    for variable in optimizer.variables:
        found = [
            (path, what) for path in trained for what in _FIRST | _SECOND if variable.name == f"{path}_{what}"
        ]
        for path, what in found[:1]:
            yield (trained[path][seen[variable.name]], what), variable
            seen[variable.name] += 1


def _built_optimizer(parent: keras.Model) -> Any:
    optimizer = getattr(parent, "optimizer", None)
    if optimizer is None or not optimizer.built or type(optimizer).__name__ not in _WITHOUT_OTHERS:
        built = "" if optimizer is None or optimizer.built else ", not built"
        raise InputError(
            "What an optimizer remembers can be carried over if every part of it is known.",
            expected=f"a model that was trained with one of {', '.join(sorted(_WITHOUT_OTHERS))}",
            received=f"{parent.name!r} with {type(optimizer).__name__}{built}",
            way_out="Compile the grown model with a new optimizer.",
        )
    return optimizer


def _rescale(new: Any, old: Any, parent: keras.Model, child: keras.Model, rescaling: Rescaling) -> None:
    if rescaling == "none":
        return
    if not isinstance(old.get_config()["learning_rate"], float | int):
        raise InputError(
            "A learning rate can be rescaled if it is a number.",
            expected='a constant learning rate, or rescaling="none"',
            received=f"{old.get_config()['learning_rate']}, rescaling={rescaling!r}",
        )
    sizes = [_size(model, rescaling) for model in (parent, child)]
    new.learning_rate = float(old.learning_rate) * sizes[0] / sizes[1]


def _size(model: keras.Model, rescaling: Rescaling) -> float:
    arrays = [_numpy(variable).astype(np.float64) for variable in model.trainable_variables]
    if rescaling == "parameters":
        return float(sum(array.size for array in arrays))
    return float(np.sqrt(sum(float((array**2).sum()) for array in arrays)))


def _numpy(variable: Any) -> np.ndarray:
    return np.array(keras.ops.convert_to_numpy(variable))
