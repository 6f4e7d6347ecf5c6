"""Laws of randomness: every seed is derived from the run's, and nobody rewinds anybody else's generator."""

from __future__ import annotations

import random

import pytest

from gakeras.seeding import derive_seed, isolated


def test_the_same_keys_give_the_same_seed_on_every_machine() -> None:
    assert derive_seed(7, "proposal", 3) == 1_160_245_779


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param((7, "fold", 1), (7, "fold", 2), id="another number"),
        pytest.param((7, "fold", 1), (8, "fold", 1), id="another run"),
        pytest.param((7, "fold", 1), (7, "fold", "1"), id="1 and '1'"),
        pytest.param((7, "fold", 1), (7, 1, "fold"), id="another order"),
        pytest.param((7, "fold", 11), (7, "fold", 1, 1), id="11 and 1, 1"),
        pytest.param((7, "ab", "c"), (7, "a", "bc"), id="the border between keys"),
        pytest.param((7,), (7, ""), id="a key and none"),
    ],
)
def test_different_keys_give_different_seeds(one: tuple[int, ...], other: tuple[int, ...]) -> None:
    assert derive_seed(*one) != derive_seed(*other)


def test_seeds_are_31_bit_integers_that_hardly_ever_meet() -> None:
    drawn = {derive_seed(7, "epoch", number) for number in range(5000)}
    assert len(drawn) > 4990
    assert 0 <= min(drawn) < 2**25 and 2**31 - 2**25 < max(drawn) < 2**31


def draw(seed: int) -> tuple[float, float]:
    with isolated(seed) as rng:
        return random.random(), rng.random()


def test_inside_both_generators_depend_on_the_seed_alone_and_differ() -> None:
    assert draw(5) == draw(5) != draw(6)
    assert len(set(draw(5))) == 2


def test_on_leaving_the_global_generator_is_as_it_was_whatever_was_seeded_inside() -> None:
    before = random.getstate()
    with isolated(5):
        random.seed(0)
        random.random()
    assert random.getstate() == before


def test_on_leaving_after_an_error_the_global_generator_is_as_it_was() -> None:
    before = random.getstate()
    with pytest.raises(ZeroDivisionError), isolated(5):
        random.seed(1 // 0)
    assert random.getstate() == before


def test_blocks_nest() -> None:
    with isolated(5):
        expected = random.random(), random.random()
    with isolated(5):
        first = random.random()
        draw(6)
        assert (first, random.random()) == expected
