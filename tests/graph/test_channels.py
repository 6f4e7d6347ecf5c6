"""Laws of channels: what is one unit, what must stay, and which part of every array is whose."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers
from keras_models import NETWORKS, outputs_of, random_inputs, with_random_weights

from gakeras.errors import InputError
from gakeras.graph import (
    kept_indices,
    permuted_indices,
    read_graph,
    resized_configs,
    take,
    trace_channels,
)
from gakeras.graph.rebuilding import read_weights, rebuild, write_weights


def channels_of(model: keras.Model):
    return trace_channels(read_graph(model))


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("name", NETWORKS)
def test_shapes_are_those_of_keras(name: str, padding: str) -> None:
    model = NETWORKS[name](padding)
    shapes = {node.name: node.output_shape for node in read_graph(model).nodes}
    inner_most = [layer for layer in model.layers if not isinstance(layer, keras.Model)]
    for layer in inner_most:
        assert shapes[layer.name] == tuple(layer.output.shape[1:])


@pytest.mark.parametrize("name", NETWORKS)
def test_every_array_has_the_length_of_its_units(name: str) -> None:
    model = NETWORKS[name]("same")
    channels = channels_of(model)
    for key, array in read_weights(model).items():
        lengths = [None if units is None else len(units) for units in channels.axes[key]]
        assert all(length in (None, size) for length, size in zip(lengths, array.shape, strict=True)), key


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("seed", range(2))
def test_permuting_units_inside_their_layers_changes_no_output(name: str, seed: int) -> None:
    model = with_random_weights(NETWORKS[name]("same"), seed)
    channels = channels_of(model)
    origin = turned_inside_layers(channels, seed + 1)
    assert (origin != np.arange(channels.num_units)).any()
    weights, indices = read_weights(model), permuted_indices(channels, origin)
    twin = keras.models.clone_model(model)
    write_weights(twin, {key: take(array, indices[key]) for key, array in weights.items()})
    inputs = random_inputs(model, seed)
    for expected, received in zip(outputs_of(model, inputs), outputs_of(twin, inputs), strict=True):
        np.testing.assert_allclose(received, expected, rtol=0, atol=1e-5)


def turned_inside_layers(channels, places: int) -> np.ndarray:
    origin = np.arange(channels.num_units)
    done = channels.pinned.copy()
    for step in channels.steps:
        units = channels.units[step.name]
        if step.link == "mixing" and not done[units].any():
            origin[units] = np.roll(units, places)
            done[units] = True
    return origin


@pytest.mark.parametrize("name", NETWORKS)
def test_keeping_every_unit_rebuilds_the_same_model(name: str) -> None:
    model = with_random_weights(NETWORKS[name]("valid"), 1)
    graph, weights = read_graph(model), read_weights(model)
    channels = trace_channels(graph)
    everyone = np.ones(channels.num_units, bool)
    changes = resized_configs(graph, channels, everyone)
    twin = rebuild(model, changes, weights)
    assert [layer.name for layer in twin.layers] == [layer.name for layer in model.layers]
    inputs = random_inputs(model, 1)
    for expected, received in zip(outputs_of(model, inputs), outputs_of(twin, inputs), strict=True):
        np.testing.assert_array_equal(received, expected)
    assert not set(map(id, twin.weights)) & set(map(id, model.weights))


@pytest.mark.parametrize("name", NETWORKS)
def test_any_kept_units_make_a_model_that_keras_builds(name: str) -> None:
    model = NETWORKS[name]("same")
    graph, weights = read_graph(model), read_weights(model)
    channels = trace_channels(graph)
    kept = channels.pinned.copy()
    for step in channels.steps:  # one of each, and what it is tied to
        kept[channels.units[step.name][0]] = True
    indices = kept_indices(channels, kept)
    small = rebuild(
        model,
        resized_configs(graph, channels, kept),
        {key: take(array, indices[key]) for key, array in weights.items()},
    )
    assert small.output_shape == model.output_shape
    assert small.count_params() < model.count_params()


def test_a_model_that_keras_cannot_make_from_its_configuration_is_refused() -> None:
    def doubled(x):
        return x * 2

    stack = [keras.Input((3,)), layers.Dense(2, activation=doubled, name="odd")]
    model = keras.Sequential(stack, name="odd_model")
    with pytest.raises(InputError, match="'odd_model', of which Keras says.*Dense.*register_keras_serial"):
        rebuild(model, {}, read_weights(model))


def test_a_flattened_filter_stands_at_every_position() -> None:
    channels = channels_of(NETWORKS["lenet"]("valid"))
    places = channels.units["flatten"].reshape(-1, 6)
    assert (places == channels.units["conv_2"]).all() and len(places) == 4


def test_a_concatenation_puts_branches_behind_each_other() -> None:
    channels = channels_of(NETWORKS["inception"]("valid"))
    parts = [channels.units[name] for name in ("left", "middle_2", "stem")]  # a pooling keeps the units
    assert channels.units["joined"].tolist() == np.concatenate(parts).tolist()


def test_added_channels_are_one_unit() -> None:
    channels = channels_of(NETWORKS["residual"]("valid"))
    for name in ("branch_2", "added", "gate", "gated"):
        assert channels.units[name].tolist() == channels.units["stem"].tolist()
    assert set(channels.units["branch_1"]).isdisjoint(channels.units["stem"])


def test_a_depthwise_convolution_repeats_its_units() -> None:
    channels = channels_of(NETWORKS["depthwise"]("valid"))
    assert channels.units["depth"].tolist() == np.repeat(channels.units["stem"], 2).tolist()


def test_batch_normalisation_has_four_vectors_of_its_units() -> None:
    channels = channels_of(NETWORKS["normalised"]("valid"))
    vectors = [key for key in channels.axes if key.startswith("norm_1/")]
    assert len(vectors) == 4
    for key in vectors:
        assert channels.axes[key][0].tolist() == channels.units["conv_1"].tolist()


def test_inputs_and_outputs_are_pinned_and_hidden_units_are_not() -> None:
    channels = channels_of(NETWORKS["lenet"]("valid"))
    free = np.flatnonzero(~channels.pinned)
    hidden = [channels.units[name] for name in ("conv_1", "conv_2", "hidden")]
    assert free.tolist() == np.concatenate(hidden).tolist()


@pytest.mark.parametrize(
    "layer",
    [layers.Softmax(), layers.Permute((2, 1, 3)), layers.Reshape((4, 36)), layers.Conv2D(6, 1, groups=2)],
    ids=lambda layer: type(layer).__name__,
)
def test_what_is_used_as_a_whole_is_pinned(layer: keras.Layer) -> None:
    stack = [
        keras.Input((6, 6, 2)),
        layers.Conv2D(4, 1, name="before"),
        layer,
        layers.Flatten(),
        layers.Dense(2),
    ]
    channels = channels_of(keras.Sequential(stack))
    assert channels.pinned[channels.units["before"]].all()


def test_a_hidden_softmax_pins_its_own_units() -> None:
    stack = [keras.Input((3,)), layers.Dense(4, activation="softmax", name="mixture"), layers.Dense(2)]
    channels = channels_of(keras.Sequential(stack))
    assert channels.pinned[channels.units["mixture"]].all()


def test_a_layer_that_cannot_be_followed_is_named() -> None:
    model = keras.Sequential([keras.Input((4, 3)), layers.LSTM(2, name="memory")])
    with pytest.raises(InputError, match=r"'memory' is of a kind that the tracing of channels.*LSTM"):
        channels_of(model)


def test_a_shared_layer_cannot_be_followed() -> None:
    inputs, shared = keras.Input((3,)), layers.Dense(3, name="shared")
    with pytest.raises(InputError, match="'shared', a Dense, called again"):
        channels_of(keras.Model(inputs, shared(shared(inputs))))


def test_a_nested_model_can_be_called_once() -> None:
    inputs = keras.Input((3,))
    inner = keras.Sequential([keras.Input((3,)), layers.Dense(3)], name="inner")
    with pytest.raises(InputError, match="'inner', called again"):
        read_graph(keras.Model(inputs, inner(inner(inputs))))


def test_an_operation_that_is_no_layer_is_named() -> None:
    inputs = keras.Input((3,))
    with pytest.raises(InputError, match=r"must be a layer.*\(Add\).*layers.Add"):
        read_graph(keras.Model(inputs, layers.Dense(3)(inputs) + inputs))


def test_a_model_must_be_built() -> None:
    with pytest.raises(InputError, match="not built"):
        read_graph(keras.Sequential([layers.Dense(3)]))


def test_a_subclassed_model_cannot_be_read() -> None:
    class Subclassed(keras.Model):
        def call(self, x):
            return x

    with pytest.raises(InputError, match="a Subclassed"):
        read_graph(Subclassed())
