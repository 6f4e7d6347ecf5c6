"""The law of compaction holds for networks with every block of the wide space."""

from __future__ import annotations

import random

import keras
import numpy as np
import pytest
from keras_models import outputs_of, random_inputs, with_random_weights
from random_masks import masked, random_masks
from wide_genomes import EVERYTHING, OFTEN

from gakeras.encoding import Genome, build_model, random_genome
from gakeras.synthesis.compaction import compact

TOLERANCE = 1e-5


def network(genome: Genome, seed: int) -> keras.Model:
    return with_random_weights(build_model(genome, (12, 12), 4), seed)


def assert_same_outputs(model: keras.Model, masks: dict[str, np.ndarray], small: keras.Model) -> None:
    inputs = random_inputs(model, 7)
    expected, received = (outputs_of(m, inputs)[0] for m in (masked(model, masks), small))
    np.testing.assert_allclose(received, expected, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("seed", range(8))
def test_random_wide_networks_say_the_same_when_they_are_compacted(seed: int) -> None:
    model = network(random_genome(OFTEN, (12, 12), random.Random(seed)), seed)
    masks = random_masks(model, seed)
    small = compact(model, masks)
    assert small.count_params() <= model.count_params()
    assert_same_outputs(model, masks, small)


@pytest.mark.parametrize("seed", range(3))
def test_a_network_with_everything_says_the_same_when_it_is_compacted(seed: int) -> None:
    model = network(EVERYTHING, seed)
    masks = random_masks(model, seed)
    small = compact(model, masks)
    assert small.count_params() < model.count_params()
    assert_same_outputs(model, masks, small)


def test_a_branch_that_nobody_reads_keeps_one_filter_and_others_lose_their_dead_ones() -> None:
    genome = Genome.parse(
        "inception #4 activation=relu branches=1,3,pool normalise projection=5\ndense #6 activation=relu"
    )
    model = network(genome, 1)
    masks = {name: np.ones_like(mask) for name, mask in random_masks(model, 0).items()}
    masks["inception_1/projection/kernel"][:, :, 4:8] = False  # the 3x3 branch
    masks["inception_1/projection/kernel"][:, :, [1, 10]] = False
    small = compact(model, masks)
    module = small.get_layer("inception_1")
    widths = [module.get_layer(name).filters for name in ("conv_1", "conv_3", "pool_conv")]
    assert widths == [3, 1, 3] and module.get_layer("norm").gamma.shape == (7,)
    assert_same_outputs(model, masks, small)


def test_what_a_skip_adds_goes_when_input_and_output_are_both_dead() -> None:
    genome = Genome.parse(
        "conv #6 kernelsize=3 activation=relu\nconv #6 kernelsize=3 activation=relu residual\nglobalpool"
    )
    model = network(genome, 1)
    masks = {name: np.ones_like(mask) for name, mask in random_masks(model, 0).items()}
    masks["output/kernel"][:2] = False
    masks["conv_2/kernel"][:, :, 0] = False  # unit 0 of the sum is read by nobody, unit 1 by conv_2
    small = compact(model, masks)
    assert {small.get_layer(name).filters for name in ("conv_1", "conv_2")} == {5}
    assert_same_outputs(model, masks, small)
