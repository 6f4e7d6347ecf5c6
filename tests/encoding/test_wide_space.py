"""Laws of the wide space: its shares are kept, repair reaches it, and older spaces draw what they drew."""

from __future__ import annotations

import json
import random
from collections import Counter
from dataclasses import asdict, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from wide_genomes import EVERYTHING, OFTEN

from gakeras.encoding import (
    Conv,
    Dense,
    Genome,
    GlobalPool,
    Inception,
    MaxPool,
    SearchSpace,
    random_block,
    random_genome,
    repair,
)
from gakeras.encoding.blocks import Shape
from gakeras.encoding.costs import trace_shapes

law = settings(deadline=None, derandomize=True)
seeds = st.integers(0, 2**32)
spaces = st.sampled_from([SearchSpace(), SearchSpace.paper(), SearchSpace.wide(), OFTEN])
shapes = st.sampled_from([(28, 28), (8, 8), (5, 40, 2), (30,)])
FOREIGN = replace(OFTEN, max_conv_layers=12, max_dense_layers=6, conv_filters=(1, 90), conv_dropout=(0, 0.9))
ALWAYS = SearchSpace.wide(
    pool_share=0,
    inception_share=0.5,
    conv_paddings=("same",),
    **dict.fromkeys(("conv_normalise", "conv_separable", "conv_residual", "dense_normalise"), 1),
    **dict.fromkeys(("inception_normalise", "inception_projected", "inception_residual", "global_pool"), 1),
)


@law
@given(seeds, spaces, shapes)
def test_any_wide_genome_is_brought_into_any_space_once_and_for_all(
    seed: int, space: SearchSpace, shape: Shape
) -> None:
    repaired = repair(random_genome(FOREIGN, (400, 400), random.Random(seed)), space, shape)
    assert repaired in space
    assert repair(repaired, space, shape) == repaired
    assert all(block.output_shape(arriving) for block, arriving in trace_shapes(repaired, shape))
    assert bool(repaired.conv) == (len(shape) > 1) and repaired.dense


@law
@given(seeds, st.sampled_from([(28, 28), (8, 8)]), st.sampled_from([0.0, 1.0]))
def test_a_space_without_pools_has_none_whatever_the_parents(seed: int, shape: Shape, staged: float) -> None:
    space = SearchSpace.wide(pool_share=0, staged_share=staged)
    parent = random_genome(SearchSpace.wide(), shape, random.Random(seed))
    for genome in (random_genome(space, shape, random.Random(seed)), repair(parent, space, shape)):
        assert genome in space and not any(isinstance(block, MaxPool) for block in genome.conv)
    assert (parent in space) == (not any(isinstance(block, MaxPool) for block in parent.conv))


@law
@given(seeds, shapes)
def test_random_genomes_of_the_wide_space_lie_in_it_and_come_back_equal(seed: int, shape: Shape) -> None:
    for space in (SearchSpace.wide(), OFTEN, ALWAYS):
        genome = random_genome(space, shape, random.Random(seed))
        assert genome in space and repair(genome, space, shape) == genome


def test_a_space_without_additions_takes_them_all_away() -> None:
    plain = repair(EVERYTHING, SearchSpace(), (28, 28))
    assert {type(block) for block in plain.blocks} == {Conv, MaxPool, Dense}
    assert not any(getattr(block, flag, False) for block in plain.blocks for flag in FLAGS)
    # a module becomes the convolution with its largest window and as many channels as it had
    assert plain.conv[2] == Conv(10, 3, "relu", dropout=0.1) and EVERYTHING.conv[2].kind == "inception"


FLAGS = ("normalise", "separable", "residual")


def test_a_share_of_1_is_always_and_one_of_0_never() -> None:
    rng = random.Random(1)
    for genome in (random_genome(ALWAYS, (16, 16), rng) for _ in range(50)):
        assert genome.head == (GlobalPool(),)
        for block in genome.blocks:
            assert all(getattr(block, flag, True) for flag in FLAGS) and getattr(block, "projection", 1)
    assert EVERYTHING not in SearchSpace() and Genome(EVERYTHING.conv[:1], EVERYTHING.dense[1:]) not in ALWAYS
    always = repair(Genome((Conv(16, 3, "relu"),), (Dense(16, "relu"),)), ALWAYS, (16, 16))
    assert always == Genome(
        (Conv(16, 3, "relu", normalise=True, separable=True, residual=True),),
        (Dense(16, "relu", normalise=True),),
        (GlobalPool(),),
    )


def test_everything_is_drawn_with_its_share() -> None:
    rng, space = random.Random(1), SearchSpace.wide(inception_share=0.2, global_pool=0.3)
    blocks = [random_block("conv", space, rng) for _ in range(4000)]
    kinds = Counter(block.kind for block in blocks)
    assert kinds["pool"] / 4000 == pytest.approx(0.3, abs=0.03)
    assert kinds["inception"] / 4000 == pytest.approx(0.2, abs=0.03)
    convs = [block for block in blocks if isinstance(block, Conv)]
    modules = [block for block in blocks if isinstance(block, Inception)]
    same = [block for block in convs if block.padding == "same"]
    dense = [random_block("dense", space, rng) for _ in range(1000)]
    heads = [random_genome(space, (28, 28), rng).head for _ in range(1000)]
    for received, share in [
        ([block.dropout > 0 for block in convs + modules], space.conv_dropout_share),
        ([block.normalise for block in convs], space.conv_normalise),
        ([block.separable for block in convs], space.conv_separable),
        ([block.residual for block in same], space.conv_residual),
        ([block.normalise for block in dense], space.dense_normalise),
        ([block.normalise for block in modules], space.inception_normalise),
        ([block.projection > 0 for block in modules], space.inception_projected),
        ([block.residual for block in modules], space.inception_residual),
        ([bool(head) for head in heads], space.global_pool),
    ]:
        assert sum(received) / len(received) == pytest.approx(share, abs=0.06)
    assert {len(block.branches) for block in modules} == {2, 3, 4}
    assert {window for block in modules for window in block.branches} == {1, 3, 5, "pool"}
    assert {block.activation for block in convs + modules} == {"relu", "leaky_relu", "elu"}


@pytest.mark.parametrize(
    ("share", "rate", "expected"),
    [(0.0, 0.3, 0.0), (0.5, 0.0, 0.0), (0.5, 0.1, 0.0), (0.5, 0.3, 0.3), (0.5, 0.9, 0.4), (1.0, 0.0, 0.2)],
)
def test_where_only_some_blocks_have_dropout_one_without_stays_without(
    share: float, rate: float, expected: float
) -> None:
    space = SearchSpace.wide(conv_dropout=(0.2, 0.4), conv_dropout_share=share)
    for block in (Conv(8, 3, "relu", dropout=rate), Inception(8, "relu", dropout=rate)):
        clipped = space.clip(block)
        assert isinstance(clipped, Conv | Inception) and clipped.dropout == expected


def test_a_table_of_settings_from_before_is_the_plain_space() -> None:
    """Journals record the fields that there were; those that came later must change nothing."""
    new = ("normalise", "separable", "residual", "inception", "global", "learning", "dropout_share", "staged")
    table = {key: value for key, value in asdict(SearchSpace()).items() if not any(n in key for n in new)}
    read = TypeAdapter(SearchSpace).validate_python(json.loads(json.dumps(table)))
    assert read == SearchSpace() and len(table) == 13


@pytest.mark.parametrize("space", [SearchSpace.wide(), OFTEN, ALWAYS], ids=["wide", "often", "always"])
def test_a_wide_space_survives_json(space: SearchSpace) -> None:
    plain = TypeAdapter(SearchSpace).dump_python(space, mode="json")
    assert TypeAdapter(SearchSpace).validate_python(json.loads(json.dumps(plain))) == space


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"conv_normalise": 1.5}, "less than or equal to 1"),
        ({"pool_share": 0.6, "inception_share": 0.5}, "at most 1 together, received 0.6 and 0.5"),
        ({"inception_branches": ()}, "inception_branches: needs at least one choice"),
        ({"inception_branches": (5, 3)}, "ascending order.*5, 3"),
        ({"inception_branches": ("mean",)}, "pool"),
        ({"inception_filters": (9, 3)}, "smallest value comes first"),
        ({"inception_projection": (0, 3)}, "greater than or equal to 1"),
    ],
    ids=str,
)
def test_an_impossible_wide_space_is_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        SearchSpace(**wrong)
