"""The law of larger kernels: zeros around the old one, the same outputs."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from grown_models import TOLERANCE, difference
from keras import layers
from keras_models import NETWORKS, with_random_weights

from gakeras.errors import InputError
from gakeras.graph.rebuilding import read_weights
from gakeras.morphism.kernels import grow_kernel


def network(size: int, shape=(7, 8, 2), kind=layers.Conv2D, **settings) -> keras.Model:
    settings = {"padding": "same", "name": "conv"} | settings
    settings = ({} if kind is layers.DepthwiseConv2D else {"filters": 3}) | settings
    stack = [keras.Input(shape), kind(kernel_size=size, activation="relu", **settings)]
    return with_random_weights(keras.Sequential([*stack, layers.Flatten(), layers.Dense(2)]), 0)


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize(("size", "larger"), [(1, 2), (1, 3), (2, 3), (2, 5), (3, 4), (3, 5), (3, 7)])
def test_a_larger_kernel_changes_no_output(size: int, larger: int, stride: int) -> None:
    model = network(size, strides=stride)
    grown = grow_kernel(model, "conv", larger)
    assert grown.get_layer("conv").kernel_size == (larger, larger)
    assert difference(model, grown) <= TOLERANCE
    assert (read_weights(grown)["conv/kernel"] != 0).sum() == read_weights(model)["conv/kernel"].size


@pytest.mark.parametrize(
    ("kind", "shape", "settings"),
    [
        (layers.Conv1D, (9, 2), {}),
        (layers.Conv1D, (9, 2), {"padding": "causal", "dilation_rate": 2}),
        (layers.Conv3D, (4, 5, 6, 1), {}),
        (layers.Conv2D, (7, 7, 4), {"groups": 2, "filters": 4}),
        (layers.Conv2D, (7, 7, 2), {"dilation_rate": 2}),
        (layers.DepthwiseConv2D, (7, 8, 2), {}),
        (layers.SeparableConv2D, (7, 8, 2), {}),
    ],
    ids=["1d", "causal", "3d", "groups", "dilated", "depthwise", "separable"],
)
def test_it_holds_for_every_convolution(kind, shape, settings) -> None:
    model = network(3, shape, kind, **settings)
    assert difference(model, grow_kernel(model, "conv", 5)) <= TOLERANCE


def test_a_window_grows_along_one_axis_and_inside_a_nested_model() -> None:
    model = network(3)
    assert difference(model, grow_kernel(model, "conv", (3, 6))) <= TOLERANCE
    model = with_random_weights(NETWORKS["nested"]("same"), 0)
    assert difference(model, grow_kernel(model, "chain/conv", 5)) <= TOLERANCE


def test_a_window_of_one_needs_no_padding_and_gets_it() -> None:
    for stride in (1, 2):
        model = network(1, padding="valid", strides=stride)
        grown = grow_kernel(model, "conv", 3)
        assert grown.get_layer("conv").padding == "same"
        assert difference(model, grown) <= TOLERANCE


@pytest.mark.parametrize(
    ("settings", "size", "message"),
    [
        ({"padding": "valid"}, 5, "zeros around the old one.*padding='valid'.*insert_residual"),
        ({"dilation_rate": 2}, 4, r"whole steps.*from \(3, 3\) to \(4, 4\).*dilation_rate=\(2, 2\)"),
        ({}, 2, r"A window grows.*at least \(3, 3\).*size=\(2, 2\)"),
        ({}, (3, 5, 5), "A window grows"),
        ({"shape": (None, None, 2), "strides": 2}, 5, "zeros around"),
    ],
    ids=["valid", "dilated", "smaller", "other rank", "unknown size"],
)
def test_what_cannot_grow_is_refused(settings, size, message: str) -> None:
    shape = settings.pop("shape", (7, 8, 2))
    conv = layers.Conv2D(3, 3, **({"padding": "same", "name": "conv"} | settings))
    model = keras.Sequential([keras.Input(shape), conv, layers.GlobalMaxPooling2D(), layers.Dense(2)])
    with pytest.raises(InputError, match=message):
        grow_kernel(model, "conv", size)


@pytest.mark.parametrize(("layer", "kind"), [("flatten", "Flatten"), ("gone", "no layer of the model")])
def test_only_convolutions_have_a_window(layer: str, kind: str) -> None:
    with pytest.raises(InputError, match=f"Only convolutions.*'{layer}', {kind}"):
        grow_kernel(NETWORKS["lenet"]("same"), layer, 5)


def test_zeros_stand_where_same_padding_looks() -> None:
    kernel = read_weights(grow_kernel(network(2), "conv", 5))["conv/kernel"]
    assert np.flatnonzero(np.abs(kernel).sum(axis=(1, 2, 3))).tolist() == [2, 3]
