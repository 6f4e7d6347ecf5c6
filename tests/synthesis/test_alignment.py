"""Laws of packing: the same network, its living units first."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers
from keras_models import NETWORKS, outputs_of, random_inputs, with_random_weights
from small_family import family

from gakeras.graph import read_graph, trace_channels
from gakeras.graph.rebuilding import read_weights, write_weights
from gakeras.synthesis.alignment import living_units, pack
from gakeras.synthesis.masks import count_synapses, full_masks, overlap, remove_dead
from gakeras.synthesis.mating import Network
from gakeras.synthesis.offspring import synthesize_offspring
from gakeras.synthesis.settings import Synthesis


@pytest.mark.parametrize("name", NETWORKS)
def test_a_packed_network_computes_the_same(name: str) -> None:
    model = with_random_weights(NETWORKS[name]("same"), 2)
    channels, weights = trace_channels(read_graph(model)), read_weights(model)
    ancestor = Network(weights, full_masks(channels))
    network = synthesize_offspring(channels, [ancestor], Synthesis(), np.random.default_rng(3)).network
    packed = pack(channels, network)
    twins = [keras.models.clone_model(model) for _ in range(2)]
    for twin, part in zip(twins, (network, packed), strict=True):
        write_weights(twin, part.weights)
    inputs = random_inputs(model, 4)
    for one, other in zip(*(outputs_of(twin, inputs) for twin in twins), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-5)
    assert count_synapses(packed.masks) == count_synapses(network.masks)


def test_units_that_are_added_to_a_concatenation_stay_among_their_like() -> None:
    inputs = keras.Input((4, 4, 2))
    whole = layers.Conv2D(8, 3, padding="same", activation="relu", name="whole")(inputs)
    parts = [layers.Conv2D(4, 3, padding="same", name=name)(whole) for name in ("left", "right")]
    added = layers.Add()([whole, layers.Concatenate()(parts)])
    outputs = layers.Dense(3, name="out")(layers.Flatten()(added))
    model = with_random_weights(keras.Model(inputs, outputs), 0)
    channels, weights = trace_channels(read_graph(model)), read_weights(model)
    masks = full_masks(channels)
    for unit in (1, 2, 6):
        part, place = ("left", unit) if unit < 4 else ("right", unit - 4)
        masks["whole/kernel"][..., unit] = masks[f"{part}/kernel"][..., place] = False
        weights["whole/bias"][unit] = weights[f"{part}/bias"][place] = 0
    masks, _ = remove_dead(channels, masks)
    weights = {key: array * masks.get(key, True) for key, array in weights.items()}
    packed = pack(channels, Network(weights, masks))
    x, said = random_inputs(model, 4), []
    for arrays in (weights, packed.weights):
        write_weights(model, arrays)
        said += outputs_of(model, x)
    np.testing.assert_allclose(*said, rtol=0, atol=1e-5)
    living = living_units(channels, packed.masks)
    assert living[channels.units["left"]].tolist() == [True, True, False, False]
    assert living[channels.units["right"]].tolist() == [True, True, True, False]


def test_living_units_come_first() -> None:
    channels, members = family("lenet", 3)
    for member in members:
        packed = pack(channels, member)
        living = living_units(channels, packed.masks)
        for name in ("conv_1", "conv_2", "hidden"):
            order = living[channels.units[name]]
            assert order.any() and (np.diff(order.astype(int)) <= 0).all()


def test_packing_twice_is_packing_once() -> None:
    channels, (member,) = family("residual", 1)
    once = pack(channels, member)
    twice = pack(channels, once)
    for name, mask in once.masks.items():
        np.testing.assert_array_equal(twice.masks[name], mask)


def test_without_tags_an_offspring_has_its_units_where_the_packed_parents_have_them() -> None:
    channels, members = family("lenet", 5)
    settings = Synthesis(gene_tags=False, chi=1.0)
    child = synthesize_offspring(channels, members, settings, np.random.default_rng(0)).network
    packed = [pack(channels, member) for member in members]
    either = {name: np.logical_or.reduce([p.masks[name] for p in packed]) for name in child.masks}
    assert all((child.masks[name] <= either[name]).all() for name in either)


def test_a_single_parent_needs_no_tags() -> None:
    channels, members = family("lenet", 1)
    tagged, untagged = (
        synthesize_offspring(channels, members, Synthesis(gene_tags=tags), np.random.default_rng(0)).network
        for tags in (True, False)
    )
    assert overlap([tagged.masks, untagged.masks]) == 1.0
