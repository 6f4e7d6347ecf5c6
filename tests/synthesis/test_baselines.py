"""Laws of the baselines: each keeps what its name says, on the same budget."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_family import ancestor, family

from gakeras.synthesis.clusters import form_clusters
from gakeras.synthesis.masks import count_synapses
from gakeras.synthesis.mating import mate
from gakeras.synthesis.offspring import METHODS
from gakeras.synthesis.settings import Budget, Synthesis

law = settings(deadline=None, derandomize=True)

BASELINES = [method for method in METHODS if method != "synthesis"]


def drawn(method: str, channels, parents, share: float, kind: str = "filter", seed: int = 0):
    settings = Synthesis(method=method, cluster=kind, environment=Budget.keeping(share), cap=None)
    clusters = form_clusters(channels, kind)
    candidates = mate(parents, clusters, settings)
    return METHODS[method](candidates, channels, clusters, settings, np.random.default_rng(seed))


@law
@given(st.sampled_from(BASELINES), st.floats(0.05, 1.0))
def test_a_baseline_keeps_exactly_the_budget(method: str, share: float) -> None:
    channels, parent = ancestor()
    masks = drawn(method, channels, [parent], share)
    assert count_synapses(masks) == round(share * count_synapses(parent.masks))


@pytest.mark.parametrize("method", BASELINES)
def test_a_baseline_returns_no_lost_synapse(method: str) -> None:
    channels, (parent,) = family("lenet", 1)
    masks = drawn(method, channels, [parent], 0.8)
    assert all((masks[name] <= parent.masks[name]).all() for name in masks)


def test_magnitude_keeps_the_largest_weights_of_all_layers() -> None:
    channels, parent = ancestor()
    masks = drawn("magnitude", channels, [parent], 0.3)
    kept = np.concatenate([np.abs(parent.weights[name])[mask] for name, mask in masks.items()])
    lost = np.concatenate([np.abs(parent.weights[name])[~mask] for name, mask in masks.items()])
    assert kept.min() >= lost.max()


def test_lamp_keeps_the_largest_weights_of_each_layer_whatever_its_scale() -> None:
    channels, parent = ancestor()
    masks = drawn("lamp", channels, [parent], 0.3)
    for name, mask in masks.items():
        magnitudes = np.abs(parent.weights[name])
        assert mask.any() and magnitudes[mask].min() >= magnitudes[~mask].max()
    scaled = {name: array * (1000 if "conv" in name else 1) for name, array in parent.weights.items()}
    again = drawn("lamp", channels, [type(parent)(scaled, parent.masks)], 0.3)
    assert all((masks[name] == again[name]).all() for name in masks)


def test_lamp_scores_are_those_of_the_paper() -> None:
    from gakeras.synthesis.probability import lamp_scores

    magnitudes, mask = np.array([1.0, 3.0, 2.0, 9.0]), np.array([True, True, True, False])
    expected = [1 / (1 + 4 + 9), 9 / 9, 4 / (4 + 9)]
    np.testing.assert_allclose(lamp_scores(magnitudes, mask)[:3], expected)


@law
@given(st.integers(0, 2**32 - 1))
def test_random_looks_at_no_weight(seed: int) -> None:
    channels, parent = ancestor()
    other = {name: array[::-1].copy() for name, array in parent.weights.items()}
    one = drawn("random", channels, [parent], 0.5, seed=seed)
    two = drawn("random", channels, [type(parent)(other, parent.masks)], 0.5, seed=seed)
    assert all((one[name] == two[name]).all() for name in one)


def test_the_two_level_variant_keeps_whole_clusters_of_the_highest_score() -> None:
    channels, parent = ancestor()
    masks = drawn("deterministic", channels, [parent], 0.5)
    group = form_clusters(channels)["conv_2/kernel"]
    living = group.living(masks["conv_2/kernel"])
    strength = group.sums(np.abs(parent.weights["conv_2/kernel"]))
    assert 0 < living.sum() < group.count
    assert strength[living].mean() > strength[~living].mean()
