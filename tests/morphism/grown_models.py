"""How far a grown model is from the model it grew from, and small networks of one activation."""

from __future__ import annotations

import keras
import numpy as np
from keras import layers
from keras_models import random_inputs, with_random_weights

TOLERANCE = 1e-5
ACTIVATIONS = ["relu", "leaky_relu", "tanh", "sigmoid", "hard_sigmoid", "linear"]


def difference(model: keras.Model, grown: keras.Model, *, training: bool = False, seed: int = 5) -> float:
    """Return the largest difference between the outputs of two models for the same inputs."""
    inputs = random_inputs(model, seed, examples=6)
    said = [listed(m(inputs if len(inputs) > 1 else inputs[0], training=training)) for m in (model, grown)]
    arrays = [[keras.ops.convert_to_numpy(output) for output in outputs] for outputs in said]
    return max(float(np.abs(one - other).max()) for one, other in zip(*arrays, strict=True))


def listed(outputs):
    return outputs if isinstance(outputs, list) else [outputs]


def network_of(activation: str, *, normalise: bool = False, functional: bool = False) -> keras.Model:
    stack = [layers.Conv2D(4, 3, padding="same", activation=activation, name="conv_1")]
    stack += [layers.MaxPooling2D(2, name="pool"), layers.Conv2D(3, 2, padding="same", name="conv_2")]
    stack += [layers.BatchNormalization(name="norm")] if normalise else []
    stack += [layers.Activation(activation, name="active"), layers.Flatten(name="flatten")]
    stack += [layers.Dense(5, activation=activation, name="hidden")]
    stack += [layers.Dense(3, activation="softmax", name="out")]
    inputs = keras.Input((6, 6, 2))
    if not functional:
        return with_random_weights(keras.Sequential([inputs, *stack]), 3)
    x = inputs
    for layer in stack:
        x = layer(x)
    return with_random_weights(keras.Model(inputs, x), 3)


def small_task(examples: int = 256) -> tuple[np.ndarray, np.ndarray]:
    """Return images (n, 6, 6, 2) and which of three places is the brightest."""
    x = np.random.default_rng(0).normal(size=(examples, 6, 6, 2)).astype("float32")
    return x, x[:, [0, 2, 4]].mean(axis=(2, 3)).argmax(axis=1)
