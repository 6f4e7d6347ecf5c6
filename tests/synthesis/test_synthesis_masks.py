"""Laws of masks: they only shrink, what is dead goes, and no layer is emptied."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras_models import NETWORKS

from gakeras.errors import InputError
from gakeras.graph import fed_channels, read_graph, trace_channels, used_channels
from gakeras.synthesis.guards import revive, trim
from gakeras.synthesis.masks import count_synapses, density, full_masks, overlap, remove_dead
from gakeras.synthesis.storage import load_masks, save_masks

law = settings(deadline=None, derandomize=True)

seeds = st.integers(0, 2**32 - 1)
names = st.sampled_from(list(NETWORKS))


@cache
def channels_of(name: str):
    return trace_channels(read_graph(NETWORKS[name]("valid")))


def random_masks(channels, seed: int):
    rng = np.random.default_rng(seed)
    return {
        name: (rng.random(kernel.shape) < rng.uniform(0.05, 0.9)) & (rng.random(kernel.shape[-1]) < 0.7)
        for name, kernel in channels.kernels.items()
    }


def is_within(small, large) -> bool:
    return all((small[name] <= large[name]).all() for name in large)


@law
@given(names, seeds)
def test_removing_what_is_dead_only_shrinks_and_counts_what_went(name: str, seed: int) -> None:
    channels = channels_of(name)
    masks = random_masks(channels, seed)
    cleaned, num_dead = remove_dead(channels, masks)
    assert is_within(cleaned, masks)
    assert num_dead == count_synapses(masks) - count_synapses(cleaned)


@law
@given(names, seeds)
def test_removing_what_is_dead_is_a_fixed_point(name: str, seed: int) -> None:
    channels = channels_of(name)
    cleaned, _ = remove_dead(channels, random_masks(channels, seed))
    again, num_dead = remove_dead(channels, cleaned)
    assert num_dead == 0 and is_within(cleaned, again)


@law
@given(names, seeds)
def test_every_synapse_that_is_left_lies_on_a_path(name: str, seed: int) -> None:
    channels = channels_of(name)
    cleaned, _ = remove_dead(channels, random_masks(channels, seed))
    fed, used = fed_channels(channels, cleaned), used_channels(channels, cleaned)
    for key, kernel in channels.kernels.items():
        reads, leads = np.nonzero(kernel.connections(cleaned[key]))
        outputs = leads if kernel.layout == "mixing" else reads * kernel.shape[-1] + leads
        assert fed[kernel.source][reads].all() and used[kernel.step][outputs].all()


def test_a_chain_of_dead_units_goes_at_once() -> None:
    channels = channels_of("lenet")
    masks = full_masks(channels)
    masks["conv_1/kernel"][..., 0] = False  # unit 0 has no input
    masks["hidden/kernel"][:, 2] = False  # neuron 2 has no input
    masks["hidden/kernel"].reshape(4, 6, 9)[:, 1] = False  # filter 1 has no output, at any position
    cleaned, num_dead = remove_dead(channels, masks)
    assert not cleaned["conv_2/kernel"][:, :, 0].any() and not cleaned["conv_2/kernel"][..., 1].any()
    assert not cleaned["out/kernel"][2].any()
    assert num_dead == 9 * 6 + 9 * 4 + 4  # 9 * 5 from conv_1 to filter 1 overlap in 9


def test_nothing_of_a_full_network_is_dead() -> None:
    for name in NETWORKS:
        assert remove_dead(channels_of(name), full_masks(channels_of(name)))[1] == 0


@law
@given(names, seeds)
def test_a_revived_network_lives_in_every_layer_and_stays_within_its_parent(name: str, seed: int) -> None:
    channels = channels_of(name)
    rng = np.random.default_rng(seed)
    parent, _ = remove_dead(channels, random_masks(channels, seed))
    strengths = {key: rng.random(kernel.shape) for key, kernel in channels.kernels.items()}
    parent = revive(channels, parent, full_masks(channels), strengths)
    child = {key: mask & (rng.random(mask.shape) < rng.choice([0.0, 0.1])) for key, mask in parent.items()}
    child, _ = remove_dead(channels, child)
    revived = revive(channels, child, parent, strengths)
    assert is_within(child, revived) and is_within(revived, parent)
    again, num_dead = remove_dead(channels, revived)
    assert all(mask.any() for mask in again.values()) and num_dead == 0


def test_reviving_picks_the_strongest_synapses() -> None:
    channels = channels_of("table")
    nothing = {name: np.zeros(kernel.shape, bool) for name, kernel in channels.kernels.items()}
    strengths = {name: np.full(kernel.shape, 0.1) for name, kernel in channels.kernels.items()}
    strengths["first/kernel"][1, 3] = 9.0
    revived = revive(channels, nothing, full_masks(channels), strengths)
    assert np.argwhere(revived["first/kernel"]).tolist() == [[1, 3]]
    assert revived["hidden/kernel"][4 + 3].any()  # right after the four columns of the other input


@law
@given(seeds, st.integers(1, 60))
def test_trimming_keeps_the_strongest(seed: int, limit: int) -> None:
    channels = channels_of("table")
    masks = random_masks(channels, seed)
    rng = np.random.default_rng(seed)
    strengths = {name: rng.random(mask.shape) for name, mask in masks.items()}
    trimmed = trim(masks, strengths, limit)
    assert count_synapses(trimmed) == min(limit, count_synapses(masks)) and is_within(trimmed, masks)
    kept = np.concatenate([strengths[name][trimmed[name]] for name in masks])
    lost = np.concatenate([strengths[name][masks[name] & ~trimmed[name]] for name in masks])
    assert not lost.size or kept.min() > lost.max()


def test_density_and_overlap_are_shares() -> None:
    full = full_masks(channels_of("table"))
    nothing = {name: ~mask for name, mask in full.items()}
    assert density(full) == 1.0 and density(nothing) == 0.0
    assert overlap([full, full, full]) == 1.0 and overlap([full, nothing]) == 0.0 and overlap([full]) == 1.0


def test_masks_come_back_from_a_file(tmp_path: Path) -> None:
    masks = random_masks(channels_of("inception"), 5)
    save_masks(tmp_path / "masks.npz", masks)
    loaded = load_masks(tmp_path / "masks.npz")
    assert list(loaded) == list(masks)
    for name, mask in masks.items():
        np.testing.assert_array_equal(loaded[name], mask)
    assert [path.name for path in tmp_path.iterdir()] == ["masks.npz"]


@pytest.mark.parametrize("content", [b"", b"text"])
def test_a_file_that_holds_no_masks_is_named(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "masks.npz").write_bytes(content)
    with pytest.raises(InputError, match=r"cannot be read.*masks\.npz"):
        load_masks(tmp_path / "masks.npz")
