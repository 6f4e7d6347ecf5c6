"""Mutation by named operators (Vidnerova and Neruda 2018, section 3.2)."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from deap import tools

from gakeras.encoding import Block, Conv, Dense, Genome, MaxPool, SearchSpace, random_block, repair
from gakeras.encoding.blocks import Shape
from gakeras.evolution.settings import Variation

PART_NAMES = ("conv", "dense")
LayerMutation = Callable[[Any, SearchSpace, Variation, random.Random], Block]


def mutate(
    genome: Genome, space: SearchSpace, input_shape: Shape, variation: Variation, rng: random.Random
) -> tuple[Genome, str]:
    """Change a genome by one of mutateLayer, addLayer, delLayer; return it repaired, and the operator's name.

    The operator is drawn in proportion to its probability among those that apply:
    addLayer needs a part below its cap, delLayer a part of at least two blocks, so no
    part is ever emptied. Where none applies, it is mutateLayer. Gaussian steps are DEAP's
    `mutGaussian`, which draws from Python's global generator (see
    `gakeras.seeding.isolated`); everything else is drawn from `rng`.
    """
    operators = {
        "mutateLayer": variation.mutate_layer if genome.blocks else 0.0,
        "addLayer": variation.add_layer if _parts_with_room(genome, space, input_shape) else 0.0,
        "delLayer": variation.del_layer if _parts_to_spare(genome) else 0.0,
    }
    name = _draw(operators, rng) or "mutateLayer"
    if name == "addLayer":
        changed = add_layer(genome, space, input_shape, rng)
    elif name == "delLayer":
        changed = del_layer(genome, rng)
    else:
        changed, name = mutate_layer(genome, space, variation, rng)
    return repair(changed, space, input_shape), name


def mutate_layer(
    genome: Genome, space: SearchSpace, variation: Variation, rng: random.Random
) -> tuple[Genome, str]:
    """Change one field of one randomly selected block; return the operator's name as well."""
    places = [(part, index) for part in PART_NAMES for index in range(len(getattr(genome, part)))]
    if not places:
        return genome, "mutateLayer"
    part, index = rng.choice(places)
    blocks = getattr(genome, part)
    operators = _LAYER_MUTATIONS[type(blocks[index])]
    weights = {name: getattr(variation, setting) for name, (setting, _) in operators.items()}
    name = _draw(weights, rng)
    changed = operators[name][1](blocks[index], space, variation, rng)
    return replace(genome, **{part: (*blocks[:index], changed, *blocks[index + 1 :])}), name


def add_layer(genome: Genome, space: SearchSpace, input_shape: Shape, rng: random.Random) -> Genome:
    """Insert a random block at a random position, the very end included, of a part below its cap."""
    part = rng.choice(_parts_with_room(genome, space, input_shape))
    blocks = getattr(genome, part)
    index = rng.randint(0, len(blocks))
    block = random_block(part, space, rng)
    return replace(genome, **{part: (*blocks[:index], block, *blocks[index:])})


def del_layer(genome: Genome, rng: random.Random) -> Genome:
    """Delete a randomly selected block of a part that has at least two."""
    places = [(part, i) for part in _parts_to_spare(genome) for i in range(len(getattr(genome, part)))]
    part, index = rng.choice(places)
    blocks = getattr(genome, part)
    return replace(genome, **{part: (*blocks[:index], *blocks[index + 1 :])})


def change_layer_size(block: Dense, space: SearchSpace, variation: Variation, rng: random.Random) -> Dense:
    """Add a Gaussian step to the number of units and round."""
    return replace(block, units=_gaussian_size(block.units, variation.units_width, space.dense_units))


def change_number_of_filters(
    block: Conv, space: SearchSpace, variation: Variation, rng: random.Random
) -> Conv:
    """Add a Gaussian step to the number of filters and round."""
    return replace(block, filters=_gaussian_size(block.filters, variation.filters_width, space.conv_filters))


def change_filter_size(block: Conv, space: SearchSpace, variation: Variation, rng: random.Random) -> Conv:
    """Draw another kernel size."""
    smallest, largest = space.kernel_size
    return replace(block, kernel_size=_another(block.kernel_size, range(smallest, largest + 1), rng))


def change_pool_size(block: MaxPool, space: SearchSpace, variation: Variation, rng: random.Random) -> MaxPool:
    """Draw another pool size."""
    return replace(block, pool_size=_another(block.pool_size, space.pool_sizes, rng))


def change_dropout(block: Any, space: SearchSpace, variation: Variation, rng: random.Random) -> Any:
    """Add a Gaussian step to the dropout rate, within its range and rounded to 1 %."""
    smallest, largest = space.dense_dropout if isinstance(block, Dense) else space.conv_dropout
    rate = round(_gaussian(block.dropout, variation.dropout_width), 2)
    return replace(block, dropout=min(max(smallest, rate), largest))  # in this order -0.0 becomes 0.0


def change_activation(block: Any, space: SearchSpace, variation: Variation, rng: random.Random) -> Any:
    """Draw another activation function."""
    choices = space.dense_activations if isinstance(block, Dense) else space.conv_activations
    return replace(block, activation=_another(block.activation, choices, rng))


def change_padding(block: Any, space: SearchSpace, variation: Variation, rng: random.Random) -> Any:
    """Draw another padding."""
    choices = space.pool_paddings if isinstance(block, MaxPool) else space.conv_paddings
    return replace(block, padding=_another(block.padding, choices, rng))


_LAYER_MUTATIONS: dict[type[Block], dict[str, tuple[str, LayerMutation]]] = {
    Dense: {
        "changeLayerSize": ("dense_size", change_layer_size),
        "changeDropOut": ("dense_dropout", change_dropout),
        "changeActivation": ("dense_activation", change_activation),
    },
    MaxPool: {
        "changePoolSize": ("pool_size", change_pool_size),
        "changePadding": ("pool_padding", change_padding),
    },
    Conv: {
        "changeNumberOfFilters": ("conv_filters", change_number_of_filters),
        "changeFilterSize": ("conv_kernel_size", change_filter_size),
        "changeActivation": ("conv_activation", change_activation),
        "changeDropOut": ("conv_dropout", change_dropout),
        "changePadding": ("conv_padding", change_padding),
    },
}


def _parts_with_room(genome: Genome, space: SearchSpace, input_shape: Shape) -> list[str]:
    parts = PART_NAMES if len(input_shape) > 1 else ("dense",)
    return [part for part in parts if len(getattr(genome, part)) < space.max_layers(part)]


def _parts_to_spare(genome: Genome) -> list[str]:
    return [part for part in PART_NAMES if len(getattr(genome, part)) > 1]


def _draw(weights: dict[str, float], rng: random.Random) -> str:
    if not sum(weights.values()) > 0:
        return ""
    return rng.choices(list(weights), weights=list(weights.values()))[0]


def _another(value: Any, choices: Sequence[Any], rng: random.Random) -> Any:
    others = [choice for choice in choices if choice != value]
    return rng.choice(others) if others else value


def _gaussian(value: float, width: float) -> float:
    (changed,), *_ = tools.mutGaussian([value], mu=0.0, sigma=width, indpb=1.0)
    return float(changed)


def _gaussian_size(value: int, width: float, bounds: tuple[int, int]) -> int:
    return min(max(round(_gaussian(value, width)), bounds[0]), bounds[1])
