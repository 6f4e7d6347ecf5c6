"""Laws of mating: what several parents have in common, and what they pass on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import strategies as st
from small_family import ancestor, family

from gakeras.errors import InputError
from gakeras.synthesis.clusters import form_clusters
from gakeras.synthesis.masks import remove_dead
from gakeras.synthesis.mating import mate
from gakeras.synthesis.offspring import synthesize_offspring
from gakeras.synthesis.settings import Factors, Synthesis

seeds = st.integers(0, 2**32 - 1)
shares = st.floats(0.05, 1.0)


def test_mating_with_oneself_changes_nothing() -> None:
    channels, (parent,) = family("lenet", 1)
    clusters, settings = form_clusters(channels), Synthesis()
    alone, twins = (mate([parent] * m, clusters, settings) for m in (1, 3))
    for name in clusters:
        np.testing.assert_array_equal(alone.masks[name], twins.masks[name])
        np.testing.assert_allclose(alone.clusters[name], twins.clusters[name], rtol=1e-9)
        np.testing.assert_allclose(alone.synapses[name], twins.synapses[name], rtol=1e-9)


@pytest.mark.parametrize(("chi", "needed"), [(0.2, 1), (0.6, 3), (0.61, 4), (1.0, 5)])
def test_a_cluster_must_exist_in_a_share_chi_of_the_parents(chi: float, needed: int) -> None:
    channels, parents = family("lenet", 5)
    clusters = form_clusters(channels)
    candidates = mate(parents, clusters, Synthesis(chi=chi))
    group = clusters["conv_2/kernel"]
    owners = sum(group.living(parent.masks["conv_2/kernel"]).astype(int) for parent in parents)
    assert (owners < needed).sum() > 0 or chi < 0.5
    offered = group.living(candidates.masks["conv_2/kernel"])
    np.testing.assert_array_equal(offered, owners >= needed)


def test_cluster_mating_is_a_product_to_the_powers_alpha() -> None:
    channels, parents = family("lenet", 2)
    clusters, settings = form_clusters(channels), Synthesis(chi=1.0, truncation=0.0)
    name, alpha = "conv_2/kernel", (3.0, 1.0)
    group = clusters[name]
    sums = [group.sums(np.abs(p.weights[name]) * p.masks[name]) for p in parents]
    shared = np.logical_and.reduce([group.living(p.masks[name]) for p in parents])
    expected = (sums[0] / sums[0].max()) ** 0.75 * (sums[1] / sums[1].max()) ** 0.25
    received = mate(parents, clusters, settings, alpha).clusters[name]
    np.testing.assert_allclose(received[shared], expected[shared])


def test_a_synapse_that_a_parent_lacks_counts_as_zero_in_the_mean() -> None:
    channels, parents = family("lenet", 2)
    clusters = form_clusters(channels)
    name = "out/kernel"
    scaled = [
        np.abs(p.weights[name]) * p.masks[name] / np.abs(p.weights[name] * p.masks[name]).max()
        for p in parents
    ]
    living = [clusters[name].living(p.masks[name])[clusters[name].ids] for p in parents]
    expected = sum(scaled) / np.maximum(sum(part.astype(int) for part in living), 1)
    np.testing.assert_allclose(mate(parents, clusters, Synthesis()).synapses[name], expected)


@pytest.mark.parametrize("alpha", [(1.0,), (1.0, 0.0), (1.0, -1.0)])
def test_alpha_is_a_positive_number_for_each_parent(alpha) -> None:
    channels, parents = family("lenet", 2)
    with pytest.raises(InputError, match="as many positive numbers alpha as parents"):
        synthesize_offspring(channels, parents, Synthesis(), np.random.default_rng(0), alpha=alpha)


def test_an_offspring_has_a_parent() -> None:
    with pytest.raises(InputError, match="at least one parent"):
        synthesize_offspring(ancestor()[0], [], Synthesis(), np.random.default_rng(0))


def test_an_offspring_inherits_from_the_fittest_that_has_a_synapse_or_from_the_mean() -> None:
    channels, parents = family("lenet", 3)
    parents = [
        replace(parent, weights={key: array + index for key, array in parent.weights.items()})
        for index, parent in enumerate(parents)
    ]
    for heir in ("fittest", "mean"):
        born = synthesize_offspring(
            channels, parents, Synthesis(), np.random.default_rng(0), heir=heir
        ).network
        for name, mask in born.masks.items():
            for place in np.argwhere(mask)[:50]:
                values = [p.weights[name][tuple(place)] for p in parents if p.masks[name][tuple(place)]]
                expected = values[0] if heir == "fittest" else np.mean(values)
                assert born.weights[name][tuple(place)] == pytest.approx(expected)


def test_strengths_can_be_other_than_the_weights() -> None:
    channels, parent = ancestor()
    strengths = {name: np.zeros(mask.shape) for name, mask in parent.masks.items()}
    for name in strengths:
        strengths[name][..., 0] = 1.0
    settings = Synthesis(sharpness=500.0, truncation=0.0)
    masks = synthesize_offspring(
        channels, [replace(parent, strengths=strengths)], settings, np.random.default_rng(0)
    ).network.masks
    assert masks["conv_1/kernel"][..., 0].mean() > masks["conv_1/kernel"][..., 1:].mean()


@pytest.mark.parametrize("name", ["lenet", "residual", "inception"])
def test_what_chi_leaves_without_an_input_or_output_takes_nothing_of_the_budget(name: str) -> None:
    channels, parents = family(name, 5)
    everything = Synthesis(chi=1.0, environment=Factors(1e9, 1e9), cap=None)  # every candidate is drawn
    assert remove_dead(channels, mate(parents, form_clusters(channels), everything).masks)[1] > 0
    born = synthesize_offspring(channels, parents, everything, np.random.default_rng(0))
    assert born.num_drawn > 0 and born.num_dead == 0
