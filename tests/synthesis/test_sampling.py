"""Laws of the draw: a synapse needs its cluster, and both come as often as they are likely."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from small_family import ancestor

from gakeras.synthesis.clusters import form_clusters
from gakeras.synthesis.environment import Probabilities
from gakeras.synthesis.sampling import sample

law = settings(deadline=None, derandomize=True)

NAME = "conv_2/kernel"


def probabilities_of(seed: int) -> Probabilities:
    clusters = form_clusters(ancestor()[0])
    rng = np.random.default_rng(seed)
    return Probabilities(
        {name: rng.random(group.count) for name, group in clusters.items()},
        {name: rng.random(group.ids.shape) for name, group in clusters.items()},
    )


def test_a_synapse_lives_as_often_as_both_probabilities_say() -> None:
    clusters, chances = form_clusters(ancestor()[0]), probabilities_of(0)
    rng = np.random.default_rng(1)
    mean = np.mean([sample(chances, clusters, rng)[NAME] for _ in range(2000)], axis=0)
    expected = chances.clusters[NAME][clusters[NAME].ids] * chances.synapses[NAME]
    assert np.abs(mean - expected).max() < 5 * 0.5 / 2000**0.5


def test_the_synapses_of_a_cluster_come_together() -> None:
    clusters, chances = form_clusters(ancestor()[0]), probabilities_of(0)
    certain = {name: np.ones_like(values) for name, values in chances.synapses.items()}
    masks = sample(Probabilities(chances.clusters, certain), clusters, np.random.default_rng(2))
    for name, group in clusters.items():
        shares = group.sums(masks[name]) / group.sums(np.ones(group.ids.shape))
        assert set(shares) <= {0.0, 1.0}


@law
@given(st.integers(0, 2**32 - 1))
def test_probabilities_of_0_and_1_are_certain(seed: int) -> None:
    clusters, chances = form_clusters(ancestor()[0]), probabilities_of(seed)
    wanted = {name: values < 0.5 for name, values in chances.synapses.items()}
    every = {name: np.ones(group.count) for name, group in clusters.items()}
    sure = Probabilities(every, {name: mask.astype(float) for name, mask in wanted.items()})
    masks = sample(sure, clusters, np.random.default_rng(seed))
    assert all((masks[name] == wanted[name]).all() for name in masks)
