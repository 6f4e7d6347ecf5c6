"""Laws of the count of operations: it agrees with TensorFlow's profiler and with the genome's own count."""

from __future__ import annotations

import random
from functools import partial
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from keras_models import NETWORKS
from wide_genomes import EVERYTHING

from gakeras.encoding import Genome, SearchSpace, build_model, genome_cost, random_genome
from gakeras.errors import InputError
from gakeras.graph import ModelCost, model_cost
from gakeras.morphism.deepening import insert_residual
from gakeras.morphism.inception import insert_inception
from gakeras.morphism.widening import widen


def profiled_flops(model: keras.Model) -> int:
    """Return what TensorFlow's profiler counts in one forward pass of one example."""
    inputs = [tf.TensorSpec((1, *tensor.shape[1:]), tensor.dtype) for tensor in model.inputs]
    function = tf.function(
        lambda *values: model(list(values) if len(values) > 1 else values[0], training=False)
    )
    graph = function.get_concrete_function(*inputs).graph
    profiler = tf.compat.v1.profiler
    options = profiler.ProfileOptionBuilder(profiler.ProfileOptionBuilder.float_operation())
    quiet = options.with_empty_output().build()
    return int(profiler.profile(graph, options=quiet).total_float_ops)


def vgg_like() -> keras.Model:
    stack = [keras.Input((32, 32, 3))]
    for filters in (16, 32):
        stack += [layers.Conv2D(filters, 3, padding="same", activation="relu") for _ in range(2)]
        stack += [layers.MaxPooling2D(2)]
    return keras.Sequential([*stack, layers.Flatten(), layers.Dense(64, activation="relu"), layers.Dense(10)])


def mobile_like() -> keras.Model:
    stack = [keras.Input((32, 32, 3)), layers.Conv2D(16, 3, strides=2, padding="same", use_bias=False)]
    stack += [layers.DepthwiseConv2D(3, padding="same"), layers.ReLU(), layers.Conv2D(32, 1)]
    stack += [layers.SeparableConv2D(48, 3, strides=2), layers.GlobalAveragePooling2D(), layers.Dense(10)]
    return keras.Sequential(stack)


def wide_residual() -> keras.Model:
    inputs = keras.Input((16, 16, 16))
    x = layers.BatchNormalization()(layers.Conv2D(16, 3, padding="same", use_bias=False)(inputs))
    x = layers.Activation("relu")(layers.Add()([x, inputs]))
    x = layers.Concatenate()([layers.AveragePooling2D(2)(x), layers.Conv2D(24, 3, 2, padding="same")(x)])
    return keras.Model(inputs, layers.Dense(10)(layers.GlobalAveragePooling2D()(x)))


def with_inception(*, normalise: bool = False, **options: Any) -> keras.Model:
    stack = [keras.Input((16, 16, 3)), layers.Conv2D(8, 3, padding="same", activation="relu", name="conv")]
    stack += [layers.MaxPooling2D(2, name="pool"), layers.Flatten(), layers.Dense(10, activation="softmax")]
    rng = np.random.default_rng(0)
    grown = insert_inception(
        keras.Sequential(stack), "pool", 8, rng, name="module", normalise=normalise, **options
    )
    return widen(grown, "module/conv_3", 12, rng)


def grown_twice() -> keras.Model:
    rng = np.random.default_rng(0)
    grown = insert_inception(with_inception(), "conv", 4, rng, name="another")
    return insert_residual(grown, "module_add", 6, rng, normalise=True)


MODULES = Genome.parse("""
    inception #8 activation=relu
    pool poolsize=2
    inception #12 activation=relu branches=1,3 projection=16
    dense #32 activation=relu
""")
BUILDERS = {
    "vgg": vgg_like,
    "mobile": mobile_like,
    "wide residual": wide_residual,
    "inception module": with_inception,
    "normalised inception module": partial(with_inception, normalise=True),
    "wide inception module": partial(with_inception, kernel_sizes=(1, 3, 5, 7), pooling=False),
    "two modules": grown_twice,
    **{name: partial(NETWORKS[name], "valid") for name in ("lenet", "inception", "residual")},
    "every block": partial(build_model, EVERYTHING, (24, 24, 3), 10),
    "inception modules": partial(build_model, MODULES, (28, 28, 1), 10),
}


@pytest.mark.parametrize("build", BUILDERS.values(), ids=BUILDERS)
def test_it_agrees_with_the_profiler_within_one_percent(build) -> None:
    model = build()
    assert model_cost(model).flops == pytest.approx(profiled_flops(model), rel=0.01)


@pytest.mark.parametrize("seed", range(10))
def test_it_agrees_exactly_with_the_cost_of_a_genome(seed: int) -> None:
    genome = random_genome(SearchSpace(), (28, 28, 1), random.Random(seed))
    cost = model_cost(build_model(genome, (28, 28, 1), 10))
    expected = genome_cost(genome, (28, 28, 1), 10)
    assert (cost.parameters, cost.flops) == (expected.parameters, expected.flops)


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (layers.Conv2D(16, 3, groups=4), 14 * 14 * 16 * 3 * 3 * 2),  # each output reads 8 / 4 inputs
        (layers.Conv2D(4, 3, dilation_rate=2, strides=1), 12 * 12 * 4 * 3 * 3 * 8),
        (layers.Conv2D(4, 5, strides=3, padding="same"), 6 * 6 * 4 * 5 * 5 * 8),
        (layers.Conv2DTranspose(4, 3, strides=2), 16 * 16 * 8 * 3 * 3 * 4),  # each input is spread out
        (layers.DepthwiseConv2D(3, depth_multiplier=2), 14 * 14 * 3 * 3 * 8 * 2),
        (layers.SeparableConv2D(5, 3), 14 * 14 * (3 * 3 * 8 + 8 * 5)),
        (layers.Dense(5), 16 * 16 * 8 * 5),  # on the last axis of an image
        (layers.MaxPooling2D(2), 0),
    ],
    ids=["groups", "dilation", "strides", "transposed", "depthwise", "separable", "dense", "pooling"],
)
def test_multiply_accumulates_are_those_of_the_sums_written_out(layer: keras.Layer, expected: int) -> None:
    model = keras.Sequential([keras.Input((16, 16, 8)), layer])
    cost = model_cost(model)
    assert cost.multiply_accumulates == expected
    assert cost.flops == 2 * expected + cost.other_flops


def test_small_terms_are_counted_as_documented() -> None:
    inputs = keras.Input((4, 4, 3))
    x = layers.MaxPooling2D(2)(layers.BatchNormalization()(inputs))  # 2 * 48 and 12 * 4
    x = layers.Add()([x, x, x])  # 12 * 2
    model = keras.Model(inputs, layers.Dropout(0.5)(layers.GlobalAveragePooling2D()(x)))  # 12
    assert model_cost(model) == ModelCost(parameters=6, other_flops=96 + 48 + 24 + 12)


def test_a_shared_layer_costs_its_operations_at_every_call_and_its_parameters_once() -> None:
    inputs, shared = keras.Input((3,)), layers.Dense(3, use_bias=False)
    assert model_cost(keras.Model(inputs, shared(shared(inputs)))) == ModelCost(9, 18, 0)


@pytest.mark.parametrize("name", NETWORKS)
def test_it_counts_the_trained_parameters(name: str) -> None:
    model = NETWORKS[name]("valid")
    assert model_cost(model).parameters == sum(int(np.prod(w.shape)) for w in model.trainable_weights)


def test_a_layer_without_a_formula_is_named() -> None:
    model = keras.Sequential([keras.Input((4, 3)), layers.LSTM(2, name="memory")])
    with pytest.raises(InputError, match=r"'memory' is of a kind that the count of operations.*LSTM"):
        model_cost(model)


def test_an_unknown_size_cannot_be_counted() -> None:
    model = keras.Sequential([keras.Input((None, None, 3)), layers.Conv2D(2, 3, name="conv")])
    with pytest.raises(InputError, match=r"every shape is known.*\(None, None, 3\)"):
        model_cost(model)
