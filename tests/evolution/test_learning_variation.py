"""Laws of the variation of learning genes: they are mutated one by one and swapped between parents."""

from __future__ import annotations

import random
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gakeras.encoding import Conv, Dense, Genome, Learning, LearningSpace, SearchSpace
from gakeras.evolution import Variation, make_toolbox
from gakeras.evolution.crossover import cross_learning, mate
from gakeras.evolution.mutation import mutate
from gakeras.fitness.options import TrainingOptions, training_of
from gakeras.seeding import isolated

GENES = LearningSpace(
    optimizers=("adam", "rmsprop"),
    learning_rate=(0.0003, 0.01),
    batch_sizes=(32, 64),
    schedules=("constant", "cosine"),
    flip=0.5,
    shift=(0.0, 0.2),
    crop=(0.0, 0.1),
    erase=(0.0, 0.4),
)
SPACE = SearchSpace(learning=GENES)
GENES = Learning("adam", 0.001, 32, "cosine", False, 0.1, 0.0, 0.0)
GENOME = Genome((Conv(20, 3, "relu"),), (Dense(20, "relu"),), learning=(GENES,))
OPERATORS = {
    "changeOptimizer": "optimizer",
    "changeLearningRate": "learning_rate",
    "changeBatchSize": "batch_size",
    "changeSchedule": "schedule",
    "changeFlip": "flip",
    "changeShift": "shift",
    "changeCrop": "crop",
    "changeErase": "erase",
}
NOTHING_ELSE = Variation(mutate_layer=0, add_layer=1e-9, del_layer=0, change_learning=1.0)


def mutants(space: SearchSpace, shape: tuple[int, ...], genome: Genome = GENOME) -> list[tuple[Genome, str]]:
    with isolated(1) as rng:
        return [mutate(genome, space, shape, NOTHING_ELSE, rng) for _ in range(300)]


def test_an_operator_changes_the_one_gene_that_it_names() -> None:
    seen: dict[str, set[str]] = {}
    for after, name in mutants(SPACE, (28, 28)):
        before, genes = GENOME.learning[0], after.learning[0]
        changed = {f.name for f in fields(before) if getattr(before, f.name) != getattr(genes, f.name)}
        seen.setdefault(name, set()).update(changed)
        assert after in SPACE and replace(after, learning=()) == replace(GENOME, learning=())
    assert seen == {name: {gene} for name, gene in OPERATORS.items()}


def test_a_table_has_no_augmentation_and_a_space_without_genes_no_operators_on_them() -> None:
    table = Genome(dense=GENOME.dense)
    assert {name for _, name in mutants(SPACE, (30,), table)} == set(list(OPERATORS)[:4])
    variation = Variation(change_learning=9.0)
    with isolated(1) as rng:
        names = {mutate(table, SearchSpace(), (30,), variation, rng)[1] for _ in range(100)}
    assert not names & set(OPERATORS)


def test_learning_rates_move_by_factors_of_the_width_of_the_settings() -> None:
    moved = [after.learning[0].learning_rate for after, name in mutants(SPACE, (28, 28)) if "Rate" in name]
    assert all(0.0003 <= rate <= 0.01 for rate in moved) and min(moved) < 0.0006 < 0.0015 < max(moved)


def test_each_gene_of_a_child_is_that_of_a_parent_and_its_twin_has_the_other() -> None:
    first, second = Learning("adam", 0.001, 32, "cosine", True), Learning("sgd", 0.1, 64, "constant")
    patterns = set()
    with isolated(1):
        for _ in range(100):
            (one,), (other,) = cross_learning((first,), (second,))
            pairs = [tuple(getattr(genes, f.name) for genes in (one, other)) for f in fields(first)]
            parents = [tuple(getattr(genes, f.name) for genes in (first, second)) for f in fields(first)]
            assert all(pair in (parent, parent[::-1]) for pair, parent in zip(pairs, parents, strict=True))
            patterns.add(one)
    assert len(patterns) > 16


def test_parents_without_genes_draw_nothing() -> None:
    with isolated(1):
        assert cross_learning((), ()) == ((), ())
        after = random.random()
    with isolated(1):
        assert random.random() == after


@settings(deadline=None, derandomize=True)
@given(st.integers(0, 2**32), st.sampled_from([(28, 28), (30,)]))
def test_any_chain_of_operators_stays_in_the_space(seed: int, shape: tuple[int, ...]) -> None:
    toolbox = make_toolbox(SPACE, shape, Variation(change_learning=0.5))
    with isolated(seed) as rng:
        pair = toolbox.individual(rng), toolbox.individual(rng)
        for _ in range(6):
            pair = mate(*pair, SPACE, shape)
            pair = toolbox.mutate(pair[0], rng=rng)[0], toolbox.mutate(pair[1], rng=rng)[0]
            assert all(genome in SPACE and genome.learning for genome in pair)


@pytest.mark.parametrize(
    ("genes", "expected"),
    [
        ({}, {}),
        ({"batch_size": 32, "schedule": "cosine"}, {"batch_size": 32, "schedule": "cosine"}),
        ({"learning_rate": 0.1}, {"learning_rate": 0.1}),
        ({"optimizer": "sgd"}, {"optimizer": "sgd", "learning_rate": None}),
        ({"optimizer": "sgd", "learning_rate": 0.2}, {"optimizer": "sgd", "learning_rate": 0.2}),
        ({"flip": True, "shift": 0.1}, {"flip": True, "shift": 0.1}),
        ({"flip": False, "shift": 0.0}, {"flip": False, "shift": 0.0}),
        ({"erase": 0.3}, {"erase": 0.3}),
    ],
    ids=str,
)
def test_training_is_as_the_genes_say_and_else_as_the_run(
    genes: dict[str, Any], expected: dict[str, Any]
) -> None:
    options = TrainingOptions(7, 128, "rmsprop", 0.003, shift=0.2, flip=True)
    genome = replace(GENOME, learning=(Learning(**genes),))
    assert training_of(genome, options) == replace(options, **expected)
    assert training_of(replace(GENOME, learning=()), options) == options
