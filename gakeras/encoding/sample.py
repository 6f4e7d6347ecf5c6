"""Random blocks and genomes, drawn evenly from a search space."""

from __future__ import annotations

import random

from gakeras.encoding.blocks import Block, Conv, Dense, MaxPool, Shape
from gakeras.encoding.genome import Genome
from gakeras.encoding.repair import repair
from gakeras.encoding.space import RateRange, SearchSpace


def random_block(part: str, space: SearchSpace, rng: random.Random) -> Block:
    """Draw a block for a part; in the convolutional one it is a pool with probability `space.pool_share`."""
    if part == "dense":
        return Dense(
            units=rng.randint(*space.dense_units),
            activation=rng.choice(space.dense_activations),
            dropout=_random_rate(space.dense_dropout, rng),
        )
    if rng.random() < space.pool_share:
        return MaxPool(pool_size=rng.choice(space.pool_sizes), padding=rng.choice(space.pool_paddings))
    return Conv(
        filters=rng.randint(*space.conv_filters),
        kernel_size=rng.randint(*space.kernel_size),
        activation=rng.choice(space.conv_activations),
        padding=rng.choice(space.conv_paddings),
        dropout=_random_rate(space.conv_dropout, rng),
    )


def random_genome(space: SearchSpace, input_shape: Shape, rng: random.Random) -> Genome:
    """Draw a genome: the number of blocks of each part evenly from 1 to its cap, each block, then repair."""
    parts = {"conv": space.max_conv_layers if len(input_shape) > 1 else 0, "dense": space.max_dense_layers}
    blocks = {
        part: tuple(random_block(part, space, rng) for _ in range(rng.randint(1, cap) if cap else 0))
        for part, cap in parts.items()
    }
    return repair(Genome(**blocks), space, input_shape)  # type: ignore[arg-type]


def _random_rate(bounds: RateRange, rng: random.Random) -> float:
    return round(rng.uniform(*bounds), 2)
