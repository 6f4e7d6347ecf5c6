"""Laws of crossover: the children are those of the paper's formula, each part by itself."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from gakeras.encoding import Conv, Dense, Genome, SearchSpace
from gakeras.evolution.crossover import cross_part, mate
from gakeras.seeding import isolated

ROOMY = SearchSpace(max_conv_layers=20, max_dense_layers=20)


@pytest.fixture(autouse=True)
def seeded() -> Iterator[None]:
    with isolated(1):
        yield


def children_of_the_paper(first: str, second: str) -> set[tuple[str, str]]:
    """All children for cp1 in 1..k-1 and cp2 in 1..l-1 (section 3.2)."""
    return {
        (first[:cp1] + second[cp2:], second[:cp2] + first[cp1:])
        for cp1 in range(1, len(first))
        for cp2 in range(1, len(second))
    }


def genome_of(convs: str, denses: str) -> Genome:
    """A genome that has one block per letter, each its own."""
    return Genome(
        conv=tuple(Conv(10 + "abcdefABCDEF".index(letter), 3, "relu") for letter in convs),
        dense=tuple(Dense(10 + "abcdefABCDEF".index(letter), "relu") for letter in denses),
    )


@pytest.mark.parametrize(
    ("first", "second"), [("abcd", "ABC"), ("ab", "AB"), ("ab", "ABCDE"), ("abcdef", "ABCDEF")]
)
def test_the_children_are_those_of_the_paper_and_every_pair_of_cut_points_occurs(
    first: str, second: str
) -> None:
    drawn = {tuple("".join(child) for child in cross_part(first, second)) for _ in range(1000)}
    assert drawn == children_of_the_paper(first, second)


@pytest.mark.parametrize(("first", "second"), [("a", "ABC"), ("abc", "A"), ("a", "A"), ("", "ABC"), ("", "")])
def test_a_part_of_fewer_than_two_blocks_is_left_alone(first: str, second: str) -> None:
    for _ in range(50):
        assert cross_part(first, second) == (tuple(first), tuple(second))


def test_the_parts_are_crossed_separately() -> None:
    first, second = genome_of("abc", "abcd"), genome_of("ABC", "AB")
    drawn = {mate(first, second, ROOMY, (28, 28)) for _ in range(1000)}
    assert drawn == {
        (genome_of(conv_1, dense_1), genome_of(conv_2, dense_2))
        for conv_1, conv_2 in children_of_the_paper("abc", "ABC")
        for dense_1, dense_2 in children_of_the_paper("abcd", "AB")
    }


def test_one_part_is_crossed_where_the_other_cannot_be() -> None:
    first, second = genome_of("a", "abc"), genome_of("ABC", "ABC")
    for _ in range(50):
        child, other = mate(first, second, ROOMY, (28, 28))
        assert (child.conv, other.conv) == (first.conv, second.conv)
        assert child.dense != first.dense and other.dense != second.dense


def test_parents_stay_as_they_were() -> None:
    first, second = genome_of("abc", "abc"), genome_of("ABC", "ABC")
    mate(first, second, ROOMY, (28, 28))
    assert (first, second) == (genome_of("abc", "abc"), genome_of("ABC", "ABC"))


def test_both_children_are_repaired_into_the_caps() -> None:
    first, second = genome_of("abcdef", "abc"), genome_of("ABCDEF", "ABC")
    children = {child for _ in range(200) for child in mate(first, second, SearchSpace(), (28, 28))}
    assert {len(child.conv) for child in children} == {2, 3, 4, 5, 6}
    assert {len(child.dense) for child in children} == {2, 3}


def test_the_cut_depends_on_the_global_generator_alone() -> None:
    first, second = genome_of("abcdef", "abc"), genome_of("ABCDEF", "ABC")
    random.seed(3)
    children = mate(first, second, ROOMY, (28, 28))
    random.seed(3)
    assert mate(first, second, ROOMY, (28, 28)) == children
