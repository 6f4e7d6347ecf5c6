"""The papers' measures, on figures of the papers and on arithmetic that can be done by hand."""

from __future__ import annotations

import numpy as np
import pytest
from small_family import ancestor

from gakeras.synthesis.clusters import form_clusters
from gakeras.synthesis.masks import full_masks, remove_dead
from gakeras.synthesis.measures import (
    architectural_efficiency,
    cluster_efficiency,
    mean_efficiency,
    sparse_bytes,
)


def test_an_ancestor_has_the_efficiency_one() -> None:
    channels, _ = ancestor()
    masks = full_masks(channels)
    assert architectural_efficiency(masks) == 1.0
    assert set(cluster_efficiency(form_clusters(channels), masks).values()) == {1.0}


def test_efficiency_is_larger_without_dead_synapses() -> None:
    channels, _ = ancestor()
    masks = full_masks(channels)
    masks["conv_1/kernel"][..., :3] = False
    assert architectural_efficiency(remove_dead(channels, masks)[0]) > architectural_efficiency(masks)


def test_cluster_efficiency_counts_clusters_with_a_synapse_left() -> None:
    channels, _ = ancestor()
    masks = full_masks(channels)
    masks["conv_2/kernel"][..., 2:] = False
    masks["conv_2/kernel"][1:, :, :, 1] = False  # thinner, and still there
    assert cluster_efficiency(form_clusters(channels), masks)["conv_2/kernel"] == 6 / 2


@pytest.mark.parametrize(
    ("layers", "overall"),
    [((3.6, 12.96, 8.83, 13.47), 9.71), ((3.31, 8.46, 5.49, 6.56), 5.96)],
    ids=["MNIST", "STL-10"],
)
def test_the_overall_column_of_table_2_is_the_unweighted_mean(layers, overall) -> None:
    assert mean_efficiency(dict(enumerate(layers))) == pytest.approx(overall, abs=0.006)


def test_nothing_left_is_infinitely_efficient() -> None:
    assert architectural_efficiency({"a": np.zeros(3, bool)}) == float("inf")


@pytest.mark.parametrize(
    ("precision", "bits"), [("float32", 32), ("float16", 16), ("bfloat16", 16), ("int8", 8)]
)
def test_sparse_bytes_take_the_smaller_index(precision: str, bits: int) -> None:
    few, many = np.zeros(1600, bool), np.ones(1600, bool)
    few[[10, 700]] = True
    assert sparse_bytes({"few": few}, precision) == 2 * (bits + 16) // 8
    assert sparse_bytes({"many": many}, precision) == (1600 * bits + 1600) // 8


def test_a_gap_too_wide_for_16_bits_costs_a_filler() -> None:
    far, near = np.zeros(200_000, bool), np.zeros(200_000, bool)
    far[[0, 65_537]] = True  # 65,536 places in between
    near[[0, 65_536]] = True
    assert sparse_bytes({"a": far}) - sparse_bytes({"a": near}) == (32 + 16) // 8
