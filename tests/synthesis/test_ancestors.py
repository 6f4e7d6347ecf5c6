"""The ancestors of the papers have the sizes that the papers and their frameworks give them."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from gakeras.graph import model_cost
from gakeras.synthesis.ancestors import alexnet_cifar10, lenet5, lenet5_stl10
from gakeras.synthesis.weights import read_kernels


def synapses(model: keras.Model) -> dict[str, int]:
    return {name.rpartition("/")[0]: kernel.size for name, kernel in read_kernels(model).items()}


def test_lenet_has_the_synapses_of_its_caffe_form() -> None:
    model = lenet5()
    assert synapses(model) == {"conv_1": 500, "conv_2": 25_000, "dense_1": 400_000, "output": 5_000}
    assert sum(synapses(model).values()) == 430_500 and model.count_params() == 431_080
    assert model_cost(model).multiply_accumulates == 24 * 24 * 500 + 8 * 8 * 25_000 + 405_000


def test_lenet_for_stl10_reads_96_by_96_colours() -> None:
    model = lenet5_stl10()
    assert model.input_shape == (None, 96, 96, 3)
    assert sum(synapses(model).values()) == 1_500 + 25_000 + 21 * 21 * 50 * 500 + 5_000


def test_alexnet_for_cifar10_has_seven_layers_and_first_kernels_of_5_by_5_by_3() -> None:
    model = alexnet_cifar10(hidden_units=64)
    assert len(synapses(model)) == 7
    assert model.get_layer("conv_1").kernel.shape == (5, 5, 3, 96)
    assert model.get_layer("flatten").output.shape[1] == 3 * 3 * 256


@pytest.mark.parametrize(
    "build", [lenet5, lenet5_stl10, lambda: alexnet_cifar10(16)], ids=["mnist", "stl10", "cifar10"]
)
def test_an_ancestor_says_probabilities_of_whole_numbers(build) -> None:
    model = build()
    images = np.random.default_rng(0).integers(0, 256, (2, *model.input_shape[1:]), dtype=np.uint8)
    said = keras.ops.convert_to_numpy(model(images))
    assert said.shape == (2, 10)
    np.testing.assert_allclose(said.sum(axis=1), 1, rtol=1e-5)
