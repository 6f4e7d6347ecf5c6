"""Random blocks and genomes, drawn from a search space: evenly, but for what it names a share of."""

from __future__ import annotations

import random
from dataclasses import replace

from gakeras.encoding.blocks import Block, Conv, Dense, GlobalPool, Inception, MaxPool, Shape
from gakeras.encoding.genome import Genome
from gakeras.encoding.inception import ordered_branches
from gakeras.encoding.repair import repair
from gakeras.encoding.space import RateRange, SearchSpace


def random_block(part: str, space: SearchSpace, rng: random.Random) -> Block:
    """Draw a block for a part; in the convolutional one it is a pool or an Inception module by their shares.

    What a space excludes draws nothing, so that streams of random numbers outlast new settings.
    """
    if part == "dense":
        return Dense(
            units=rng.randint(*space.dense_units),
            activation=rng.choice(space.dense_activations),
            dropout=_random_rate(space.dense_dropout, rng),
            normalise=_happens(space.dense_normalise, rng),
        )
    kind = rng.random()
    if kind < space.pool_share:
        return _random_pool(space, rng)
    if kind < space.pool_share + space.inception_share:
        return _random_inception(space, rng)
    return _random_conv(space, rng)


def _random_pool(space: SearchSpace, rng: random.Random) -> MaxPool:
    return MaxPool(pool_size=rng.choice(space.pool_sizes), padding=rng.choice(space.pool_paddings))


def _random_conv(space: SearchSpace, rng: random.Random) -> Conv:
    conv = Conv(
        filters=rng.randint(*space.conv_filters),
        kernel_size=rng.randint(*space.kernel_size),
        activation=rng.choice(space.conv_activations),
        padding=rng.choice(space.conv_paddings),
        dropout=_random_rate(space.conv_dropout, rng, space.conv_dropout_share),
        normalise=_happens(space.conv_normalise, rng),
        separable=_happens(space.conv_separable, rng),
    )
    return replace(conv, residual=conv.padding == "same" and _happens(space.conv_residual, rng))


def _random_inception(space: SearchSpace, rng: random.Random) -> Inception:
    choices = space.inception_branches
    branches = rng.sample(choices, rng.randint(min(2, len(choices)), len(choices)))
    is_projected = _happens(space.inception_projected, rng)
    return Inception(
        filters=rng.randint(*space.inception_filters),
        activation=rng.choice(space.conv_activations),
        branches=ordered_branches(branches),
        normalise=_happens(space.inception_normalise, rng),
        projection=rng.randint(*space.inception_projection) if is_projected else 0,
        residual=_happens(space.inception_residual, rng),
        dropout=_random_rate(space.conv_dropout, rng, space.conv_dropout_share),
    )


def random_stages(space: SearchSpace, rng: random.Random) -> tuple[Conv | Inception | MaxPool, ...]:
    """Draw one to three stages: one or two convolutions or Inception modules, and a pool behind them.

    All convolutions of a stage have as many filters, and a later stage has no fewer than an earlier
    one, as most networks made by hand. There is no pool where the cap on blocks leaves no room, or the space
    has none.
    """
    cap = space.max_conv_layers
    num_stages = rng.randint(1, max(1, min(3, cap // 2)))
    most = max(1, min(2, cap // num_stages - 1))
    blocks: list[Conv | Inception | MaxPool] = []
    for filters in sorted(rng.randint(*space.conv_filters) for _ in range(num_stages)):
        for _ in range(rng.randint(1, most)):
            is_module = _happens(space.inception_share, rng)
            one = _random_inception(space, rng) if is_module else _random_conv(space, rng)
            blocks.append(replace(one, filters=filters) if isinstance(one, Conv) else one)
        if space.pool_share > 0:
            blocks.append(_random_pool(space, rng))
    return tuple(blocks[:cap])


def random_genome(space: SearchSpace, input_shape: Shape, rng: random.Random) -> Genome:
    """Draw a genome: evenly how many blocks each part has, 1 to its cap, then each of them, then repair.

    Of images `staged_share` are drawn in stages, with no more than two dense blocks behind them.
    """
    cap = space.max_conv_layers if len(input_shape) > 1 else 0
    is_staged = cap > 0 and _happens(space.staged_share, rng)
    conv = random_stages(space, rng) if is_staged else _random_part("conv", cap, space, rng)
    most_dense = min(2, space.max_dense_layers) if is_staged else space.max_dense_layers
    dense = _random_part("dense", most_dense, space, rng)
    head = (GlobalPool(),) if _happens(space.global_pool, rng) else ()
    learning = space.learning.sample(rng, images=len(input_shape) > 1)
    return repair(Genome(conv, dense, head=head, learning=(learning,)), space, input_shape)  # type: ignore[arg-type]


def _random_part(part: str, cap: int, space: SearchSpace, rng: random.Random) -> tuple[Block, ...]:
    return tuple(random_block(part, space, rng) for _ in range(rng.randint(1, cap) if cap else 0))


def _random_rate(bounds: RateRange, rng: random.Random, share: float = 1.0) -> float:
    if not _happens(share, rng):
        return 0.0
    return round(rng.uniform(*bounds), 2)


def _happens(share: float, rng: random.Random) -> bool:
    return share == 1 or (share > 0 and rng.random() < share)
