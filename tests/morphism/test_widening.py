"""The law of widening: more units, the same outputs."""

from __future__ import annotations

import random

import keras
import numpy as np
import pytest
from grown_models import ACTIVATIONS, TOLERANCE, difference, network_of
from keras import layers
from keras_models import NETWORKS, with_random_weights

from gakeras.encoding import SearchSpace, build_model, random_genome
from gakeras.errors import InputError
from gakeras.graph import read_graph, trace_channels
from gakeras.graph.rebuilding import read_weights
from gakeras.morphism.widening import widen

METHODS = ["twins", "copies", "unheard"]


def growable(model: keras.Model) -> list[str]:
    """Return the layers whose units are neither outputs nor held by what reads them."""
    channels = trace_channels(read_graph(model))
    return [
        step.name
        for step in channels.steps
        if step.link == "mixing" and not channels.pinned[channels.units[step.name]].any()
    ]


def width_of(model: keras.Model, layer: str) -> int:
    return next(node for node in read_graph(model).nodes if node.layer == layer).output_shape[-1]


def more(model: keras.Model, layer: str, method: str, by: int = 4, **settings) -> keras.Model:
    return widen(
        model, layer, width_of(model, layer) + by, np.random.default_rng(1), method=method, **settings
    )


@pytest.mark.parametrize("turn", range(2))
@pytest.mark.parametrize("name", NETWORKS)
def test_a_wider_layer_changes_no_output(name: str, turn: int) -> None:
    model = with_random_weights(NETWORKS[name]("same"), 1)
    for number, layer in enumerate(growable(model)):
        method = METHODS[(number + turn) % 3]
        wide = more(model, layer, method, **({"noise": 0.5} if method == "copies" else {}))
        assert width_of(wide, layer) == width_of(model, layer) + 4
        assert wide.count_params() > model.count_params()
        assert difference(model, wide) <= TOLERANCE, layer


@pytest.mark.parametrize("functional", [False, True], ids=["sequential", "functional"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_it_holds_for_every_activation_in_inference_and_in_training(
    activation: str, functional: bool
) -> None:
    model = network_of(activation, normalise=True, functional=functional)
    for method in METHODS:
        wide = more(more(model, "conv_2", method), "conv_1", method)
        assert type(wide) is type(model)
        assert difference(model, wide) <= TOLERANCE
        assert difference(model, wide, training=True) <= TOLERANCE


@pytest.mark.parametrize("seed", range(3))
def test_it_holds_for_random_architectures_again_and_again(seed: int) -> None:
    genome = random_genome(SearchSpace(), (16, 16), random.Random(seed))
    model = wide = with_random_weights(build_model(genome, (16, 16), 4), seed)
    for number, layer in enumerate(growable(model)):
        wide = more(wide, layer, METHODS[(number + seed) % 3])
    assert difference(model, wide) <= TOLERANCE


def test_old_weights_stay_at_their_places_but_where_copies_share_them() -> None:
    model = network_of("relu", normalise=True)
    old, flat = read_weights(model), {}
    for method in METHODS:
        new = read_weights(more(model, "conv_2", method))
        np.testing.assert_array_equal(new["conv_2/kernel"][..., :3], old["conv_2/kernel"])
        np.testing.assert_array_equal(new["norm/moving_mean"][:3], old["norm/moving_mean"])
        assert (new["norm/moving_variance"] > 0).all()
        flat[method] = new["hidden/kernel"].reshape(9, 7, 5)[:, :3].reshape(27, 5)
    np.testing.assert_array_equal(flat["twins"], old["hidden/kernel"])
    np.testing.assert_array_equal(flat["unheard"], old["hidden/kernel"])
    assert np.abs(flat["copies"] - old["hidden/kernel"]).max() > 0.01


def test_twins_are_equal_coming_in_and_opposite_going_out() -> None:
    new = read_weights(more(network_of("relu", normalise=True), "conv_2", "twins"))
    for name in ("conv_2/kernel", "conv_2/bias", "norm/gamma", "norm/beta", "norm/moving_variance"):
        np.testing.assert_array_equal(new[name][..., 3:5], new[name][..., 5:7])
    outgoing = new["hidden/kernel"].reshape(9, 7, 5)
    np.testing.assert_array_equal(outgoing[:, 3:5], -outgoing[:, 5:7])
    assert np.abs(outgoing[:, 3:5]).min() > 0


def test_unheard_units_are_read_with_weights_of_zero() -> None:
    new = read_weights(more(network_of("relu"), "hidden", "unheard"))
    assert (new["out/kernel"][5:] == 0).all() and np.abs(new["hidden/kernel"][:, 5:]).min() > 0


def test_a_wider_branch_stands_at_the_end_of_its_part_of_a_concatenation() -> None:
    model = with_random_weights(NETWORKS["inception"]("same"), 1)
    old, new = read_weights(model), read_weights(more(model, "left", "unheard", by=1))
    reads = new["after/kernel"]  # left 4 (and 1 more), middle 5, pooled 5
    np.testing.assert_array_equal(np.delete(reads, 4, axis=2), old["after/kernel"])
    assert (reads[:, :, 4] == 0).all()


def test_layers_that_an_add_ties_are_widened_together() -> None:
    model = with_random_weights(NETWORKS["residual"]("same"), 1)
    wide = more(model, "branch_2", "twins")
    assert {wide.get_layer(name).filters for name in ("stem", "branch_2", "gate")} == {10}
    assert wide.get_layer("branch_1").filters == 4


def test_a_layer_that_reads_what_it_is_tied_to_is_widened_on_both_sides() -> None:
    inputs = keras.Input((5, 5, 2))
    x = layers.Conv2D(3, 1, activation="tanh", name="stem")(inputs)
    x = layers.Add(name="sum")([x, layers.Conv2D(3, 3, padding="same", activation="elu", name="loop")(x)])
    model = keras.Model(inputs, layers.Dense(2, name="out")(layers.GlobalAveragePooling2D()(x)))
    model = with_random_weights(model, 0)
    for method in METHODS:
        wide = more(model, "stem", method, **({"noise": 0.3} if method == "copies" else {}))
        assert wide.get_layer("loop").kernel.shape == (3, 3, 7, 7)
        assert difference(model, wide) <= TOLERANCE


def test_twins_do_not_survive_dropout_in_training_and_do_in_inference() -> None:
    stack = [keras.Input((4,)), layers.Dense(6, name="hidden"), layers.Dropout(0.5), layers.Dense(2)]
    model = with_random_weights(keras.Sequential(stack), 0)
    wide = more(model, "hidden", "twins")
    assert difference(model, wide) <= TOLERANCE < difference(wide, wide, training=True)


def test_the_same_generator_gives_the_same_network_and_the_parent_is_left_alone() -> None:
    model = network_of("relu")
    before = read_weights(model)
    one, other = (read_weights(more(model, "conv_1", "copies", noise=0.1)) for _ in range(2))
    assert all((one[name] == other[name]).all() for name in one)
    assert all((before[name] == array).all() for name, array in read_weights(model).items())


@pytest.mark.parametrize(
    ("layer", "units", "settings", "message"),
    [
        ("conv_1", 3, {}, "cannot remove units.*more units than the 4.*units=3.*compact"),
        ("conv_1", 4, {}, "cannot remove units.*units=4"),
        ("conv_1", 7, {}, 'Twins come in pairs.*3 more.*Use units=8.*"copies"'),
        ("out", 5, {}, "between the inputs and the outputs.*'out'.*insert_residual"),
        ("pool", 6, {}, "a layer that makes them.*conv_1.*'pool', MaxPooling2D"),
        ("gone", 6, {}, "'gone', no layer of the model"),
        ("conv_1", 6, {"method": "sideways"}, "one of three ways.*twins, copies, unheard.*'sideways'"),
        ("conv_1", 6, {"noise": 0.1}, "tells copies apart.*noise=0.1, method='twins'"),
        ("conv_1", 6, {"noise": -1.0, "method": "copies"}, "noise=-1.0"),
    ],
)
def test_what_cannot_be_widened_is_refused(layer: str, units: int, settings, message: str) -> None:
    with pytest.raises(InputError, match=message):
        widen(network_of("relu"), layer, units, np.random.default_rng(0), **settings)


@pytest.mark.parametrize(
    "reader",
    [layers.Softmax(), layers.Permute((2, 1, 3)), layers.Conv2D(6, 1, groups=2), layers.Reshape((4, 36))],
    ids=lambda layer: type(layer).__name__,
)
def test_units_that_are_read_as_a_whole_are_refused(reader: keras.Layer) -> None:
    stack = [keras.Input((6, 6, 2)), layers.Conv2D(4, 1, name="conv"), reader, layers.Flatten()]
    with pytest.raises(InputError, match="'conv', whose units are outputs.*softmax"):
        more(keras.Sequential([*stack, layers.Dense(2)]), "conv", "twins")


def test_units_tied_to_the_inputs_are_refused() -> None:
    inputs = keras.Input((4,))
    x = layers.Add()([inputs, layers.Dense(4, name="branch")(inputs)])
    with pytest.raises(InputError, match="'branch', whose units are outputs, tied to inputs"):
        more(keras.Model(inputs, layers.Dense(2)(x)), "branch", "twins")


def test_a_layer_normalisation_is_refused() -> None:
    stack = [keras.Input((4,)), layers.Dense(4, name="hidden"), layers.LayerNormalization(name="mixed")]
    with pytest.raises(InputError, match="'mixed' is of a kind.*LayerNormalization"):
        more(keras.Sequential([*stack, layers.Dense(2)]), "hidden", "twins")


def test_units_tied_to_the_middle_of_another_layer_are_refused() -> None:
    inputs = keras.Input((4,))
    parts = [layers.Dense(2, name=name)(inputs) for name in ("first", "second")]
    whole = layers.Dense(4, name="whole")(inputs)
    x = layers.Add()([layers.Concatenate()(parts), whole])
    model = with_random_weights(keras.Model(inputs, layers.Dense(2, name="out")(x)), 0)
    with pytest.raises(InputError, match="'first', whose units are in the middle of those of 'whole'"):
        more(model, "first", "twins")
    for layer in ("second", "whole"):
        assert difference(model, more(model, layer, "twins")) <= TOLERANCE
