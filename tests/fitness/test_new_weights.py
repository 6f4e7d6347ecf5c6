"""Laws of new weights: what is trained is drawn anew, wholly or in part, and the rest stays."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers

from gakeras.fitness.new_weights import shrunk_and_perturbed, with_new_weights
from gakeras.graph.rebuilding import read_weights


@pytest.fixture
def model() -> keras.Model:
    """A model with every array filled with sevens."""
    stack = [layers.Normalization(mean=3.0, variance=2.0), layers.Dense(5), layers.BatchNormalization()]
    model = keras.Sequential([keras.Input((4,)), *stack])
    for weight in model.weights:
        weight.assign(np.full(weight.shape, 7.0))
    return model


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_trained_weights_are_a_share_of_the_old_and_the_rest_of_new_ones(
    model: keras.Model, share: float
) -> None:
    new, mixed = (
        read_weights(made) for made in (with_new_weights(model, 5), shrunk_and_perturbed(model, share, 5))
    )
    for name, array in mixed.items():
        is_trained = name.endswith(("kernel", "bias", "gamma", "beta"))
        expected = share * 7 + (1 - share) * new[name] if is_trained else np.full_like(array, 7)
        np.testing.assert_allclose(array, expected, rtol=1e-6, err_msg=name)


def test_what_is_new_depends_on_the_seed_alone(model: keras.Model) -> None:
    kernels = [shrunk_and_perturbed(model, 0.5, seed).layers[1].kernel for seed in (1, 1, 2)]
    one, same, other = map(keras.ops.convert_to_numpy, kernels)
    np.testing.assert_array_equal(one, same)
    assert not np.allclose(one, other)


def test_a_seed_of_an_initializer_makes_no_weights_less_new() -> None:
    seeded = keras.initializers.GlorotUniform(seed=1)
    inner = keras.Sequential(
        [keras.Input((6, 6, 4)), layers.Flatten(), layers.Dense(4, kernel_initializer=seeded)]
    )
    stack = [
        layers.SeparableConv2D(4, 3, depthwise_initializer=seeded, pointwise_initializer=seeded, name="conv"),
        inner,
        layers.Dense(4, kernel_initializer=seeded, bias_initializer=keras.initializers.RandomNormal(seed=2)),
    ]
    model = keras.Sequential([keras.Input((8, 8, 4)), *stack])
    old, one, same, other = map(read_weights, (model, *(with_new_weights(model, seed) for seed in (1, 1, 2))))
    for name, array in one.items():
        np.testing.assert_array_equal(same[name], array)
        is_drawn = name != "conv/bias" and array.any()
        assert all((array != before[name]).any() for before in (old, other)) == is_drawn, name
    equal_at_first = [array for array in one.values() if array.shape == (4, 4)]
    assert all((a != b).any() for a, b in zip(equal_at_first, equal_at_first[1:], strict=False))
