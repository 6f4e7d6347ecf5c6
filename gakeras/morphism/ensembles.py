"""Several networks as one: a plain Keras model that says the mean of what they say."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
from keras import layers

from gakeras.errors import InputError
from gakeras.graph.rebuilding import read_weights, rebuild


def mean_ensemble(
    models: Sequence[keras.Model], weights: Sequence[float] | np.ndarray | None = None
) -> keras.Model:
    """Return one Keras model whose output is the mean of its members' outputs.

    All read the same input. Without weights their outputs go into an `Average` layer, with
    weights each through a `Rescaling` layer into an `Add`. Members are copies: the models may be
    trained on. One whose weight is 0 is left out.

    Args:
        models: Built, Sequential or Functional, with one input and one output of equal shapes.
        weights: One share for each, not negative, with the sum 1: for example from
            `gakeras.morphism.selection.select_ensemble`. None for equal shares.

    Returns:
        An uncompiled Functional model of stock layers with the members `member_1` and so on inside;
        a `.keras` file of it loads without gakeras.

    Raises:
        InputError: without a model, for shapes that differ, and for weights that are no shares.

    >>> models = [keras.Sequential([keras.Input((3,)), layers.Dense(2)]) for _ in range(2)]
    >>> [layer.name for layer in mean_ensemble(models).layers]
    ['input', 'member_1', 'member_2', 'mean']
    """
    shares = None if weights is None else np.asarray(weights, dtype=float)
    _check(models, shares)
    inputs = keras.Input(models[0].input_shape[1:], name="input", dtype=models[0].inputs[0].dtype)
    chosen = [(model, share) for model, share in zip(models, _shares(models, shares), strict=True) if share]
    outputs = [
        rebuild(model, {}, read_weights(model), name=f"member_{number}")(inputs)
        for number, (model, _) in enumerate(chosen, start=1)
    ]
    if len({share for _, share in chosen}) > 1:
        scaled = [
            layers.Rescaling(float(share), name=f"share_{number}")(output)
            for number, (output, (_, share)) in enumerate(zip(outputs, chosen, strict=True), start=1)
        ]
        return keras.Model(inputs, layers.Add(name="mean")(scaled), name="ensemble")
    mean = (
        layers.Average(name="mean")(outputs) if len(outputs) > 1 else layers.Identity(name="mean")(*outputs)
    )
    return keras.Model(inputs, mean, name="ensemble")


def _shares(models: Sequence[keras.Model], shares: np.ndarray | None) -> list[float]:
    return [1 / len(models)] * len(models) if shares is None else [float(share) for share in shares]


def _check(models: Sequence[keras.Model], shares: np.ndarray | None) -> None:
    shapes = {(str(model.input_shape), str(model.output_shape)) for model in models}
    single = all(len(model.inputs) == len(model.outputs) == 1 for model in models)
    if len(shapes) != 1 or not single:
        found = ", ".join(" -> ".join(pair) for pair in sorted(shapes)) or "nothing"
        raise InputError(
            "The members of an ensemble take one input and give one output, of the same shapes.",
            expected="at least one model, and equal shapes",
            received=f"{len(models)} models: {found}",
        )
    if shares is None:
        return
    if shares.shape != (len(models),) or (shares < 0).any() or not np.isclose(shares.sum(), 1):
        raise InputError(
            "The weights of an ensemble are shares of a whole.",
            expected=f"{len(models)} numbers that are not negative, with the sum 1",
            received=f"{shares.tolist()}",
        )
