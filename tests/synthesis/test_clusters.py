"""Laws of clusters: what is synthesized or lost together."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from small_family import ancestor

from gakeras.synthesis.clusters import form_clusters, gene_tags
from gakeras.synthesis.masks import full_masks

seeds = st.integers(0, 2**32 - 1)
shares = st.floats(0.05, 1.0)


def test_a_filter_has_all_weights_into_one_output() -> None:
    channels, _ = ancestor()
    clusters = form_clusters(channels, "filter")
    assert clusters["conv_2/kernel"].count == 6
    assert (clusters["conv_2/kernel"].ids == np.arange(6)).all()
    assert clusters["hidden/kernel"].count == 9


def test_a_kernel_has_the_weights_from_one_channel_even_behind_a_flattening() -> None:
    channels, _ = ancestor()
    clusters = form_clusters(channels, "kernel")
    assert clusters["conv_2/kernel"].count == 5 * 6
    hidden = clusters["hidden/kernel"]
    assert hidden.count == 6 * 9 and (hidden.sums(np.ones(hidden.ids.shape)) == 4).all()  # four positions
    assert clusters["out/kernel"].is_exempt  # its clusters would be single synapses


def test_a_depthwise_kernel_is_a_cluster_of_its_own() -> None:
    channels, _ = ancestor("depthwise")
    for kind in ("filter", "kernel"):
        depth = form_clusters(channels, kind)["depth/kernel"]
        assert depth.count == 10 and not depth.is_exempt


def test_gene_tags_name_layer_and_unit_of_the_ancestor() -> None:
    channels, _ = ancestor()
    masks = full_masks(channels)
    masks["conv_1/kernel"][..., [0, 3]] = False
    tags = gene_tags(form_clusters(channels), masks)
    assert {unit for layer, unit in tags if layer == "conv_1"} == {1, 2, 4}
