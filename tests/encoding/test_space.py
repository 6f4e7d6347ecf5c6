"""Laws of search spaces: what is drawn lies inside, and an impossible space is refused at once."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest
from pydantic import ValidationError

from gakeras.encoding import Conv, Dense, Genome, MaxPool, SearchSpace, random_block, random_genome
from gakeras.encoding.blocks import Shape
from gakeras.encoding.costs import trace_shapes
from gakeras.errors import InputError

SPACES = {"default": SearchSpace(), "paper": SearchSpace.paper()}
SHAPES: list[Shape] = [(28, 28), (8, 8), (32, 32, 3), (30,)]


@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_random_genomes_lie_in_the_space_and_fit_the_input(space: SearchSpace, shape: Shape) -> None:
    rng = random.Random(1)
    for genome in (random_genome(space, shape, rng) for _ in range(300)):
        assert genome in space
        assert genome.dense and bool(genome.conv) == (len(shape) > 1)
        assert all(block.output_shape(arriving) for block, arriving in trace_shapes(genome, shape))


def test_a_genome_beyond_a_cap_or_a_range_is_not_in_the_space() -> None:
    conv, dense = Conv(50, 5, "tanh"), Dense(300, "sigmoid", 0.4)
    space = SearchSpace()
    assert Genome((conv,) * 6, (dense,) * 3) in space
    assert Genome((conv,) * 7, (dense,) * 3) not in space
    assert Genome((conv,) * 6, (dense,) * 4) not in space
    assert Genome((conv,) * 6, (Dense(301, "sigmoid"),)) not in space
    assert Genome((MaxPool(2, dropout=0.1),)) not in space


def test_random_genomes_have_every_number_of_layers() -> None:
    rng, space = random.Random(1), SearchSpace(max_conv_layers=4, max_dense_layers=2)
    genomes = [random_genome(space, (64, 64), rng) for _ in range(300)]
    assert {len(genome.conv) for genome in genomes} == {1, 2, 3, 4}
    assert {len(genome.dense) for genome in genomes} == {1, 2}


def test_random_blocks_reach_both_ends_of_every_range_and_every_choice() -> None:
    rng = random.Random(1)
    space = SearchSpace(conv_filters=(1, 3), kernel_size=(2, 3), dense_units=(7, 8), pool_share=0.5)
    blocks = [random_block("conv", space, rng) for _ in range(500)]
    convs = [block for block in blocks if isinstance(block, Conv)]
    pools = [block for block in blocks if isinstance(block, MaxPool)]
    assert {block.filters for block in convs} == {1, 2, 3}
    assert {block.kernel_size for block in convs} == {2, 3}
    assert {block.activation for block in convs} == set(space.conv_activations)
    assert {block.padding for block in convs} == {"same", "valid"}
    assert {(block.pool_size, block.padding) for block in pools} == {
        (size, padding) for size in (2, 3) for padding in ("same", "valid")
    }
    assert {block.dropout for block in pools} == {0.0}


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_pools_are_drawn_with_their_share(share: float) -> None:
    rng, space = random.Random(1), SearchSpace(pool_share=share)
    kinds = Counter(random_block("conv", space, rng).kind for _ in range(2000))
    assert kinds["pool"] / 2000 == pytest.approx(share, abs=0.03)


def test_the_paper_fixes_padding_and_has_dropout_in_dense_layers_only() -> None:
    rng, space = random.Random(1), SearchSpace.paper()
    for block in (random_block("conv", space, rng) for _ in range(100)):
        assert (block.padding, block.dropout) == ("same" if isinstance(block, Conv) else "valid", 0.0)
    assert {random_block("dense", space, rng).dropout for _ in range(100)} != {0.0}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        pytest.param({"conv_filters": (50, 10)}, r"received \(50, 10\)", id="minimum over maximum"),
        pytest.param({"kernel_size": (5, 2)}, "smallest value comes first", id="kernels"),
        pytest.param({"dense_units": (300, 10)}, "smallest value comes first", id="units"),
        pytest.param({"dense_dropout": (0.4, 0.1)}, "smallest value comes first", id="dropout"),
        pytest.param({"conv_dropout": (0.0, 1.0)}, "less than 1", id="dropout of everything"),
        pytest.param({"conv_filters": (0, 10)}, "greater than or equal to 1", id="no filters"),
        pytest.param({"pool_sizes": ()}, "pool_sizes: needs at least one choice", id="no pool sizes"),
        pytest.param({"conv_activations": ()}, "at least one choice", id="no activations"),
        pytest.param({"dense_activations": ("swish",)}, "'relu'", id="an unknown activation"),
        pytest.param({"max_dense_layers": 0}, "greater than or equal to 1", id="no dense layers"),
        pytest.param({"pool_share": 1.5}, "less than or equal to 1", id="a share over 1"),
        pytest.param({"filters": (10, 50)}, "filters", id="an unknown field"),
    ],
)
def test_an_impossible_space_is_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        SearchSpace(**wrong)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param({"kernel_size": (2, 9)}, "kernel_size up to 9", id="a valid kernel"),
        pytest.param({"pool_sizes": (2, 9)}, "pool_sizes up to 9", id="a valid pool"),
    ],
)
def test_a_window_larger_than_the_image_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        SearchSpace(**changes).check_input((8, 20, 3))


@pytest.mark.parametrize(
    ("changes", "shape"),
    [
        pytest.param({"kernel_size": (2, 8), "pool_sizes": (8,)}, (8, 8), id="as large as the image"),
        pytest.param({"kernel_size": (9, 9), "conv_paddings": ("same",)}, (8, 8), id="a same kernel"),
        pytest.param({"pool_sizes": (9,), "pool_paddings": ("same",)}, (8, 8), id="a same pool"),
        pytest.param({"pool_sizes": (9,), "pool_share": 0}, (8, 8), id="no pools"),
        pytest.param({"kernel_size": (9, 9)}, (30,), id="a table"),
        pytest.param({"kernel_size": (9, 9), "max_conv_layers": 0}, (8, 8), id="no convolutions"),
    ],
)
def test_a_space_whose_first_block_always_fits_is_accepted(changes: dict[str, Any], shape: Shape) -> None:
    space = SearchSpace(**changes)
    space.check_input(shape)
    rng = random.Random(1)
    for genome in (random_genome(space, shape, rng) for _ in range(100)):
        assert bool(genome.conv) == (len(shape) > 1 and space.max_conv_layers > 0)
