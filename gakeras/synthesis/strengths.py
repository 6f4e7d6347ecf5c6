"""Strengths of synapses that know what the loss thinks of them."""

from __future__ import annotations

import keras
import numpy as np

from gakeras.fitness.heads import Head
from gakeras.fitness.options import TrainingOptions
from gakeras.graph.rebuilding import named_arrays, read_weights, write_weights

NUM_BATCHES = 32
BATCH_SIZE = 64


def gradient_strengths(
    model: keras.Model,
    head: Head,
    x: np.ndarray,
    y: np.ndarray,
    names: list[str],
    weights: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
    """Return |w| times the root mean square of the loss' gradient by w, for kernels by name.

    To first order that is how much the loss of a batch changes when the synapse is lost
    (Molchanov et al., *Pruning Convolutional Neural Networks for Resource Efficient Inference*,
    2017, equation 7, batch by batch). The gradient is what a step of plain gradient descent
    with the rate 1 takes from a weight, which every backend can say.

    Args:
        model: Its weights are those of the network; they are what they were afterwards.
        head: Of the model.
        x, y: Training examples in a random order; 32 batches of 64 are used, or as many as there are.
        names: Of the kernels, as in `"conv_1/kernel"`. Those of a layer that is not trained have no
            gradient, and the strength |w|.
        weights: How much each example counts in the loss, (n,); None for all the same.

    >>> from gakeras.data import Task
    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, activation="sigmoid", name="out")])
    >>> x, y = np.array([[1.0, 0.0]] * 4, "float32"), np.array([0, 1, 1, 1])
    >>> gradient_strengths(model, Head(Task("binary", 1), False), x, y, ["out/kernel"])["out/kernel"][1]
    array([0.], dtype=float32)
    """
    before = read_weights(model)
    head.compile(model, _DESCENT)
    squares = {name: np.zeros_like(before[name]) for name in names}
    size = min(BATCH_SIZE, len(x))
    starts = range(0, len(x) - size + 1, size)[:NUM_BATCHES]
    for start in starts:
        batch = slice(start, start + size)
        counts = None if weights is None else weights[batch]
        model.train_on_batch(np.asarray(x[batch]), np.asarray(y[batch]), sample_weight=counts)
        after = read_weights(model)
        for name, square in squares.items():
            square += (before[name] - after[name]) ** 2
        write_weights(model, before)
    trained = {id(weight) for weight in model.trainable_weights}
    moved = {name for name, _, weight in named_arrays(model) if id(weight) in trained}
    return {
        name: np.abs(before[name]) * (np.sqrt(square / len(starts)) if name in moved else 1.0)
        for name, square in squares.items()
    }


_DESCENT = TrainingOptions(optimizer="sgd", learning_rate=1.0)
