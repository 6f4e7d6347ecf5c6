"""Laws of variation in the wide space, and the streams of the older spaces, which stay what they were."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wide_genomes import EVERYTHING, OFTEN

from gakeras.encoding import Conv, Dense, Genome, GlobalPool, Inception, SearchSpace, build_model, genome_cost
from gakeras.encoding.costs import trace_shapes
from gakeras.evolution import Variation, make_toolbox
from gakeras.evolution.block_mutation import OPERATORS
from gakeras.evolution.crossover import mate
from gakeras.evolution.mutation import mutate, mutate_layer
from gakeras.seeding import isolated

law = settings(deadline=None, derandomize=True)
seeds = st.integers(0, 2**32)
IMAGE = (28, 28)
CONV, MODULE, DENSE = Conv(4, 3, "relu"), Inception(2, "relu", (1, 3), projection=5), Dense(8, "relu")

# a block, the operator's name, the field that it changes
NEW = {
    "conv_normalise": (CONV, "changeNormalisation", "normalise"),
    "conv_separable": (CONV, "changeSeparation", "separable"),
    "conv_residual": (CONV, "changeSkip", "residual"),
    "dense_normalise": (DENSE, "changeNormalisation", "normalise"),
    "inception_filters": (MODULE, "changeNumberOfFilters", "filters"),
    "inception_activation": (MODULE, "changeActivation", "activation"),
    "inception_dropout": (MODULE, "changeDropOut", "dropout"),
    "inception_branches": (MODULE, "changeBranches", "branches"),
    "inception_projection": (MODULE, "changeProjection", "projection"),
    "inception_normalise": (MODULE, "changeNormalisation", "normalise"),
    "inception_residual": (MODULE, "changeSkip", "residual"),
}


def one_block(block: Any) -> Genome:
    return Genome(dense=(block,)) if isinstance(block, Dense) else Genome(conv=(block,))


def changed_fields(before: Any, after: Any) -> set[str]:
    return {f.name for f in fields(before) if getattr(before, f.name) != getattr(after, f.name)}


@pytest.mark.parametrize("setting", NEW)
def test_an_operator_changes_its_one_field_and_stays_in_the_space(setting: str) -> None:
    block, name, field = NEW[setting]
    prefix = setting.split("_")[0] + "_"
    off = {f.name: 0.0 for f in fields(Variation) if f.name.startswith(prefix)}
    rng, variation = random.Random(1), Variation(**(off | {setting: 1.0}))
    changed = set()
    with isolated(1):
        for _ in range(200):
            after, drawn = mutate_layer(one_block(block), OFTEN, variation, rng)
            assert drawn == name and OFTEN.clip(after.blocks[0]) == after.blocks[0]
            changed |= changed_fields(block, after.blocks[0])
    assert changed == {field}
    assert OPERATORS[type(block)][name].setting == setting


def test_two_branches_stay_and_all_may_come() -> None:
    rng, widths = random.Random(1), Counter()
    variation = Variation(mutate_layer=1, **{f"inception_{name}": 0 for name in OTHERS})
    genome = one_block(MODULE)
    for _ in range(200):
        genome, _ = mutate_layer(genome, OFTEN, variation, rng)
        widths[genome.conv[0].branches] += 1
    assert {len(branches) for branches in widths} == {2, 3, 4} and len(widths) == 6 + 4 + 1


OTHERS = ("filters", "activation", "dropout", "projection", "normalise", "residual")


def test_a_projection_comes_and_goes_where_the_space_leaves_it_open() -> None:
    variation = Variation(
        **{f"inception_{name}": 0 for name in (*OTHERS, "branches") if name != "projection"}
    )
    for space, may_lack in ((OFTEN, True), (replace(OFTEN, inception_projected=1), False)):
        genome, found = one_block(MODULE), set()
        with isolated(1) as rng:
            for _ in range(100):
                genome, _ = mutate_layer(genome, space, variation, rng)
                found.add(genome.conv[0].projection)
        assert found - {0} == set(range(3, 10)) and (0 in found) == may_lack


@pytest.mark.parametrize("space", [SearchSpace(), SearchSpace.paper()], ids=["plain", "paper"])
def test_what_a_space_lacks_is_not_mutated(space: SearchSpace) -> None:
    rng, genome = random.Random(1), Genome((Conv(20, 3, "relu"),), (Dense(20, "relu"),))
    with isolated(1):
        drawn = {mutate(genome, space, IMAGE, Variation(change_head=5.0), rng)[1] for _ in range(300)}
    assert not drawn & {"changeNormalisation", "changeSeparation", "changeSkip", "changeHead"}


def test_a_skip_holds_the_padding_and_a_valid_convolution_has_no_skip() -> None:
    rng = random.Random(1)
    for block, absent in (
        (replace(CONV, residual=True), "changePadding"),
        (replace(CONV, padding="valid"), "changeSkip"),
    ):
        with isolated(1):
            drawn = {mutate_layer(one_block(block), OFTEN, Variation(), rng)[1] for _ in range(300)}
        assert absent not in drawn and len(drawn) == len(OPERATORS[Conv]) - 1


def test_a_block_that_no_operator_can_change_is_left_alone() -> None:
    """All that may happen to convolutions is off in this space; the dense layer is what changes."""
    conv = {f.name: 0.0 for f in fields(Variation) if f.name.startswith("conv_")}
    variation = Variation(**(conv | {"conv_normalise": 1.0}))
    genome, rng = Genome((Conv(20, 3, "relu"),), (Dense(20, "relu"),)), random.Random(1)
    with isolated(1):
        mutants = [mutate_layer(genome, SearchSpace(), variation, rng)[0] for _ in range(50)]
        alone = mutate_layer(Genome(conv=genome.conv), SearchSpace(), variation, rng)
    assert {mutant.conv for mutant in mutants} == {genome.conv} and len(set(mutants)) > 5
    assert alone == (Genome(conv=genome.conv), "mutateLayer")


def test_the_head_changes_with_its_probability_and_by_itself() -> None:
    variation, rng = (
        Variation(change_head=1.0, mutate_layer=0, add_layer=0.5, del_layer=0.5),
        random.Random(1),
    )
    genome = Genome((CONV, CONV), (DENSE,))
    with isolated(1):
        mutants = [mutate(genome, OFTEN, IMAGE, variation, rng) for _ in range(400)]
    headed = [mutant for mutant, name in mutants if name == "changeHead"]
    assert set(headed) == {replace(genome, head=(GlobalPool(),))}
    assert len(headed) / 400 == pytest.approx(0.5, abs=0.08)
    with isolated(1):
        back, _ = mutate(headed[0], OFTEN, IMAGE, replace(variation, add_layer=1e-9, del_layer=0), rng)
    assert back == genome


def test_the_head_goes_with_the_last_block_before_it() -> None:
    first, second = (Genome((CONV, replace(CONV, filters=n)), (DENSE,)) for n in (5, 6))
    first = replace(first, head=(GlobalPool(),))
    with isolated(1):
        for child in (child for _ in range(20) for child in mate(first, second, OFTEN, IMAGE)):
            assert bool(child.head) == (child.conv[-1].filters == 5)
        single = replace(second, conv=second.conv[:1])
        kept = mate(first, single, OFTEN, IMAGE)
    assert [bool(child.head) for child in kept] == [True, False]


@law
@given(st.lists(st.sampled_from(["mate", "mutate"]), min_size=1, max_size=12), seeds)
def test_any_chain_of_operators_stays_in_the_space_and_fits_the_input(chain: list[str], seed: int) -> None:
    for genome in follow(chain, seed, (8, 8)):
        assert genome in OFTEN
        assert all(block.output_shape(arriving) for block, arriving in trace_shapes(genome, (8, 8)))
        assert genome.conv and genome.dense


def follow(chain: list[str], seed: int, shape: tuple[int, ...]) -> list[Genome]:
    toolbox = make_toolbox(OFTEN, shape, Variation(change_head=0.3))
    offspring: list[Genome] = []
    with isolated(seed) as rng:
        pair = toolbox.individual(rng), EVERYTHING
        for step in chain:
            if step == "mate":
                pair = toolbox.mate(*pair)
            else:
                pair = (toolbox.mutate(pair[0], rng=rng)[0], toolbox.mutate(pair[1], rng=rng)[0])
            offspring.extend(pair)
    return offspring


@pytest.mark.parametrize("seed", [3, 4])
def test_what_a_chain_of_operators_gives_is_built_by_keras(seed: int) -> None:
    for genome in follow(["mate", "mutate"] * 6, seed, (12, 12, 3))[-2:]:
        model = build_model(genome, (12, 12, 3), outputs=10)
        trained = sum(keras_size(weight) for weight in model.trainable_weights)
        assert trained == genome_cost(genome, (12, 12, 3), outputs=10).parameters


def keras_size(weight: Any) -> int:
    size = 1
    for length in weight.shape:
        size *= length
    return size


@pytest.mark.parametrize(
    ("space", "variation", "digests", "next_number"),
    [
        pytest.param(
            SearchSpace(),
            Variation(),
            ["caa4a8ebcf007f8f3d99", "4f845e550f93ad6919da"],
            0.3634604477224638,
            id="plain",
        ),
        pytest.param(
            SearchSpace.paper(),
            Variation.paper(),
            ["e716dc98bf461f67931a", "a87317e3b407bde35d2b"],
            0.9161334016809198,
            id="paper",
        ),
    ],
)
def test_the_spaces_without_additions_draw_what_they_always_drew(
    space: SearchSpace, variation: Variation, digests: list[str], next_number: float
) -> None:
    """Literals from before there were additions: runs of then must go on and repeat."""
    toolbox = make_toolbox(space, IMAGE, variation)
    with isolated(11) as rng:
        pair = toolbox.individual(rng), toolbox.individual(rng)
        for _ in range(40):
            pair = toolbox.mate(*pair)
            pair = toolbox.mutate(pair[0], rng=rng)[0], toolbox.mutate(pair[1], rng=rng)[0]
        assert [genome.digest for genome in pair] == digests and rng.random() == next_number
