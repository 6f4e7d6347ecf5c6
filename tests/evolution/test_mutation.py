"""Laws of mutation: each named operator changes only what its name says."""

from __future__ import annotations

import random
import statistics
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from gakeras.encoding import Block, Conv, Dense, Genome, MaxPool, SearchSpace, random_genome
from gakeras.evolution import Variation
from gakeras.evolution.block_mutation import (
    change_activation,
    change_dropout,
    change_filter_size,
    change_layer_size,
    change_number_of_filters,
    change_padding,
    change_pool_size,
)
from gakeras.evolution.mutation import add_layer, del_layer, mutate, mutate_layer
from gakeras.seeding import isolated

law = settings(deadline=None, derandomize=True)
seeds = st.integers(0, 2**32)

SPACE = SearchSpace()
IMAGE = (28, 28)
CONV = Conv(30, 3, "relu")
POOL = MaxPool(2)
DENSE = Dense(150, "tanh", 0.2)

# setting -> (a block, the operator's name, the operator, the field it changes)
OPERATORS: dict[str, tuple[Block, str, Callable[..., Any], str]] = {
    "dense_size": (DENSE, "changeLayerSize", change_layer_size, "units"),
    "dense_dropout": (DENSE, "changeDropOut", change_dropout, "dropout"),
    "dense_activation": (DENSE, "changeActivation", change_activation, "activation"),
    "pool_size": (POOL, "changePoolSize", change_pool_size, "pool_size"),
    "pool_padding": (POOL, "changePadding", change_padding, "padding"),
    "conv_filters": (CONV, "changeNumberOfFilters", change_number_of_filters, "filters"),
    "conv_kernel_size": (CONV, "changeFilterSize", change_filter_size, "kernel_size"),
    "conv_activation": (CONV, "changeActivation", change_activation, "activation"),
    "conv_dropout": (CONV, "changeDropOut", change_dropout, "dropout"),
    "conv_padding": (CONV, "changePadding", change_padding, "padding"),
}
FIELDS = {name: field for _, name, _, field in OPERATORS.values()}


@pytest.fixture(autouse=True)
def seeded() -> Iterator[None]:
    with isolated(1):
        yield


def only(name: str) -> Variation:
    """Settings that leave one operator of all on blocks, or one on genomes."""
    prefix = name.split("_")[0] if name in OPERATORS else ""
    group = [other for other in OPERATORS if other.split("_")[0] == prefix]
    return Variation(
        **{other: float(other == name) for other in group or ("mutate_layer", "add_layer", "del_layer")}
    )


def one_block(block: Block) -> Genome:
    return Genome(dense=(block,)) if isinstance(block, Dense) else Genome(conv=(block,))


def changed_fields(before: Block, after: Block) -> set[str]:
    assert type(before) is type(after)
    return {f.name for f in fields(before) if getattr(before, f.name) != getattr(after, f.name)}


@pytest.mark.parametrize("setting", OPERATORS)
def test_an_operator_changes_its_one_field_and_stays_in_the_space(setting: str) -> None:
    block, _, operator, field = OPERATORS[setting]
    rng = random.Random(1)
    changed = [operator(block, SPACE, Variation(), rng) for _ in range(300)]
    assert {field} == set().union(*(changed_fields(block, after) for after in changed))
    assert all(one_block(after) in SPACE for after in changed)


@pytest.mark.parametrize("setting", OPERATORS)
def test_an_operator_alone_in_its_group_is_always_drawn(setting: str) -> None:
    block, name, _, field = OPERATORS[setting]
    rng = random.Random(1)
    for _ in range(50):
        after, drawn = mutate_layer(one_block(block), SPACE, only(setting), rng)
        assert drawn == name and changed_fields(block, after.blocks[0]) <= {field}


@pytest.mark.parametrize("setting", OPERATORS)
def test_probability_0_turns_an_operator_off(setting: str) -> None:
    block, name, _, field = OPERATORS[setting]
    rng = random.Random(1)
    drawn = [mutate_layer(one_block(block), SPACE, Variation(**{setting: 0.0}), rng) for _ in range(200)]
    assert name not in {operator for _, operator in drawn}
    assert field not in set().union(*(changed_fields(block, after.blocks[0]) for after, _ in drawn))


def test_operators_are_drawn_in_proportion_to_their_probabilities() -> None:
    rng, variation = random.Random(1), Variation(conv_filters=6.0, conv_padding=0.5)
    drawn = Counter(mutate_layer(one_block(CONV), SPACE, variation, rng)[1] for _ in range(4000))
    shares = {name: count / 4000 for name, count in drawn.items()}
    assert shares["changeNumberOfFilters"] == pytest.approx(6 / 9.5, abs=0.03)
    assert shares["changePadding"] == pytest.approx(0.5 / 9.5, abs=0.03)


@law
@given(seeds)
def test_mutate_layer_changes_one_field_of_one_block(seed: int) -> None:
    rng = random.Random(seed)
    before = random_genome(SPACE, IMAGE, rng)
    after, name = mutate_layer(before, SPACE, Variation(), rng)
    assert (len(after.conv), len(after.dense)) == (len(before.conv), len(before.dense))
    changes = [
        changed_fields(*pair) for pair in zip(before.blocks, after.blocks, strict=True) if len(set(pair)) > 1
    ]
    assert changes in ([], [{FIELDS[name]}])


def test_mutate_layer_reaches_every_block() -> None:
    rng, genome = random.Random(1), Genome(conv=(CONV, POOL, CONV), dense=(DENSE, DENSE))
    mutants = [mutate_layer(genome, SPACE, Variation(), rng)[0] for _ in range(300)]
    assert {i for mutant in mutants for i in range(5) if mutant.blocks[i] != genome.blocks[i]} == set(
        range(5)
    )


@pytest.mark.parametrize(
    "setting", ["dense_activation", "pool_size", "pool_padding", "conv_kernel_size", "conv_padding"]
)
def test_a_choice_is_always_another_one_where_there_is_one(setting: str) -> None:
    block, _, operator, field = OPERATORS[setting]
    rng = random.Random(1)
    for _ in range(100):
        assert changed_fields(block, operator(block, SPACE, Variation(), rng)) == {field}
    assert change_pool_size(POOL, SearchSpace(pool_sizes=(2,)), Variation(), rng) == POOL


@pytest.mark.parametrize(
    ("operator", "block", "field", "bounds"),
    [
        pytest.param(change_layer_size, DENSE, "units", SPACE.dense_units, id="units"),
        pytest.param(change_number_of_filters, CONV, "filters", SPACE.conv_filters, id="filters"),
    ],
)
def test_gaussian_sizes_are_whole_numbers_that_reach_both_ends_of_their_range(
    operator: Callable[..., Any], block: Block, field: str, bounds: tuple[int, int]
) -> None:
    rng, variation = random.Random(1), Variation(units_width=200, filters_width=30)
    sizes = [getattr(operator(block, SPACE, variation, rng), field) for _ in range(500)]
    assert {type(size) for size in sizes} == {int}
    assert (min(sizes), max(sizes)) == bounds


@pytest.mark.parametrize(
    ("operator", "block", "field", "width"),
    [
        pytest.param(change_layer_size, DENSE, "units", 30, id="units"),
        pytest.param(change_number_of_filters, CONV, "filters", 6, id="filters"),
        pytest.param(change_dropout, DENSE, "dropout", 0.05, id="dense dropout"),
        pytest.param(change_dropout, replace(CONV, dropout=0.2), "dropout", 0.05, id="conv dropout"),
    ],
)
def test_gaussian_steps_have_the_width_of_the_settings_around_the_old_value(
    operator: Callable[..., Any], block: Block, field: str, width: float
) -> None:
    rng, variation = random.Random(1), Variation(dropout_width=0.05)
    values = [getattr(operator(block, SPACE, variation, rng), field) for _ in range(2000)]
    assert statistics.fmean(values) == pytest.approx(getattr(block, field), abs=width / 10)
    assert statistics.stdev(values) == pytest.approx(width, rel=0.1)


def test_a_dropout_rate_is_never_minus_zero() -> None:
    rng, block = random.Random(1), Dense(10, "relu", 0.01)
    texts = {str(change_dropout(block, SPACE, Variation(), rng)) for _ in range(500)}
    assert not [text for text in texts if "-" in text]


def test_add_layer_inserts_one_block_anywhere_the_start_and_the_end_included() -> None:
    rng, genome = random.Random(1), Genome(conv=(CONV, POOL), dense=(DENSE,))
    places = set()
    for _ in range(300):
        after = add_layer(genome, SPACE, IMAGE, rng)
        part = "conv" if len(after.conv) > 2 else "dense"
        blocks, old = getattr(after, part), getattr(genome, part)
        assert len(after.blocks) == 4
        places |= {(part, i) for i in range(len(blocks)) if blocks[:i] + blocks[i + 1 :] == old}
    assert places == {("conv", 0), ("conv", 1), ("conv", 2), ("dense", 0), ("dense", 1)}


@pytest.mark.parametrize("shape", [IMAGE, (30,)], ids=str)
def test_add_layer_adds_only_to_a_part_below_its_cap(shape: tuple[int, ...]) -> None:
    rng, genome = random.Random(1), Genome(conv=(CONV,) * 6, dense=(DENSE,))
    for _ in range(50):
        assert add_layer(genome, SPACE, shape, rng).conv == genome.conv
    assert add_layer(Genome(), SPACE, (30,), rng).conv == ()


def test_del_layer_deletes_any_one_block_and_never_empties_a_part() -> None:
    rng = random.Random(1)
    convs = tuple(Conv(filters, 3, "relu") for filters in (10, 11, 12))
    genome = Genome(conv=convs, dense=(DENSE,))
    assert {del_layer(genome, rng) for _ in range(100)} == {
        Genome(conv=convs[:i] + convs[i + 1 :], dense=(DENSE,)) for i in range(3)
    }


@law
@given(seeds)
def test_no_part_is_ever_emptied(seed: int) -> None:
    rng = random.Random(seed)
    genome = random_genome(SPACE, IMAGE, rng)
    for _ in range(10):
        genome, _ = mutate(genome, SPACE, IMAGE, only("del_layer"), rng)
        assert genome.conv and genome.dense


@pytest.mark.parametrize(
    ("setting", "name"), [("mutate_layer", None), ("add_layer", "addLayer"), ("del_layer", "delLayer")]
)
def test_mutate_applies_the_operator_it_names(setting: str, name: str | None) -> None:
    rng, genome = random.Random(1), Genome(conv=(CONV,) * 3, dense=(DENSE,) * 2)
    growth = {"mutate_layer": 0, "add_layer": 1, "del_layer": -1}[setting]
    for _ in range(100):
        after, drawn = mutate(genome, SPACE, (64, 64), only(setting), rng)
        assert len(after.blocks) == len(genome.blocks) + growth
        assert drawn == name if name else drawn in FIELDS


@pytest.mark.parametrize("setting", ["mutate_layer", "add_layer", "del_layer"])
def test_probability_0_turns_an_operator_on_genomes_off(setting: str) -> None:
    rng, genome = random.Random(1), Genome(conv=(CONV,) * 3, dense=(DENSE,) * 2)
    drawn = {mutate(genome, SPACE, IMAGE, Variation(**{setting: 0.0}), rng)[1] for _ in range(200)}
    kinds = {"mutate_layer": set(FIELDS), "add_layer": {"addLayer"}, "del_layer": {"delLayer"}}
    assert drawn == set().union(*(names for other, names in kinds.items() if other != setting)) - {
        "changePoolSize"
    }


def test_the_probabilities_are_shared_among_the_operators_that_apply() -> None:
    """A genome at both caps cannot grow, one of single blocks cannot shrink."""
    rng = random.Random(1)
    full, bare = Genome(conv=(CONV,) * 6, dense=(DENSE,) * 3), Genome(conv=(CONV,), dense=(DENSE,))
    assert "addLayer" not in {mutate(full, SPACE, IMAGE, Variation(), rng)[1] for _ in range(100)}
    assert "delLayer" not in {mutate(bare, SPACE, IMAGE, Variation(), rng)[1] for _ in range(100)}


@law
@given(seeds)
def test_the_paper_varies_neither_dropout_nor_padding_of_convolutions_and_pools(seed: int) -> None:
    rng = random.Random(seed)
    before = random_genome(SPACE, IMAGE, rng)
    after, _ = mutate_layer(before, SPACE, Variation.paper(), rng)
    assert [(block.padding, block.dropout) for block in after.conv] == [
        (block.padding, block.dropout) for block in before.conv
    ]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        pytest.param({"crossover_probability": 1.1}, "less than or equal to 1", id="over 1"),
        pytest.param({"add_layer": -0.1}, "greater than or equal to 0", id="below 0"),
        pytest.param({"units_width": 0}, "greater than 0", id="no width"),
        pytest.param(
            {"pool_size": 0, "pool_padding": 0}, r"pool_\*: at least one", id="a group without operators"
        ),
        pytest.param({"mutation_rate": 0.5}, "mutation_rate", id="an unknown field"),
    ],
)
def test_impossible_settings_are_refused(wrong: dict[str, float], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Variation(**wrong)
