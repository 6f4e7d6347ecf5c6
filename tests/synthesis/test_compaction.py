"""The law of compaction: the smaller network says what the masked one says."""

from __future__ import annotations

import random

import keras
import numpy as np
import pytest
from keras import layers
from keras_models import NETWORKS, outputs_of, random_inputs, with_random_weights
from random_masks import masked, random_masks

from gakeras.encoding import SearchSpace, build_model, random_genome
from gakeras.errors import InputError
from gakeras.graph import model_cost
from gakeras.synthesis.compaction import compact
from gakeras.synthesis.weights import HeldMask, hold_masks

TOLERANCE = 1e-5


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("seed", range(4))
def test_the_compacted_network_says_what_the_masked_one_says(name: str, padding: str, seed: int) -> None:
    model = with_random_weights(NETWORKS[name](padding), seed)
    masks = random_masks(model, seed)
    inputs = random_inputs(model, seed)
    small = compact(model, masks)
    assert small.count_params() <= model.count_params()
    for expected, received in zip(
        outputs_of(masked(model, masks), inputs), outputs_of(small, inputs), strict=True
    ):
        np.testing.assert_allclose(received, expected, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("seed", range(6))
def test_the_networks_of_the_search_compact(seed: int) -> None:
    genome = random_genome(SearchSpace(), (16, 16), random.Random(seed))
    scaling = layers.BatchNormalization(center=False, scale=False, trainable=False)
    built = build_model(genome, (16, 16), 4, preprocessing=[layers.Rescaling(1 / 2), scaling])
    model = with_random_weights(built, seed)
    masks = random_masks(model, seed)
    assert_same_outputs(model, masks, compact(model, masks))


def full_masks(model: keras.Model) -> dict[str, np.ndarray]:
    return {name: np.ones_like(mask) for name, mask in random_masks(model, 0).items()}


def assert_same_outputs(model: keras.Model, masks: dict[str, np.ndarray], small: keras.Model) -> None:
    inputs = random_inputs(model, 7)
    for expected, received in zip(
        outputs_of(masked(model, masks), inputs), outputs_of(small, inputs), strict=True
    ):
        np.testing.assert_allclose(received, expected, rtol=0, atol=TOLERANCE)


def test_units_without_an_output_are_dropped_whatever_the_padding() -> None:
    for padding in ("valid", "same"):
        model = with_random_weights(NETWORKS["lenet"](padding), 1)
        masks = full_masks(model)
        masks["conv_2/kernel"][:, :, [1, 4]] = False  # nobody reads two filters
        masks["out/kernel"][:3] = False  # nor three neurons
        small = compact(model, masks)
        assert small.get_layer("conv_1").filters == 3 and small.get_layer("hidden").units == 6
        assert_same_outputs(model, masks, small)


def test_units_without_an_input_are_folded_where_that_is_exact() -> None:
    sizes = {}
    for padding in ("valid", "same"):
        model = with_random_weights(NETWORKS["lenet"](padding), 1)
        model.get_layer("conv_1").bias.assign([0.5, 0.6, 0.7, -0.8, 0.9])  # relu(-0.8) is 0
        masks = full_masks(model)
        masks["conv_1/kernel"][..., [0, 3]] = False
        masks["conv_2/kernel"][..., 2] = False  # what reads it is dense, so padding does not matter
        small = compact(model, masks)
        sizes[padding] = small.get_layer("conv_1").filters, small.get_layer("conv_2").filters
        assert_same_outputs(model, masks, small)
    assert sizes == {"valid": (3, 5), "same": (4, 5)}


def test_constants_pass_through_normalisation_and_give_a_layer_the_bias_it_lacked() -> None:
    model = with_random_weights(NETWORKS["normalised"]("valid"), 2)
    masks = full_masks(model)
    masks["conv_1/kernel"][..., :2] = False
    small = compact(model, masks)
    assert small.get_layer("conv_1").filters == 4 and small.get_layer("norm_1").gamma.shape == (4,)
    assert small.get_layer("conv_2").use_bias and not small.get_layer("conv_1").use_bias
    assert_same_outputs(model, masks, small)


def test_tied_units_go_together_or_stay_together() -> None:
    model = with_random_weights(NETWORKS["residual"]("valid"), 2)
    masks = full_masks(model)
    masks["branch_2/kernel"][..., 0] = False  # one term of a sum is constant: it stays
    assert compact(model, masks).get_layer("stem").filters == 6
    masks["stem/kernel"][..., 0] = False  # both are: the sum goes
    masks["gate/kernel"][..., 0] = False
    masks["branch_1/kernel"][:, :, 0] = False  # no padded sum reads it either
    small = compact(model, masks)
    assert {small.get_layer(name).filters for name in ("stem", "branch_2", "gate")} == {5}
    assert_same_outputs(model, masks, small)


def test_a_softmax_makes_no_constant_of_a_unit_without_an_input() -> None:
    stack = [keras.Input((3,)), layers.Dense(4, activation="softmax", name="mixture")]
    stack += [layers.Dense(2, activation="tanh", name="hidden"), layers.Dense(2, name="out")]
    model = with_random_weights(keras.Sequential(stack), 0)
    masks = full_masks(model)
    masks["mixture/kernel"][:, 0] = False  # its value still depends on the others
    masks["hidden/kernel"][1:, 0] = False  # and is all that one neuron reads
    small = compact(model, masks)
    assert small.get_layer("mixture").units == 4 and small.get_layer("hidden").units == 2
    assert_same_outputs(model, masks, small)


def test_a_branch_that_is_all_dead_keeps_one_unit() -> None:
    model = with_random_weights(NETWORKS["inception"]("valid"), 2)
    masks = full_masks(model)
    masks["after/kernel"][:, :, 4:9] = False  # nobody reads the middle branch
    small = compact(model, masks)
    assert small.get_layer("middle_2").filters == 1 and small.get_layer("middle_1").filters >= 1
    assert_same_outputs(model, masks, small)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_of_nothing_but_zeros_still_says_what_it_said(name: str) -> None:
    model = with_random_weights(NETWORKS[name]("same"), 3)
    nothing = {key: ~mask for key, mask in full_masks(model).items()}
    small = compact(model, nothing)
    assert all(min(weight.shape) >= 1 for weight in small.weights)
    assert model_cost(small).flops < model_cost(model).flops
    assert_same_outputs(model, nothing, small)


def test_a_network_without_zeros_stays_as_it_is_and_the_original_is_left_alone() -> None:
    model = with_random_weights(NETWORKS["residual"]("same"), 4)
    before = [weight.numpy() for weight in model.weights]
    small = compact(model)
    assert small.count_params() == model.count_params() and small is not model
    compact(model, random_masks(model, 1))
    for weight, value in zip(model.weights, before, strict=True):
        np.testing.assert_array_equal(weight, value)


def test_a_constraint_is_carried_over_and_a_mask_that_is_held_is_not() -> None:
    mask = np.ones((5, 2), bool)
    dense = layers.Dense(5, kernel_constraint="non_neg", name="hidden")
    masked = layers.Dense(2, kernel_constraint=HeldMask(mask), name="masked")
    model = keras.Sequential([keras.Input((3,)), dense, masked])
    hold_masks(model, {"hidden/kernel": np.arange(5) > np.full((3, 1), 1)})
    small = compact(model)
    hidden = small.get_layer("hidden")
    assert hidden.units == 3 and isinstance(hidden.kernel.constraint, keras.constraints.NonNeg)
    assert small.get_layer("masked").kernel_constraint is None and masked.kernel_constraint is not None


@pytest.mark.parametrize("name", ["gone/kernel", "conv_1/kernel"])
def test_a_mask_that_fits_no_kernel_is_refused(name: str) -> None:
    with pytest.raises(InputError, match=rf"must fit the kernel.*conv_1/kernel.*'{name}' of shape \(3,\)"):
        compact(NETWORKS["lenet"]("valid"), {name: np.ones(3, bool)})
