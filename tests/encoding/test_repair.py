"""Laws of repair: it brings any genome into the space and onto the input, once and for all."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gakeras.encoding import Conv, Dense, Genome, MaxPool, SearchSpace, random_genome, repair
from gakeras.encoding.blocks import Shape
from gakeras.encoding.costs import trace_shapes

law = settings(deadline=None, derandomize=True)
spaces = st.sampled_from(
    [SearchSpace(), SearchSpace.paper(), SearchSpace(max_conv_layers=2, max_dense_layers=1)]
)
shapes = st.sampled_from([(28, 28), (8, 8), (32, 32, 3), (5, 40, 2), (30,)])

WIDE = SearchSpace(
    max_conv_layers=12,
    max_dense_layers=6,
    conv_filters=(1, 90),
    kernel_size=(1, 9),
    conv_activations=SearchSpace.paper().conv_activations,
    conv_dropout=(0, 0.9),
    pool_sizes=(1, 2, 3, 4, 7),
    dense_units=(1, 900),
    dense_dropout=(0, 0.9),
)
foreign_genomes = st.integers(0, 2**32).map(lambda seed: random_genome(WIDE, (400, 400), random.Random(seed)))

SPACE = SearchSpace()
CONV = Conv(16, 3, "relu")
VALID = Conv(16, 5, "relu", "valid")
POOL = MaxPool(3)
DENSE = Dense(16, "relu")


@law
@given(foreign_genomes, spaces, shapes)
def test_any_genome_is_brought_into_the_space_and_onto_the_input(
    genome: Genome, space: SearchSpace, shape: Shape
) -> None:
    repaired = repair(genome, space, shape)
    assert repaired in space
    assert all(block.output_shape(arriving) for block, arriving in trace_shapes(repaired, shape))
    assert bool(repaired.conv) == (len(shape) > 1) and repaired.dense


@law
@given(foreign_genomes, spaces, shapes)
def test_repair_is_idempotent(genome: Genome, space: SearchSpace, shape: Shape) -> None:
    repaired = repair(genome, space, shape)
    assert repair(repaired, space, shape) == repaired


@law
@given(st.integers(0, 2**32), spaces, shapes)
def test_a_genome_that_fits_comes_back_equal(seed: int, space: SearchSpace, shape: Shape) -> None:
    rng = random.Random(seed)
    conv = tuple(Conv(rng.randint(10, 50), 3, "relu") for _ in range(rng.randint(1, 2)))
    genome = Genome(conv=conv if len(shape) > 1 else (), dense=(Dense(rng.randint(10, 300), "tanh", 0.2),))
    assert repair(genome, space, shape) == genome


@pytest.mark.parametrize(
    ("conv", "shape", "kept"),
    [
        pytest.param((POOL, POOL, POOL, POOL), (28, 28), (POOL, POOL, POOL), id="pools until 1 x 1"),
        pytest.param((CONV, POOL, POOL, CONV), (8, 8), (CONV, POOL, CONV), id="a pool amid convolutions"),
        pytest.param((VALID, VALID, CONV), (8, 8), (VALID, CONV), id="a valid convolution"),
        pytest.param((VALID, CONV), (5, 40), (VALID, CONV), id="a window as large as the image"),
        pytest.param((VALID, VALID), (5, 40), (VALID,), id="the shorter side decides"),
        pytest.param((MaxPool(3, "same"),) * 6, (8, 8), (MaxPool(3, "same"),) * 6, id="same always fits"),
    ],
)
def test_windows_that_no_longer_fit_are_removed_and_nothing_else(
    conv: tuple[Conv | MaxPool, ...], shape: Shape, kept: tuple[Conv | MaxPool, ...]
) -> None:
    assert repair(Genome(conv=conv, dense=(DENSE,)), SPACE, shape) == Genome(conv=kept, dense=(DENSE,))


def test_blocks_beyond_the_caps_are_cut_off_at_the_end() -> None:
    conv = tuple(Conv(filters, 3, "relu") for filters in range(10, 20))
    dense = tuple(Dense(units, "relu") for units in range(10, 20))
    assert repair(Genome(conv, dense), SPACE, (28, 28)) == Genome(conv[:6], dense[:3])


def test_blocks_that_do_not_fit_take_no_place_under_the_cap() -> None:
    genome = Genome(conv=(POOL, POOL, POOL, *[CONV] * 6))
    assert repair(genome, SPACE, (8, 8)).conv == (POOL, *[CONV] * 5)


def test_on_tables_the_convolutional_part_is_empty() -> None:
    assert repair(Genome(conv=(CONV,), dense=(DENSE,)), SPACE, (30,)) == Genome(dense=(DENSE,))


@pytest.mark.parametrize(
    ("block", "clipped"),
    [
        pytest.param(Conv(99, 9, "relu"), Conv(50, 5, "relu"), id="too large"),
        pytest.param(Conv(1, 1, "relu"), Conv(10, 2, "relu"), id="too small"),
        pytest.param(Conv(16, 3, "sigmoid"), Conv(16, 3, "relu"), id="a choice the space lacks"),
        pytest.param(Conv(16, 3, "relu", dropout=0.9), Conv(16, 3, "relu", dropout=0.4), id="conv dropout"),
        pytest.param(MaxPool(7, "same", 0.25), MaxPool(3, "same"), id="a pool"),
        pytest.param(Dense(9, "relu", 0.9), Dense(10, "relu", 0.4), id="a dense layer"),
    ],
)
def test_a_foreign_block_is_clipped_to_the_nearest_of_the_space(
    block: Conv | MaxPool | Dense, clipped: Conv | MaxPool | Dense
) -> None:
    part = "dense" if isinstance(block, Dense) else "conv"
    assert Genome(**{part: (block,)}) not in SPACE
    assert repair(Genome(**{part: (block,)}), SPACE, (28, 28)) == Genome(**{part: (clipped,)})


def test_a_dropout_of_minus_zero_becomes_zero() -> None:
    assert str(SPACE.clip(Dense(10, "relu", -0.0))) == "dense #10 dropout=0.0 activation=relu"
