"""The laws of Inception modules that join a trained network: they begin at zero."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from grown_models import ACTIVATIONS, TOLERANCE, difference, network_of
from keras_models import NETWORKS, with_random_weights

from gakeras.errors import InputError
from gakeras.graph.rebuilding import read_weights
from gakeras.morphism import inception
from gakeras.morphism.inception import inception_module, insert_inception
from gakeras.morphism.widening import widen


def grown(model: keras.Model, after: str = "pool", filters: int = 4, **settings) -> keras.Model:
    return insert_inception(model, after, filters, np.random.default_rng(3), **settings)


@pytest.mark.parametrize("normalise", [False, True], ids=["plain", "normalised"])
@pytest.mark.parametrize("variant", ["beta", "zero"])
@pytest.mark.parametrize("activation", [*ACTIVATIONS, "gelu"])
def test_it_changes_no_output_for_any_activation(activation: str, variant: str, normalise: bool) -> None:
    model = network_of(activation, normalise=normalise)
    wide = grown(model, variant=variant, activation=activation, normalise=normalise)
    for training in (False, True):
        assert difference(model, wide, training=training) <= (0 if variant == "zero" else TOLERANCE)


@pytest.mark.parametrize("normalise", [False, True], ids=["plain", "normalised"])
@pytest.mark.parametrize("activation", sorted(inception._ODD))
def test_opposite_filters_cancel_through_odd_activations(activation: str, normalise: bool) -> None:
    v = keras.ops.convert_to_tensor(np.linspace(-3, 3, 25, dtype="float32"))
    s = keras.activations.get(activation)
    np.testing.assert_allclose(s(-v), -s(v), atol=1e-6)
    model = network_of("tanh", normalise=True)
    wide = grown(model, variant="odd", activation=activation, normalise=normalise)
    for training in (False, True):
        assert difference(model, wide, training=training) <= TOLERANCE


@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "sigmoid", "hard_sigmoid", "gelu", "elu"])
def test_opposite_filters_are_refused_other_activations_through_which_they_change_outputs(
    activation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = network_of("relu")
    with pytest.raises(InputError, match=f'odd activation only.*{activation}.*variant="beta"'):
        grown(model, variant="odd", activation=activation)
    monkeypatch.setattr(inception, "_ODD", {activation})
    assert difference(model, grown(model, variant="odd", activation=activation)) > 100 * TOLERANCE


@pytest.mark.parametrize("name", ["lenet", "inception", "residual"])
def test_modules_join_networks_of_every_wiring_one_after_the_other(name: str) -> None:
    model = with_random_weights(NETWORKS[name]("same"), 2)
    after = {"lenet": "pool_2", "inception": "joined", "residual": "added"}[name]
    wide = grown(grown(grown(model, after), after, variant="zero"), "inception_1_add")
    assert {"inception_1", "inception_2", "inception_3"} <= {layer.name for layer in wide.layers}
    assert difference(model, wide) <= TOLERANCE


@pytest.mark.parametrize("method", ["twins", "copies", "unheard"])
def test_a_branch_is_widened_in_place(method: str) -> None:
    model = network_of("relu")
    module = with_random_weights(grown(model, normalise=True), 5)  # as if trained
    wide = module
    for branch in ("conv_3", "pool_conv"):
        wide = widen(wide, f"inception_1/{branch}", 6, np.random.default_rng(0), method=method)
    weights = read_weights(wide)
    assert weights["inception_1/conv_3/kernel"].shape == (3, 3, 4, 6)
    assert weights["inception_1/projection/kernel"].shape == (1, 1, 4 + 6 + 4 + 6, 4)
    assert weights["inception_1/norm/moving_mean"].shape == (20,)
    assert difference(module, wide) <= TOLERANCE
    assert difference(module, wide, training=True) <= TOLERANCE


def test_new_filters_are_not_zero_and_twins_not_alike_from_one_branch_to_the_next() -> None:
    weights = read_weights(grown(network_of("relu")))
    assert all(np.abs(array).max() > 0 for name, array in weights.items() if "kernel" in name)
    one, pooled = weights["inception_1/conv_1/kernel"], weights["inception_1/pool_conv/kernel"]
    np.testing.assert_array_equal(one[..., :2], one[..., 2:])
    assert np.abs(one - pooled).min() > 0


def test_a_module_of_its_own_has_the_branches_asked_for() -> None:
    module = inception_module((8, 8, 3), 5, kernel_sizes=(1, 7), pooling=False, normalise=True)
    assert [layer.name for layer in module.layers][1:] == ["conv_1", "conv_7", "joined", "norm", "activation"]
    assert module.output_shape == (None, 8, 8, 10)
    assert inception_module((8, 8, 3), 5, kernel_sizes=(), outputs=2).output_shape == (None, 8, 8, 2)
    assert {type(layer).__module__.partition(".")[0] for layer in module.layers} == {"keras"}


@pytest.mark.parametrize(
    ("after", "settings", "message"),
    [
        ("hidden", {}, r"reads images.*\(5,\).*insert_residual"),
        ("pool", {"kernel_sizes": (), "pooling": False}, "at least one branch"),
        ("pool", {"kernel_sizes": (3, 3)}, r"different windows.*kernel_sizes=\(3, 3\)"),
        ("pool", {"filters": 3}, "in pairs.*Received: 3"),
        ("pool", {"activation": "softmax"}, "treated by itself.*softmax"),
        ("pool", {"variant": "left"}, "one of three ways.*beta, zero, odd.*'left'"),
        ("out", {}, "other layers read.*'out', the output"),
    ],
)
def test_what_cannot_join_is_refused(after: str, settings, message: str) -> None:
    with pytest.raises(InputError, match=message):
        grown(network_of("relu"), after, **settings)
