"""Small Keras networks of every wiring, and weights that hide no mistake: no bias is 0, no variance 1."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
from keras import layers


def lenet(padding: str) -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((14, 14, 1)),
            layers.Conv2D(5, 3, padding=padding, activation="relu", name="conv_1"),
            layers.MaxPooling2D(2, padding=padding, name="pool_1"),
            layers.Dropout(0.2, name="drop"),
            layers.Conv2D(6, 3, padding=padding, activation="relu", name="conv_2"),
            layers.AveragePooling2D(2, padding=padding, name="pool_2"),
            layers.Flatten(name="flatten"),
            layers.Dense(9, activation="tanh", name="hidden"),
            layers.Dense(4, activation="softmax", name="out"),
        ]
    )


def normalised(padding: str) -> keras.Model:
    """Batch normalisation before and after the activation, no biases in the convolutions."""
    return keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            layers.Rescaling(1 / 2, name="rescale"),
            layers.Conv2D(6, 3, padding=padding, use_bias=False, name="conv_1"),
            layers.BatchNormalization(name="norm_1"),
            layers.LeakyReLU(name="leaky"),
            layers.Conv2D(5, 3, padding=padding, strides=2, use_bias=False, activation="relu", name="conv_2"),
            layers.BatchNormalization(scale=False, name="norm_2"),
            layers.GlobalAveragePooling2D(name="mean"),
            layers.Dense(3, use_bias=False, name="out"),
        ]
    )


def inception(padding: str) -> keras.Model:
    inputs = keras.Input((8, 8, 2))
    stem = layers.Conv2D(5, 1, activation="relu", name="stem")(inputs)
    left = layers.Conv2D(4, 1, activation="relu", name="left")(stem)
    middle = layers.Conv2D(3, 1, activation="relu", name="middle_1")(stem)
    middle = layers.Conv2D(5, 3, padding="same", activation="relu", name="middle_2")(middle)
    pooled = layers.MaxPooling2D(3, strides=1, padding="same", name="pooled")(stem)
    joined = layers.Concatenate(name="joined")([left, middle, pooled])
    after = layers.Conv2D(6, 3, padding=padding, activation="relu", name="after")(joined)
    flat = layers.Flatten(name="flatten")(after)
    return keras.Model(inputs, layers.Dense(3, name="out")(flat))


def residual(padding: str) -> keras.Model:
    inputs = keras.Input((8, 8, 2))
    stem = layers.Conv2D(6, 3, padding=padding, activation="relu", name="stem")(inputs)
    branch = layers.Conv2D(4, 3, padding="same", activation="relu", name="branch_1")(stem)
    branch = layers.BatchNormalization(name="norm")(branch)
    branch = layers.Conv2D(6, 3, padding="same", name="branch_2")(branch)
    added = layers.Activation("relu", name="relu")(layers.Add(name="added")([stem, branch]))
    gate = layers.GlobalMaxPooling2D(keepdims=True, name="squeeze")(added)
    gate = layers.Conv2D(6, 1, activation="sigmoid", name="gate")(gate)
    gated = layers.Multiply(name="gated")([added, gate])
    flat = layers.Flatten(name="flatten")(layers.AveragePooling2D(2, name="pool")(gated))
    return keras.Model(inputs, layers.Dense(3, activation="softmax", name="out")(flat))


def depthwise(padding: str) -> keras.Model:
    inputs = keras.Input((8, 8, 2))
    x = layers.Conv2D(5, 1, activation="relu", name="stem")(inputs)
    x = layers.DepthwiseConv2D(3, padding=padding, depth_multiplier=2, activation="relu", name="depth")(x)
    x = layers.SeparableConv2D(6, 3, padding=padding, depth_multiplier=2, activation="elu", name="separable")(
        x
    )
    x = layers.ZeroPadding2D(1, name="zeros")(x)
    x = layers.PReLU(shared_axes=[1, 2], name="prelu")(layers.Conv2D(4, 3, name="conv")(x))
    x = layers.GlobalMaxPooling2D(name="max")(x)
    x = layers.Reshape((1, 4), name="row")(x)
    x = layers.Flatten(name="flatten")(x)
    return keras.Model(inputs, layers.Dense(2, name="out")(x))


def nested(padding: str) -> keras.Model:
    """Models inside a model: the chain of one, the residual block of another, names that appear twice."""
    chain = keras.Sequential(
        [keras.Input((8, 8, 3)), layers.Conv2D(5, 3, padding=padding, activation="relu", name="conv")],
        name="chain",
    )
    size = chain.output_shape[1:]
    start = keras.Input(size)
    block = layers.Conv2D(5, 1, activation="relu", name="conv")(start)
    block = keras.Model(start, layers.Add(name="added")([start, block]), name="block")
    inputs = keras.Input((8, 8, 3))
    x = layers.Flatten(name="flatten")(block(chain(inputs)))
    return keras.Model(inputs, layers.Dense(3, name="out")(x))


def table(padding: str) -> keras.Model:
    """Two outputs from two inputs; padding means nothing to it."""
    left, right = keras.Input((4,), name="left"), keras.Input((3,), name="right")
    joined = layers.Concatenate(name="joined")(
        [left, layers.Dense(5, activation="relu", name="first")(right)]
    )
    hidden = layers.Dense(7, activation="relu", name="hidden")(joined)
    ends = [
        layers.Dense(2, name="out_1")(hidden),
        layers.Dense(1, activation="sigmoid", name="out_2")(hidden),
    ]
    return keras.Model([left, right], ends)


def assorted(padding: str) -> keras.Model:
    """The rarer layers: grouped, transposed and dilated convolutions, merges, resizing, places joined."""
    inputs = keras.Input((12, 12, 2))
    x = layers.Conv2D(4, 3, padding=padding, dilation_rate=2, activation="relu", name="dilated")(inputs)
    x = layers.Maximum(name="larger")([x, layers.Conv2D(4, 1, activation="elu", name="other")(x)])
    x = layers.UpSampling2D(2, name="up")(layers.Cropping2D(1, name="crop")(x))
    x = layers.Average(name="average")([x, layers.Conv2D(4, 1, name="third")(x)])
    rows = [layers.Conv2D(6, 3, padding=padding, activation="relu", name=f"row_{i}")(x) for i in (1, 2)]
    x = layers.Concatenate(axis=1, name="stacked")(rows)
    x = layers.Conv2D(6, 3, groups=2, padding=padding, name="grouped")(x)
    x = layers.Conv2D(4, 2, strides=2, padding=padding, activation="relu", name="strided")(x)
    x = layers.Conv2DTranspose(3, 2, activation="relu", name="transposed")(x)
    x = layers.Permute((2, 1, 3), name="turned")(x)
    x = layers.Conv2D(5, 1, activation="relu", name="last")(x)
    x = layers.Subtract(name="less")([x, layers.Dense(5, activation="softmax", name="shares")(x)])
    return keras.Model(inputs, layers.Dense(2, name="out")(layers.GlobalMaxPooling2D(name="max")(x)))


def signal(padding: str) -> keras.Model:
    """One dimension, and a vector that becomes places again."""
    return keras.Sequential(
        [
            keras.Input((16, 2)),
            layers.Conv1D(5, 3, padding="causal" if padding == "same" else padding, name="conv_1"),
            layers.ReLU(max_value=6, name="relu"),
            layers.MaxPooling1D(2, padding=padding, name="pool"),
            layers.SeparableConv1D(4, 3, padding=padding, activation="relu", name="separable"),
            layers.DepthwiseConv1D(2, padding=padding, name="depth"),
            layers.GlobalAveragePooling1D(name="mean"),
            layers.Reshape((1, 1, 4), name="place"),
            layers.Conv2D(3, 1, activation="relu", name="conv_2"),
            layers.Reshape((3,), name="vector"),
            layers.Dense(2, name="out"),
        ]
    )


def alike(padding: str) -> keras.Model:
    """What has one number, or one shape, for all channels, and what has one of its own for each of them."""
    inputs = keras.Input((6, 6, 2))
    x = layers.Conv2D(5, 3, padding=padding, name="conv")(inputs)
    x = layers.PReLU(shared_axes=[1, 2, 3], name="one_slope")(x)
    x = layers.Conv2D(4, 1, activation="relu", name="narrow")(x)
    x = layers.Rescaling([0.5, 1.0, 1.5, 2.0], offset=0.1, name="own_scales")(x)
    x = layers.GlobalMaxPooling2D(name="max")(layers.Conv2D(6, 1, activation="relu", name="wide")(x))
    place = layers.Reshape((1, 6), name="place")
    other = layers.Dense(6, activation="relu", name="other")(x)
    x = layers.Concatenate(name="joined")([place(x), place(other)])
    x = layers.Conv1D(4, 1, activation="relu", name="row")(x)
    return keras.Model(inputs, layers.Dense(2, name="out")(layers.Flatten(name="flatten")(x)))


_ALL = (lenet, normalised, inception, residual, depthwise, nested, table, assorted, signal, alike)
NETWORKS: dict[str, Callable[[str], keras.Model]] = {function.__name__: function for function in _ALL}


def with_random_weights(model: keras.Model, seed: int) -> keras.Model:
    rng = np.random.default_rng(seed)
    for weight in model.weights:
        shape = tuple(weight.shape)
        fan_in = max(int(np.prod(shape[:-1])), 1)
        values = rng.normal(0, fan_in**-0.5, shape) if len(shape) > 1 else rng.uniform(0.2, 0.9, shape)
        flip = rng.choice([-1, 1], shape) if weight.name in ("bias", "beta", "moving_mean") else 1
        weight.assign(values * flip)
    return model


def random_inputs(model: keras.Model, seed: int, examples: int = 4) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(examples, *tensor.shape[1:])).astype("float32") for tensor in model.inputs]


def outputs_of(model: keras.Model, inputs: list[np.ndarray]) -> list[np.ndarray]:
    said = model(inputs if len(inputs) > 1 else inputs[0], training=False)
    said = said if isinstance(said, list) else [said]
    return [keras.ops.convert_to_numpy(output) for output in said]
