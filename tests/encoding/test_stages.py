"""Laws of networks that are drawn in stages."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gakeras.encoding import Conv, MaxPool, SearchSpace, random_genome, repair
from gakeras.encoding.sample import random_stages

law = settings(deadline=None, derandomize=True)
seeds = st.integers(0, 2**32)


@law
@given(seeds, st.integers(1, 12), st.sampled_from([0.0, 0.5, 0.9]))
def test_a_stage_is_one_or_two_blocks_and_a_pool_and_never_narrower_than_the_one_before(
    seed: int, cap: int, inception_share: float
) -> None:
    space = SearchSpace.wide(max_conv_layers=cap, pool_share=0.1, inception_share=inception_share)
    blocks = random_stages(space, random.Random(seed))
    assert 1 <= len(blocks) <= cap and not isinstance(blocks[0], MaxPool)
    assert all(not isinstance(a, MaxPool) or not isinstance(b, MaxPool) for a, b in pairwise(blocks))
    widths: list[list[int]] = [[]]
    lengths = [0]
    for block in blocks:
        if isinstance(block, MaxPool):
            widths.append([])
            lengths.append(0)
            continue
        lengths[-1] += 1
        widths[-1] += [block.filters] if isinstance(block, Conv) else []
    assert max(lengths) <= 2 and sum(isinstance(block, MaxPool) for block in blocks) <= 3
    assert all(len(set(stage)) <= 1 for stage in widths)
    flat = [width for stage in widths for width in stage]
    assert flat == sorted(flat)


def test_there_are_one_to_three_stages_and_both_lengths() -> None:
    space, rng = SearchSpace.wide(), random.Random(1)
    drawn = [random_stages(space, rng) for _ in range(200)]
    assert {sum(isinstance(block, MaxPool) for block in blocks) for blocks in drawn} == {1, 2, 3}
    assert {len(blocks) for blocks in drawn} == {2, 3, 4, 5, 6}


@law
@given(seeds, st.sampled_from([(28, 28), (8, 8), (5, 40, 2)]))
def test_staged_genomes_lie_in_their_space(seed: int, shape: tuple[int, ...]) -> None:
    space = SearchSpace.wide(staged_share=1)
    genome = random_genome(space, shape, random.Random(seed))
    assert genome in space and repair(genome, space, shape) == genome
    assert genome.conv and not isinstance(genome.conv[0], MaxPool)


def test_the_share_of_genomes_in_stages_is_kept() -> None:
    for share in (0.0, 0.4, 1.0):
        space = SearchSpace(staged_share=share, pool_share=1.0)  # else there are pools alone
        rng = random.Random(4)
        drawn = [random_genome(space, (64, 64), rng) for _ in range(400)]
        staged = sum(isinstance(genome.conv[0], Conv) for genome in drawn) / len(drawn)
        assert abs(staged - share) < 0.06


@pytest.mark.parametrize(("share", "numbers"), [(1.0, {1, 2}), (0.0, {1, 2, 3})])
def test_no_more_than_two_dense_layers_follow_stages(share: float, numbers: set[int]) -> None:
    space, rng = SearchSpace.wide(staged_share=share), random.Random(5)
    assert {len(random_genome(space, (28, 28), rng).dense) for _ in range(100)} == numbers


def test_a_table_has_no_stages() -> None:
    space, rng = SearchSpace.wide(staged_share=1), random.Random(0)
    drawn = [random_genome(space, (30,), rng) for _ in range(100)]
    assert not any(genome.conv for genome in drawn)
    assert {len(genome.dense) for genome in drawn} == {1, 2, 3}
