"""Laws of equations 3, 4 and 5: probabilities, and the environment that they are drawn in."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_family import ancestor

from gakeras.synthesis.clusters import form_clusters
from gakeras.synthesis.environment import impose, solve_factor
from gakeras.synthesis.masks import count_synapses
from gakeras.synthesis.mating import mate
from gakeras.synthesis.offspring import synthesize_offspring
from gakeras.synthesis.probability import log_probability, truncate
from gakeras.synthesis.settings import Budget, Factors, Synthesis

law = settings(deadline=None, derandomize=True)

seeds = st.integers(0, 2**32 - 1)
shares = st.floats(0.05, 1.0)


def test_equation_5_is_that_of_the_paper() -> None:
    strengths = np.array([0.0, 0.5, 2.0])
    expected = np.exp(strengths / 2.0 - 1.0)
    np.testing.assert_allclose(np.exp(log_probability(strengths, np.ones(3, bool))), expected)


def test_equation_4_sums_truncated_magnitudes_over_each_cluster() -> None:
    weights = np.array([[3.0, -0.1], [-1.0, 2.0]])  # two inputs, two neurons
    mask = np.ones((2, 2), bool)
    truncated = truncate(weights, mask, deviations=0.5)
    assert truncated.tolist() == [[3.0, 0.0], [1.0, 2.0]]
    sums = truncated.sum(axis=0)
    received = np.exp(log_probability(sums, np.ones(2, bool)))
    np.testing.assert_allclose(received, [1.0, np.exp(2.0 / 4.0 - 1.0)])


@pytest.mark.parametrize(("how", "z"), [("max", 4.0), ("mean", 2.0), ("quantile", 3.8)])
def test_z_is_over_the_living_and_probabilities_are_clipped(how: str, z: float) -> None:
    strengths, alive = np.array([0.0, 2.0, 4.0, 99.0]), np.array([True, True, True, False])
    received = np.exp(log_probability(strengths, alive, normalization=how, quantile=0.95))
    np.testing.assert_allclose(received, [*np.minimum(1, np.exp(strengths[:3] / z - 1)), 0.0])


@law
@given(seeds, st.sampled_from(["max", "mean", "quantile"]), st.floats(0.5, 64))
def test_probabilities_are_probabilities_and_the_stronger_is_never_less_likely(seed, how, sharpness) -> None:
    strengths = np.sort(np.random.default_rng(seed).exponential(size=30))
    received = np.exp(log_probability(strengths, np.ones(30, bool), sharpness=sharpness, normalization=how))
    assert (received >= 0).all() and (received <= 1).all() and (np.diff(received) >= 0).all()


def test_the_sign_of_a_weight_means_nothing() -> None:
    channels, parent = ancestor()
    flipped = replace(parent, weights={name: -array for name, array in parent.weights.items()})
    one, other = (
        synthesize_offspring(channels, [network], Synthesis(), np.random.default_rng(1)).network.masks
        for network in (parent, flipped)
    )
    assert all((one[name] == other[name]).all() for name in one)


@law
@given(seeds, shares, st.floats(1, 64))
def test_a_factor_meets_its_target_however_sharp_the_probabilities(seed, share, sharpness) -> None:
    rng = np.random.default_rng(seed)
    logs, weights = -sharpness * rng.random(200) * 10, rng.uniform(1, 5, 200)
    factor = solve_factor(logs, weights, share * weights.sum())
    met = weights @ np.exp(np.minimum(0, logs + factor))
    assert met == pytest.approx(share * weights.sum(), rel=1e-6)


@law
@given(seeds, shares, shares, st.sampled_from(["filter", "kernel"]), st.sampled_from([1.0, 8.0, 16.0]))
def test_a_budget_is_what_is_expected_at_each_level(seed, cluster_share, synapse_share, kind, sharpness):
    channels, parent = ancestor("inception")
    budget = Budget(cluster_share, synapse_share)
    settings = Synthesis(cluster=kind, environment=budget, cap=None, sharpness=sharpness)
    clusters = form_clusters(channels, kind)
    total = count_synapses(parent.masks)
    chances = impose(mate([parent], clusters, settings), clusters, settings)
    expected = chances.expected_synapses(clusters)
    removable = {name: group for name, group in clusters.items() if not group.is_exempt}
    sizes = {name: group.sums(parent.masks[name]) for name, group in removable.items()}
    within = sum(float(sizes[name] @ chances.clusters[name]) for name in removable)
    assert within == pytest.approx(cluster_share * sum(s.sum() for s in sizes.values()), rel=1e-6)
    assert expected == pytest.approx(budget.share * total, rel=1e-6)


def test_the_literal_factors_multiply_and_leave_a_quarter() -> None:
    channels, parent = ancestor("lenet")
    clusters = form_clusters(channels)
    literal = Synthesis(environment=Factors(), sharpness=1.0, cap=None, truncation=0.0)
    one, less = (
        impose(mate([parent], clusters, settings), clusters, settings)
        for settings in (literal, replace(literal, environment=Factors(0.8, 0.5)))
    )
    share = one.expected_synapses(clusters) / count_synapses(parent.masks)
    assert 0.15 < share < 0.5
    for name, group in clusters.items():
        factor = 1.0 if group.is_exempt else 0.8
        np.testing.assert_allclose(less.clusters[name], factor * one.clusters[name])
        np.testing.assert_allclose(less.synapses[name], 0.5 * one.synapses[name])
