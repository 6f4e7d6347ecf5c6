"""The law of deepening: one more layer, the same outputs."""

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
from gakeras.graph import read_graph
from gakeras.morphism.deepening import deepen, insert_residual
from gakeras.morphism.points import never_negative


@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "elu", "celu", "linear"])
@pytest.mark.parametrize("size", [1, 2, 3, 4, 5])
def test_an_identity_behind_values_that_are_not_negative_changes_no_output(
    activation: str, size: int
) -> None:
    model = network_of("relu")
    deep = deepen(model, "pool", activation=activation, kernel_size=size)
    assert isinstance(deep, keras.Sequential) and len(deep.layers) == len(model.layers) + 1
    assert difference(model, deep) == difference(model, deep, training=True) == 0


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_linear_identity_goes_anywhere(activation: str) -> None:
    model = network_of(activation, normalise=True, functional=True)
    for after in ("conv_1", "norm", "hidden"):
        assert difference(model, deepen(model, after, activation="linear")) <= TOLERANCE


@pytest.mark.parametrize("name", ["lenet", "inception", "residual", "depthwise", "table", "signal"])
def test_it_holds_wherever_values_are_not_negative(name: str) -> None:
    model = deep = with_random_weights(NETWORKS[name]("same"), 1)
    graph = read_graph(model)
    places = [n.name for n in graph.nodes if n.name not in graph.outputs and never_negative(graph, n.name)]
    for after in places:
        deep = deepen(deep, after)
    assert len(places) > 1 and difference(model, deep) <= TOLERANCE


@pytest.mark.parametrize("normalise", [False, True], ids=["plain", "normalised"])
@pytest.mark.parametrize("activation", [*ACTIVATIONS, "gelu"])
def test_a_residual_branch_begins_at_zero_for_every_activation(activation: str, normalise: bool) -> None:
    model = network_of("tanh", normalise=True)
    deep, rng = model, np.random.default_rng(2)
    for after in ("conv_1", "hidden"):
        deep = insert_residual(deep, after, 6, rng, activation=activation, normalise=normalise)
    assert difference(model, deep) <= TOLERANCE
    assert difference(model, deep, training=True) <= TOLERANCE


@pytest.mark.parametrize("seed", range(2))
def test_random_architectures_take_a_residual_branch_anywhere(seed: int) -> None:
    genome = random_genome(SearchSpace(), (16, 16), random.Random(seed + 10))
    model = deep = with_random_weights(build_model(genome, (16, 16), 4), seed)
    rng = np.random.default_rng(seed)
    for layer in model.layers[:-1:2]:
        deep = insert_residual(deep, layer.name, 2, rng, activation="leaky_relu")
    assert difference(model, deep) <= TOLERANCE


def test_new_layers_have_names_of_their_own_and_the_parent_is_left_alone() -> None:
    model = network_of("relu")
    deep = deepen(deepen(model, "conv_1"), "conv_1", name="mine")
    deep = deepen(deepen(deep, "pool"), "pool")
    names = [layer.name for layer in deep.layers]
    assert names[:6] == ["conv_1", "mine", "deeper_1", "pool", "deeper_3", "deeper_2"]
    assert [layer.name for layer in model.layers][:2] == ["conv_1", "pool"]


@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "hard_sigmoid", "gelu", "softmax", "relu6"])
def test_an_identity_is_refused_where_the_activation_changes_values(activation: str) -> None:
    with pytest.raises(InputError, match=f"{activation}' behind 'pool', .* never negative.*insert_residual"):
        deepen(network_of("relu"), "pool", activation=activation)


@pytest.mark.parametrize("before", ["tanh", "leaky_relu", "linear", "elu", "gelu"])
def test_relu_is_refused_behind_values_that_may_be_negative(before: str) -> None:
    with pytest.raises(InputError, match="'relu' behind 'pool', whose values may be negative"):
        deepen(network_of(before), "pool")


def test_an_identity_with_relu_would_change_what_it_is_refused_for() -> None:
    model = network_of("tanh")
    wrong = deepen(model, "pool", activation="linear")
    wrong.get_layer("deeper_1").activation = keras.activations.relu
    assert difference(model, wrong) > 100 * TOLERANCE


@pytest.mark.parametrize(
    ("layer", "positive"),
    [
        (layers.ReLU(), True),
        (layers.ReLU(negative_slope=0.1), False),
        (layers.Softmax(), True),
        (layers.LeakyReLU(), False),
        (layers.BatchNormalization(), False),
        (layers.Activation("softplus"), True),
        (layers.AveragePooling2D(1), False),
        (layers.Conv2D(3, 1, activation=layers.ReLU(negative_slope=0.1)), False),
    ],
)
def test_what_is_known_of_values(layer: keras.Layer, positive: bool) -> None:
    stack = [keras.Input((4, 4, 2)), layers.Conv2D(3, 1), layer, layers.MaxPooling2D(2, name="pool")]
    assert never_negative(read_graph(keras.Sequential(stack)), "pool") is positive


@pytest.mark.parametrize(("interpolation", "positive"), [("nearest", True), ("bicubic", False)])
def test_what_overshoots_does_not_keep_the_sign(interpolation: str, positive: bool) -> None:
    larger = layers.UpSampling2D(2, interpolation=interpolation, name="larger")
    stack = keras.Sequential([keras.Input((4, 4, 2)), layers.ReLU(), larger])
    assert never_negative(read_graph(stack), "larger") is positive


@pytest.mark.parametrize("grow", [deepen, lambda *args: insert_residual(*args, 2, np.random.default_rng(0))])
@pytest.mark.parametrize("after", ["out", "gone"])
def test_nothing_comes_behind_the_output_or_an_unknown_layer(grow, after: str) -> None:
    with pytest.raises(InputError, match=f"behind a layer that other layers read.*hidden.*'{after}'"):
        grow(network_of("relu"), after)


def test_nothing_comes_into_a_nested_model() -> None:
    model = NETWORKS["nested"]("same")
    with pytest.raises(InputError, match="of the model itself.*'chain/conv'.*grow it by itself"):
        deepen(model, "chain/conv")


@pytest.mark.parametrize(("units", "instead"), [(3, 4), (0, 2), (-1, 2)])
def test_a_branch_of_an_odd_number_of_units_is_refused(units: int, instead: int) -> None:
    with pytest.raises(InputError, match=f"in pairs.*Received: {units}.*Use {instead}"):
        insert_residual(network_of("relu"), "pool", units, np.random.default_rng(0))


@pytest.mark.parametrize("activation", ["softmax", keras.activations.relu], ids=["softmax", "a function"])
def test_a_branch_is_refused_an_activation_that_mixes_channels(activation) -> None:
    with pytest.raises(InputError, match="treated by itself.*mixes channels or is not known by name"):
        insert_residual(network_of("relu"), "pool", 2, np.random.default_rng(0), activation=activation)
