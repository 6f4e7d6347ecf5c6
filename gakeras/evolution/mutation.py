"""Mutation by named operators (Vidnerova and Neruda 2018, section 3.2)."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from gakeras.encoding import Genome, GlobalPool, Learning, SearchSpace, random_block, repair
from gakeras.encoding.blocks import Shape
from gakeras.evolution.block_mutation import OPERATORS, gaussian, is_open
from gakeras.evolution.settings import Variation

PART_NAMES = ("conv", "dense")


def mutate(
    genome: Genome, space: SearchSpace, input_shape: Shape, variation: Variation, rng: random.Random
) -> tuple[Genome, str]:
    """Change a genome by mutateLayer, addLayer, delLayer, changeHead, or the change of a gene of learning.

    Return it repaired, and the name of what was done.

    The operator is drawn in proportion to its probability among those that apply: addLayer needs
    a part below its cap, delLayer a part of at least two blocks, so no part is ever emptied,
    changeHead convolutions and a space that leaves open whether there is a global pool,
    changeOptimizer, changeLearningRate and so on a space where these genes are not off. Where
    none applies, it is mutateLayer. Gaussian steps are DEAP's `mutGaussian`, which draws from
    Python's global generator (see `gakeras.seeding.isolated`); everything else is drawn from
    `rng`.
    """
    genes = space.learning.open_genes(images=len(input_shape) > 1)
    operators = {
        "mutateLayer": variation.mutate_layer if genome.blocks else 0.0,
        "addLayer": variation.add_layer if _parts_with_room(genome, space, input_shape) else 0.0,
        "delLayer": variation.del_layer if _parts_to_spare(genome) else 0.0,
        "changeHead": variation.change_head if genome.conv and is_open(space.global_pool) else 0.0,
        "changeLearning": variation.change_learning if genes else 0.0,
    }
    name = _draw(operators, rng) or "mutateLayer"
    if name == "addLayer":
        changed = add_layer(genome, space, input_shape, rng)
    elif name == "delLayer":
        changed = del_layer(genome, rng)
    elif name == "changeHead":
        changed = change_head(genome)
    elif name == "changeLearning":
        changed, name = change_learning(genome, genes, space, variation, rng)
    else:
        changed, name = mutate_layer(genome, space, variation, rng)
    return repair(changed, space, input_shape), name


def mutate_layer(
    genome: Genome, space: SearchSpace, variation: Variation, rng: random.Random
) -> tuple[Genome, str]:
    """Change one field of one randomly selected block; return the operator's name as well."""
    weights = {
        (part, index): {
            name: operator.weight(block, space, variation)
            for name, operator in OPERATORS[type(block)].items()
        }
        for part in PART_NAMES
        for index, block in enumerate(getattr(genome, part))
    }
    places = [place for place, of_operators in weights.items() if sum(of_operators.values()) > 0]
    if not places:
        return genome, "mutateLayer"
    part, index = place = rng.choice(places)
    blocks = getattr(genome, part)
    name = _draw(weights[place], rng)
    changed = OPERATORS[type(blocks[index])][name].change(blocks[index], space, variation, rng)
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


def change_head(genome: Genome) -> Genome:
    """Put global pooling in place of the flattened image, or the other way round."""
    return replace(genome, head=() if genome.head else (GlobalPool(),))


def change_learning(
    genome: Genome, genes: Sequence[str], space: SearchSpace, variation: Variation, rng: random.Random
) -> tuple[Genome, str]:
    """Change one of these genes of learning; return the operator's name as well."""
    gene = rng.choice(genes)
    step = gaussian(0.0, variation.learning_width)
    changed = space.learning.step((*genome.learning, Learning())[0], gene, step, rng)
    name = "change" + "".join(word.capitalize() for word in gene.split("_"))
    return replace(genome, learning=(changed,)), name


def _parts_with_room(genome: Genome, space: SearchSpace, input_shape: Shape) -> list[str]:
    parts = PART_NAMES if len(input_shape) > 1 else ("dense",)
    return [part for part in parts if len(getattr(genome, part)) < space.max_layers(part)]


def _parts_to_spare(genome: Genome) -> list[str]:
    return [part for part in PART_NAMES if len(getattr(genome, part)) > 1]


def _draw(weights: dict[str, float], rng: random.Random) -> str:
    if not sum(weights.values()) > 0:
        return ""
    return rng.choices(list(weights), weights=list(weights.values()))[0]
