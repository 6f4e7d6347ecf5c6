"""Laws of an offspring: smaller than its parents, alive, and the same for the same seed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_family import ancestor, family

from gakeras.synthesis.clusters import form_clusters
from gakeras.synthesis.masks import count_synapses, remove_dead
from gakeras.synthesis.offspring import METHODS, synthesize_offspring
from gakeras.synthesis.settings import Budget, Synthesis

law = settings(deadline=None, derandomize=True)

seeds = st.integers(0, 2**32 - 1)
shares = st.floats(0.05, 1.0)


@law
@given(seeds, st.sampled_from(list(METHODS)), st.sampled_from(["filter", "kernel"]), st.integers(1, 3))
def test_an_offspring_is_smaller_lives_in_every_layer_and_has_nothing_dead(seed, method, kind, num_parents):
    channels, parents = family("residual", num_parents, seed)
    settings = Synthesis(method=method, cluster=kind)
    born = synthesize_offspring(channels, parents, settings, np.random.default_rng(seed))
    masks = born.network.masks
    for name in masks:
        either = np.logical_or.reduce([parent.masks[name] for parent in parents])
        assert (masks[name] <= either).all() and masks[name].any()
        assert not born.network.weights[name][~masks[name]].any()
    assert remove_dead(channels, masks)[1] == 0
    mean = np.mean([count_synapses(parent.masks) for parent in parents])
    assert born.was_mended or count_synapses(masks) <= 0.8 * mean
    assert born.num_drawn - born.num_dead == count_synapses(masks) or born.was_mended


@pytest.mark.parametrize("method", METHODS)
def test_the_same_seed_gives_the_same_offspring(method: str) -> None:
    channels, parent = ancestor()
    one, other = (
        synthesize_offspring(channels, [parent], Synthesis(method=method), np.random.default_rng(3))
        for _ in range(2)
    )
    for name, mask in one.network.masks.items():
        np.testing.assert_array_equal(mask, other.network.masks[name])


def test_generations_end_at_one_path_and_not_at_nothing() -> None:
    channels, parent = ancestor("inception")
    for generation in range(40):
        parent = synthesize_offspring(
            channels, [parent], Synthesis(), np.random.default_rng(generation)
        ).network
    assert all(mask.any() for mask in parent.masks.values())
    assert count_synapses(parent.masks) < 40 and remove_dead(channels, parent.masks)[1] == 0


def test_output_layers_lose_synapses_but_no_cluster() -> None:
    channels, _ = ancestor()
    clusters = form_clusters(channels)
    assert [name for name, group in clusters.items() if group.is_exempt] == ["out/kernel"]


@pytest.mark.parametrize("method", ["synthesis", "lamp", "random"])
def test_a_budget_of_living_synapses_is_met_where_a_drawn_one_loses_the_dead(method: str) -> None:
    channels, parent = ancestor("lenet")
    total, counts = count_synapses(parent.masks), {}
    for counted in ("drawn", "living"):
        settings = Synthesis(
            method=method, environment=Budget.keeping(0.5), budget_counts=counted, cap=None, sharpness=2.0
        )
        born = [
            synthesize_offspring(channels, [parent], settings, np.random.default_rng(seed))
            for seed in range(5)
        ]
        counts[counted] = [count_synapses(child.network.masks) / total for child in born]
    assert np.median(np.abs(np.array(counts["living"]) - 0.5)) < 0.02  # one filter can be more than that
    assert np.mean(counts["drawn"]) <= np.mean(counts["living"])
