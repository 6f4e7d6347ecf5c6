"""A network is normalised by statistics of its own, wherever its weights come from."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers
from keras_models import NETWORKS, with_random_weights

from gakeras.graph.rebuilding import read_weights
from gakeras.synthesis.normalisation import renew_statistics


def examples(model: keras.Model, number: int = 96) -> np.ndarray:
    return np.random.default_rng(1).normal(0.5, 2.0, (number, *model.input_shape[1:])).astype("float32")


def statistics(model: keras.Model) -> dict[str, np.ndarray]:
    return {name: array for name, array in read_weights(model).items() if "/moving_" in name}


@pytest.mark.parametrize("name", ["normalised", "residual"])
def test_with_its_new_statistics_a_network_says_in_inference_what_it_says_in_training(name: str) -> None:
    model = with_random_weights(NETWORKS[name]("same"), 0)
    x = examples(model)
    said_in_training = keras.ops.convert_to_numpy(model(x, training=True))
    before = {name: array for name, array in read_weights(model).items() if "/moving_" not in name}
    renew_statistics(model, x, np.arange(len(x)), seed=3)
    np.testing.assert_allclose(model.predict_on_batch(x), said_in_training, atol=1e-4)
    after = read_weights(model)
    for key, array in before.items():
        np.testing.assert_array_equal(after[key], array, err_msg=key)


def test_over_several_batches_they_are_those_of_all_examples() -> None:
    model = keras.Sequential([keras.Input((3,)), layers.BatchNormalization(name="norm")])
    x = examples(model, 1024)
    renew_statistics(model, x, np.arange(len(x)), seed=0)
    layer = model.get_layer("norm")
    np.testing.assert_allclose(layer.moving_mean, x.mean(axis=0), rtol=1e-4)
    np.testing.assert_allclose(layer.moving_variance, x.var(axis=0), rtol=1e-4)


def test_they_are_those_without_dropout_and_come_from_the_training_examples_alone() -> None:
    def model(*before: layers.Layer) -> keras.Model:
        return keras.Sequential([keras.Input((4,)), *before, layers.BatchNormalization(name="norm")])

    dropping, plain = model(layers.Dropout(0.5)), model()
    x = examples(plain)
    train = np.arange(0, len(x), 2)
    renew_statistics(dropping, x, train, seed=0)
    spoilt = np.where(np.isin(np.arange(len(x)), train)[:, None], x, np.nan)
    renew_statistics(plain, spoilt, train, seed=0)
    for key, array in statistics(plain).items():
        np.testing.assert_array_equal(statistics(dropping)[key], array)


def test_they_depend_on_the_seed_alone() -> None:
    model = with_random_weights(NETWORKS["normalised"]("valid"), 0)
    x = examples(model, 400)
    found = []
    for seed in (1, 2, 1):
        renew_statistics(model, x, np.arange(len(x)), seed)
        found.append(statistics(model))
    for key, array in found[0].items():
        np.testing.assert_array_equal(found[2][key], array)
        assert (found[1][key] != array).any()


def test_a_frozen_normalisation_keeps_its_statistics() -> None:
    model = with_random_weights(NETWORKS["normalised"]("valid"), 0)
    model.get_layer("norm_1").trainable = False
    before = statistics(model)
    renew_statistics(model, examples(model), np.arange(96), seed=0)
    for key, array in statistics(model).items():
        assert (array == before[key]).all() == key.startswith("norm_1/")
