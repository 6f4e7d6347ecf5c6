"""Laws of lower precision: the nearest value there is, and never another zero or sign."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gakeras.graph.rebuilding import data_statistics, read_weights
from gakeras.synthesis.precision import impose_precision, round_to

law = settings(deadline=None, derandomize=True)

seeds = st.integers(0, 2**32 - 1)
LOWER = ["float16", "bfloat16", "int8"]


def weights_of(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(40, 3)) * (rng.random((40, 3)) < 0.7)).astype("float32")


@law
@given(seeds, st.sampled_from(LOWER))
def test_rounding_twice_is_rounding_once(seed: int, precision: str) -> None:
    once = round_to(weights_of(seed), precision)
    np.testing.assert_allclose(round_to(once, precision), once, rtol=1e-6)
    assert once.dtype == np.float32


@law
@given(seeds, st.sampled_from(LOWER))
def test_zeros_stay_zeros_and_signs_stay(seed: int, precision: str) -> None:
    weights = weights_of(seed)
    rounded = round_to(weights, precision)
    assert not rounded[weights == 0].any()
    assert (rounded * weights >= 0).all()


@law
@given(seeds)
def test_errors_are_at_most_half_a_step(seed: int) -> None:
    weights = weights_of(seed)
    size = np.abs(weights)
    assert (np.abs(round_to(weights, "float16") - weights) <= size * 2**-11 + 2**-25).all()
    assert (np.abs(round_to(weights, "bfloat16") - weights) <= size * 2**-8).all()
    assert (np.abs(round_to(weights, "int8") - weights) <= size.max() / 127 * 0.5001).all()
    assert len(np.unique(round_to(weights, "int8"))) <= 255


@law
@given(seeds)
def test_bfloat16_is_that_of_tensorflow(seed: int) -> None:
    import tensorflow as tf

    weights = weights_of(seed)
    expected = tf.cast(tf.cast(weights, tf.bfloat16), tf.float32).numpy()
    np.testing.assert_array_equal(round_to(weights, "bfloat16"), expected)


def test_float16_has_a_largest_value() -> None:
    assert round_to(np.array([1e6, -1e6], "float32"), "float16").tolist() == [65504, -65504]


def test_an_array_of_zeros_has_no_scale() -> None:
    assert not round_to(np.zeros(4, "float32"), "int8").any()


@pytest.mark.parametrize(
    ("precision", "bias_changes"), [("float16", True), ("int8", False), ("float32", False)]
)
def test_int8_is_for_kernels_alone(precision: str, bias_changes: bool) -> None:
    weights = {"a/kernel": weights_of(1), "a/bias": weights_of(2)[0]}
    rounded = impose_precision(weights, precision, ["a/kernel"])
    assert (rounded["a/bias"] != weights["a/bias"]).any() == bias_changes
    assert (rounded["a/kernel"] != weights["a/kernel"]).any() == (precision != "float32")


def test_statistics_of_the_data_stay_as_they_are() -> None:
    model = keras.Sequential([keras.Input((2,)), keras.layers.Normalization(name="scale")])
    frozen = keras.layers.BatchNormalization(trainable=False, name="fixed")
    model.add(frozen)
    model.add(keras.layers.BatchNormalization(name="norm"))
    fixed = data_statistics(model)
    assert {name.partition("/")[0] for name in fixed} == {"scale", "fixed"}
    weights = {name: np.full(2, 1e5, "float32") for name in read_weights(model)}
    rounded = impose_precision(weights, "float16", [], fixed)
    assert all((array == (1e5 if name in fixed else 65504)).all() for name, array in rounded.items())
