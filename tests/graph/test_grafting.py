"""Laws of grafting: what read a layer reads the patch, everything else stays as it was."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers
from keras_models import NETWORKS, outputs_of, random_inputs, with_random_weights

from gakeras.errors import InputError
from gakeras.graph.grafting import graft
from gakeras.graph.rebuilding import read_weights


def doubling(shape: tuple[int, ...], kind: str) -> keras.Model:
    """A patch that yields its input twice: the sum of it and of it through an identity."""
    if kind == "chain":
        return keras.Sequential([keras.Input(shape), layers.Rescaling(2.0, name="doubled")])
    inputs = keras.Input(shape)
    doubled = layers.Add(name="doubled")([inputs, layers.Activation("linear", name="same")(inputs)])
    patch = keras.Model(inputs, doubled, name="doubling")
    if kind == "functional":
        return patch
    return keras.Model(begin := keras.Input(shape), patch(begin), name="outer")  # ends in a model


AFTER = {
    "lenet": "conv_1",
    "normalised": "norm_1",
    "inception": "stem",  # two readers
    "residual": "added",
    "nested": "flatten",
    "table": "joined",
}


def twice(model: keras.Model, after: str, inputs: list[np.ndarray]) -> list[np.ndarray]:
    """Compute the outputs of a model whose layer `after` yields twice its values, without a graft."""

    def call(layer, *arguments, **options):
        result = layer(*arguments, **options)
        return result * 2 if layer.name == after else result

    if isinstance(model, keras.Sequential):
        model = keras.Model(model.inputs[0], model.outputs[0])
    other = keras.models.clone_model(model, call_function=call)
    other.set_weights(model.get_weights())
    return outputs_of(other, inputs)


@pytest.mark.parametrize("kind", ["chain", "functional", "nested"])
@pytest.mark.parametrize("name", AFTER)
def test_everything_that_read_the_layer_reads_the_patch(name: str, kind: str) -> None:
    model = with_random_weights(NETWORKS[name]("same"), 3)
    patch = doubling(tuple(model.get_layer(AFTER[name]).output.shape)[1:], kind)
    grown = graft(model, AFTER[name], patch)
    inputs = random_inputs(model, 3)
    for expected, received in zip(twice(model, AFTER[name], inputs), outputs_of(grown, inputs), strict=True):
        np.testing.assert_allclose(received, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", ["chain", "functional", "nested"])
@pytest.mark.parametrize("name", ["lenet", "residual"])
def test_a_patch_behind_the_last_layer_is_the_output(name: str, kind: str) -> None:
    model = with_random_weights(NETWORKS[name]("same"), 3)
    grown = graft(model, "out", doubling(tuple(model.output_shape[1:]), kind))
    inputs = random_inputs(model, 4)
    np.testing.assert_allclose(outputs_of(grown, inputs)[0], 2 * outputs_of(model, inputs)[0], rtol=1e-6)


def test_the_model_is_left_alone_and_its_weights_and_those_of_the_patch_are_copied() -> None:
    model = with_random_weights(NETWORKS["lenet"]("same"), 3)
    dense = keras.Sequential([keras.Input((9,)), layers.Dense(9, name="more")])
    patch, before = with_random_weights(dense, 4), read_weights(model)
    grown = graft(model, "hidden", patch)
    for key, array in (before | read_weights(patch)).items():
        np.testing.assert_array_equal(read_weights(grown)[key], array)
    grown.get_layer("conv_1").kernel.assign(grown.get_layer("conv_1").kernel * 0)
    grown.get_layer("more").kernel.assign(grown.get_layer("more").kernel * 0)
    assert all((read_weights(model)[key] == array).all() for key, array in before.items())
    assert np.abs(read_weights(patch)["more/kernel"]).min() > 0


def test_a_chain_with_a_chain_in_it_is_a_chain_and_anything_else_is_functional() -> None:
    chain, wired = NETWORKS["lenet"]("same"), NETWORKS["residual"]("same")
    assert type(graft(chain, "hidden", doubling((9,), "chain"))) is keras.Sequential
    grown = graft(chain, "hidden", doubling((9,), "functional"))
    assert not isinstance(grown, keras.Sequential) and grown.get_config()["output_layers"]
    names = [layer.name for layer in graft(wired, "pool", doubling((4, 4, 6), "chain")).layers]
    assert set(names) == {layer.name for layer in wired.layers} | {"doubled"}


@pytest.mark.parametrize(
    ("after", "patch", "message"),
    [
        ("gone", doubling((9,), "chain"), r"one of conv_1.*'gone'"),
        ("hidden", doubling((8,), "chain"), r"from \(9,\) to the same shape.*from \(8,\) to \(8,\)"),
        (
            "hidden",
            keras.Sequential([keras.Input((9,)), layers.Dense(8)]),
            r"from \(9,\) to the same.*to \(8,\)",
        ),
        (
            "hidden",
            keras.Sequential([keras.Input((9,)), layers.Dense(9, name="out")]),
            "its own name.*Received: out",
        ),
    ],
    ids=["no such layer", "another input", "another output", "a name twice"],
)
def test_what_cannot_be_grafted_is_refused(after: str, patch: keras.Model, message: str) -> None:
    with pytest.raises(InputError, match=message):
        graft(NETWORKS["lenet"]("same"), after, patch)


def test_a_layer_that_is_called_twice_is_refused() -> None:
    inputs, shared = keras.Input((3,)), layers.Activation("tanh", name="shared")
    model = keras.Model(inputs, layers.Dense(2)(shared(layers.Dense(3)(shared(inputs)))))
    with pytest.raises(InputError, match="'shared', called more than once"):
        graft(model, "shared", doubling((3,), "chain"))
