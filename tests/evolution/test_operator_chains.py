"""The law of variation: any chain of operators on any genomes gives genomes of the space that build."""

from __future__ import annotations

import random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gakeras.encoding import Genome, SearchSpace, build_model, genome_cost, random_genome
from gakeras.encoding.blocks import Shape
from gakeras.encoding.costs import trace_shapes
from gakeras.evolution import Variation, make_toolbox
from gakeras.seeding import isolated

law = settings(deadline=None, derandomize=True)
seeds = st.integers(0, 2**32)
chains = st.lists(st.sampled_from(["mate", "mutate"]), min_size=1, max_size=12)
SPACES = {
    "default": (SearchSpace(), Variation()),
    "paper": (SearchSpace.paper(), Variation.paper()),
    "narrow": (SearchSpace(max_conv_layers=2, max_dense_layers=1), Variation(add_layer=2.0)),
    "no convolutions": (SearchSpace(max_conv_layers=0), Variation()),
}
spaces = st.sampled_from(sorted(SPACES))
shapes = st.sampled_from([(28, 28), (8, 8), (32, 32, 3), (30,)])
FOREIGN = SearchSpace(max_conv_layers=12, max_dense_layers=6, conv_filters=(1, 90), pool_sizes=(1, 4, 7))


def follow(chain: list[str], seed: int, name: str, shape: Shape, *, foreign: bool) -> list[Genome]:
    """Start from two random genomes, apply the operators in turn, and return all that came about."""
    space, variation = SPACES[name]
    toolbox = make_toolbox(space, shape, variation)
    offspring: list[Genome] = []
    with isolated(seed) as rng:
        origin, size = (FOREIGN, (400, 400)) if foreign else (space, shape)
        pair = (random_genome(origin, size, rng), random_genome(origin, size, rng))
        for step in chain:
            if step == "mate":
                pair = toolbox.mate(*pair)
            else:
                pair = (toolbox.mutate(pair[0], rng=rng)[0], toolbox.mutate(pair[1], rng=rng)[0])
            offspring.extend(pair)
    return offspring


@law
@given(chains, seeds, spaces, shapes, st.booleans())
def test_any_chain_of_operators_on_any_genomes_stays_in_the_space_and_fits_the_input(
    chain: list[str], seed: int, name: str, shape: Shape, foreign: bool
) -> None:
    for genome in follow(chain, seed, name, shape, foreign=foreign):
        assert genome in SPACES[name][0]
        assert all(block.output_shape(arriving) for block, arriving in trace_shapes(genome, shape))
        assert genome.dense and bool(genome.conv) == (len(shape) > 1 and name != "no convolutions")


@law
@given(chains, seeds, spaces)
@example(["mutate"], 0, "default")
def test_any_chain_of_operators_accepts_genomes_without_blocks(
    chain: list[str], seed: int, name: str
) -> None:
    space, variation = SPACES[name]
    toolbox = make_toolbox(space, (28, 28), variation)
    pair = (Genome(), Genome())
    with isolated(seed) as rng:
        for step in chain:
            pair = toolbox.mate(*pair) if step == "mate" else (toolbox.mutate(pair[0], rng=rng)[0], pair[1])
    assert pair[0] in space and pair[1] == Genome()


@pytest.mark.parametrize("shape", [(28, 28), (8, 8), (32, 32, 3), (30,)], ids=str)
@pytest.mark.parametrize("foreign", [False, True], ids=["of the space", "foreign"])
def test_what_a_chain_of_operators_gives_is_built_by_keras(shape: Shape, foreign: bool) -> None:
    chain = random.Random(3).choices(["mate", "mutate"], k=12)
    for genome in follow(chain, 3, "default", shape, foreign=foreign)[-3:]:
        model = build_model(genome, shape, outputs=10)
        assert model.count_params() == genome_cost(genome, shape, outputs=10).parameters


def test_operators_depend_on_the_seed_and_on_nothing_else() -> None:
    chain = ["mate", "mutate"] * 6
    random.seed(1)
    first = follow(chain, 5, "default", (28, 28), foreign=False)
    random.seed(2)
    assert follow(chain, 5, "default", (28, 28), foreign=False) == first
    assert follow(chain, 6, "default", (28, 28), foreign=False) != first
