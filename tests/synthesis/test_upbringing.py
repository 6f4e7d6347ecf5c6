"""A network is brought up without the units that it does not have, and nobody can tell."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras_models import NETWORKS
from random_masks import random_masks

from gakeras.data import Task
from gakeras.fitness.distillation import distilled_targets
from gakeras.fitness.heads import Head
from gakeras.fitness.options import Distillation, TrainingOptions
from gakeras.graph import model_cost, read_graph, trace_channels
from gakeras.graph.rebuilding import read_weights, write_weights
from gakeras.synthesis.compaction import compact, masked_weights, shrink
from gakeras.synthesis.masks import remove_dead
from gakeras.synthesis.mating import Network
from gakeras.synthesis.upbringing import with_zeros_alive
from gakeras.synthesis.weights import hold_masks


def steps(model: keras.Model, x: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
    """Train for a few steps; with SGD, since Adam makes much of a gradient that is nothing but rounding."""
    model.compile(keras.optimizers.SGD(0.02), "mean_squared_error")
    for _ in range(4):
        model.train_on_batch(x, y)
    return read_weights(model)


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("name", ["normalised", "inception", "residual", "depthwise", "nested"])
def test_training_the_small_form_gives_the_weights_that_training_the_masked_model_gives(
    name: str, padding: str
) -> None:
    model, rng = NETWORKS[name](padding), np.random.default_rng(1)
    graph = read_graph(model)
    channels = trace_channels(graph)
    masks, _ = remove_dead(channels, random_masks(model, 2))
    network = Network(masked_weights(read_weights(model), masks), masks)
    x = rng.normal(size=(16, *model.input_shape[1:])).astype("float32")
    y = rng.normal(size=(16, *model.output_shape[1:])).astype("float32")

    shrunk = shrink(model, graph, channels, with_zeros_alive(network))
    hold_masks(shrunk.model, shrunk.take(masks))
    small = Network(shrunk.put(network.weights, steps(shrunk.model, x, y)), masks)
    write_weights(model, network.weights)
    hold_masks(model, masks)
    large = Network(steps(model, x, y), masks)

    assert shrunk.model.count_params() < model.count_params()
    for key, kernel in large.weights.items():
        if key in masks:
            np.testing.assert_allclose(small.weights[key], kernel, atol=1e-4, err_msg=key)
    answers = []
    for network in (small, large):
        write_weights(model, network.weights)
        answers.append(compact(model, masks).predict_on_batch(x))
    np.testing.assert_allclose(*answers, atol=1e-3)


def test_a_living_synapse_that_happens_to_be_zero_can_still_learn() -> None:
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, name="in"), keras.layers.Dense(1)])
    graph = read_graph(model)
    channels = trace_channels(graph)
    masks = {name: np.ones_like(read_weights(model)[name], bool) for name in channels.kernels}
    weights = read_weights(model) | {"in/kernel": np.zeros((3, 4), np.float32)}
    shrunk = shrink(model, graph, channels, with_zeros_alive(Network(weights, masks)))
    assert shrunk.model.get_layer("in").units == 4
    assert np.abs(read_weights(shrunk.model)["in/kernel"]).max() < 1e-30


def test_a_model_that_was_trained_is_measured_as_it_is_unless_a_unit_has_died_in_the_training() -> None:
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(8, activation="relu", name="hidden", bias_initializer="ones"),
            keras.layers.Dense(2, name="out"),
        ]
    )
    graph = read_graph(model)
    channels = trace_channels(graph)
    masks = {"hidden/kernel": np.arange(8) < np.full((4, 1), 5)}
    weights = masked_weights(read_weights(model), masks)
    trained = shrink(model, graph, channels, weights)
    assert trained.model.get_layer("hidden").units == 5
    moved = {key: array * np.float32(1.5) for key, array in weights.items()}
    dying = moved | {"hidden/kernel": moved["hidden/kernel"] * (np.arange(8) > 0)}
    x = np.random.default_rng(1).normal(size=(6, 4)).astype("float32")

    for after, is_same in ((moved, True), (dying, False)):
        measured = shrink(model, graph, channels, after, earlier=trained)
        anew = shrink(model, graph, channels, after)
        assert (measured.model is trained.model) is is_same
        assert model_cost(measured.model) == model_cost(anew.model)
        np.testing.assert_array_equal(measured.model.predict_on_batch(x), anew.model.predict_on_batch(x))
    assert shrink(model, graph, channels, moved, "mixed_bfloat16", earlier=trained).model is not trained.model


@pytest.mark.parametrize("distillation", [None, Distillation()])
def test_gradients_too_small_for_float16_train_and_masks_hold(distillation: Distillation | None) -> None:
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(8, name="hidden"),
            keras.layers.Dense(2, activation="softmax", name="out", kernel_initializer="zeros"),
        ]
    )
    graph = read_graph(model)
    weights = read_weights(model)
    weights["out/kernel"] = np.tile(np.float32([2e-8, -2e-8]), (8, 1))
    masks = {"hidden/kernel": np.arange(32).reshape(4, 8) % 3 > 0}
    small = shrink(model, graph, trace_channels(graph), masked_weights(weights, masks), "mixed_float16")
    hold_masks(small.model, small.take(masks))
    x = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
    labels = (x[:, 0] > 0).astype(int)
    y = labels if distillation is None else distilled_targets(labels, np.eye(2)[labels], distillation)

    head = Head(Task("multiclass", 2), is_logits=False)
    options = TrainingOptions(optimizer="adam", learning_rate=0.01, dtype_policy="mixed_float16")
    head.compile(small.model, options, distillation=distillation)
    small.model.train_on_batch(x, y)
    moved = read_weights(small.model)["hidden/kernel"] - masked_weights(weights, masks)["hidden/kernel"]
    np.testing.assert_array_equal(moved != 0, masks["hidden/kernel"])
