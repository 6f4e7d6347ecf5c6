"""Operators on one block (Vidnerova and Neruda 2018, section 3.2): each changes one field."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from deap import tools

from gakeras.encoding import Block, Conv, Dense, Inception, MaxPool, SearchSpace
from gakeras.encoding.inception import ordered_branches
from gakeras.evolution.settings import Variation

Change = Callable[[Any, SearchSpace, Variation, random.Random], Block]


@dataclass(frozen=True)
class Operator:
    """A change of a block, the setting with its probability, and the blocks and spaces where it applies."""

    setting: str
    change: Change
    applies: Callable[[Any, SearchSpace], bool] = lambda block, space: True

    def weight(self, block: Block, space: SearchSpace, variation: Variation) -> float:
        """Return its probability for a block, zero where it does not apply."""
        return float(getattr(variation, self.setting)) if self.applies(block, space) else 0.0


def change_layer_size(block: Dense, space: SearchSpace, variation: Variation, rng: random.Random) -> Dense:
    """Add a Gaussian step to the number of units and round."""
    return replace(block, units=_gaussian_size(block.units, variation.units_width, space.dense_units))


def change_number_of_filters(block: Any, space: SearchSpace, variation: Variation, rng: random.Random) -> Any:
    """Add a Gaussian step to the number of filters and round."""
    bounds = space.inception_filters if isinstance(block, Inception) else space.conv_filters
    return replace(block, filters=_gaussian_size(block.filters, variation.filters_width, bounds))


def change_filter_size(block: Conv, space: SearchSpace, variation: Variation, rng: random.Random) -> Conv:
    """Draw another kernel size."""
    smallest, largest = space.kernel_size
    return replace(block, kernel_size=_another(block.kernel_size, range(smallest, largest + 1), rng))


def change_pool_size(block: MaxPool, space: SearchSpace, variation: Variation, rng: random.Random) -> MaxPool:
    """Draw another pool size."""
    return replace(block, pool_size=_another(block.pool_size, space.pool_sizes, rng))


def change_dropout(block: Any, space: SearchSpace, variation: Variation, rng: random.Random) -> Any:
    """Add a Gaussian step to the dropout rate, within its range and rounded to 1 %."""
    rate = round(gaussian(block.dropout, variation.dropout_width), 2)
    return space.clip(replace(block, dropout=min(max(0.0, rate), 0.99)))


def change_activation(block: Any, space: SearchSpace, variation: Variation, rng: random.Random) -> Any:
    """Draw another activation function."""
    choices = space.dense_activations if isinstance(block, Dense) else space.conv_activations
    return replace(block, activation=_another(block.activation, choices, rng))


def change_padding(block: Any, space: SearchSpace, variation: Variation, rng: random.Random) -> Any:
    """Draw another padding."""
    choices = space.pool_paddings if isinstance(block, MaxPool) else space.conv_paddings
    return replace(block, padding=_another(block.padding, choices, rng))


def change_branches(
    block: Inception, space: SearchSpace, variation: Variation, rng: random.Random
) -> Inception:
    """Add a branch or take one away; two stay, where the space has two."""
    spare = len(block.branches) > min(2, len(space.inception_branches))
    choices = [window for window in space.inception_branches if spare or window not in block.branches]
    changed = set(block.branches) ^ {rng.choice(choices)} if choices else set(block.branches)
    return replace(block, branches=ordered_branches(list(changed)))


def change_projection(
    block: Inception, space: SearchSpace, variation: Variation, rng: random.Random
) -> Inception:
    """Add a Gaussian step to the channels of the projection; or take it away, or put one there."""
    may_lack = space.inception_projected < 1
    if not block.projection or (may_lack and rng.random() < 0.5):
        return replace(block, projection=0 if block.projection else rng.randint(*space.inception_projection))
    size = _gaussian_size(block.projection, variation.filters_width, space.inception_projection)
    return replace(block, projection=size)


def change_normalisation(block: Any, space: SearchSpace, variation: Variation, rng: random.Random) -> Any:
    """Put batch normalisation there or take it away."""
    return replace(block, normalise=not block.normalise)


def change_separation(block: Conv, space: SearchSpace, variation: Variation, rng: random.Random) -> Conv:
    """Make a convolution separable, or a separable one plain."""
    return replace(block, separable=not block.separable)


def change_skip(block: Any, space: SearchSpace, variation: Variation, rng: random.Random) -> Any:
    """Put a skip past the block or take it away."""
    return replace(block, residual=not block.residual)


def is_open(share: float) -> bool:
    """Tell whether a space leaves it to each genome to have something or not."""
    return 0 < share < 1


OPERATORS: dict[type[Block], dict[str, Operator]] = {
    Dense: {
        "changeLayerSize": Operator("dense_size", change_layer_size),
        "changeDropOut": Operator("dense_dropout", change_dropout),
        "changeActivation": Operator("dense_activation", change_activation),
        "changeNormalisation": Operator(
            "dense_normalise", change_normalisation, lambda block, space: is_open(space.dense_normalise)
        ),
    },
    MaxPool: {
        "changePoolSize": Operator("pool_size", change_pool_size),
        "changePadding": Operator("pool_padding", change_padding),
    },
    Conv: {
        "changeNumberOfFilters": Operator("conv_filters", change_number_of_filters),
        "changeFilterSize": Operator("conv_kernel_size", change_filter_size),
        "changeActivation": Operator("conv_activation", change_activation),
        "changeDropOut": Operator("conv_dropout", change_dropout),
        "changePadding": Operator("conv_padding", change_padding, lambda block, space: not block.residual),
        "changeNormalisation": Operator(
            "conv_normalise", change_normalisation, lambda block, space: is_open(space.conv_normalise)
        ),
        "changeSeparation": Operator(
            "conv_separable", change_separation, lambda block, space: is_open(space.conv_separable)
        ),
        "changeSkip": Operator(
            "conv_residual",
            change_skip,
            lambda block, space: is_open(space.conv_residual) and block.padding == "same",
        ),
    },
    Inception: {
        "changeNumberOfFilters": Operator("inception_filters", change_number_of_filters),
        "changeActivation": Operator("inception_activation", change_activation),
        "changeDropOut": Operator("inception_dropout", change_dropout),
        "changeBranches": Operator("inception_branches", change_branches),
        "changeProjection": Operator(
            "inception_projection", change_projection, lambda block, space: space.inception_projected > 0
        ),
        "changeNormalisation": Operator(
            "inception_normalise",
            change_normalisation,
            lambda block, space: is_open(space.inception_normalise),
        ),
        "changeSkip": Operator(
            "inception_residual", change_skip, lambda block, space: is_open(space.inception_residual)
        ),
    },
}
"""What may happen to each kind of block. New operators stand last, so that old searches draw as they did."""


def _another(value: Any, choices: Sequence[Any], rng: random.Random) -> Any:
    others = [choice for choice in choices if choice != value]
    return rng.choice(others) if others else value


def gaussian(value: float, width: float) -> float:
    """Add a Gaussian step."""
    (changed,), *_ = tools.mutGaussian([value], mu=0.0, sigma=width, indpb=1.0)
    return float(changed)


def _gaussian_size(value: int, width: float, bounds: tuple[int, int]) -> int:
    return min(max(round(gaussian(value, width)), bounds[0]), bounds[1])
