"""Laws of fitness and selection: the lower loss is the fitter, and fitter parents are selected more often."""

from __future__ import annotations

import copy
import itertools
import math
import pickle
from collections import Counter

import pytest
from deap import tools

from gakeras.encoding import Genome, SearchSpace
from gakeras.evolution import (
    Fitness,
    Individual,
    SearchState,
    Variation,
    discard_worst,
    make_toolbox,
    replace_generation,
)
from gakeras.seeding import isolated


def individuals(*losses: float, first_id: int = 0) -> tuple[Individual, ...]:
    return tuple(Individual(first_id + i, Genome(), Fitness([loss])) for i, loss in enumerate(losses))


def test_the_lower_loss_is_the_fitter_and_a_diverged_one_the_worst() -> None:
    for better, worse in itertools.combinations([-1.0, 0.0, 0.3, 0.30001, 7.0, math.inf], 2):
        assert Fitness([better]) > Fitness([worse])
        assert max(Fitness([better]), Fitness([worse])).values == (better,)
    assert Fitness([0.3]) == Fitness([0.3])


def test_weights_say_what_is_minimised_and_what_maximised() -> None:
    weights = (-1.0, 1.0)
    assert Fitness([0.3, 0.9], weights) > Fitness([0.3, 0.8], weights) > Fitness([0.4, 1.0], weights)


@pytest.mark.parametrize("clone", [copy.deepcopy, copy.copy, lambda it: pickle.loads(pickle.dumps(it))])
def test_a_copy_of_a_fitness_is_as_fit(clone: object) -> None:
    fitness = Fitness([0.3, 0.9], (-1.0, 1.0))
    copied = clone(fitness)  # type: ignore[operator]
    assert copied == fitness and copied.values == (0.3, 0.9) and copied.weights == (-1.0, 1.0)
    assert clone(Fitness([0.3], is_loss=False)).is_loss is False  # type: ignore[operator]


def test_an_individual_says_its_loss_and_size() -> None:
    individual = Individual(3, Genome(), Fitness([0.25]), {"parameters": 12, "flops": 34})
    assert (individual.loss, individual.parameters, individual.flops) == (0.25, 12, 34)


def test_a_hall_of_fame_of_deap_keeps_the_best() -> None:
    hall = tools.HallOfFame(2)
    hall.update(individuals(0.3, 0.1, 0.2))
    assert [individual.loss for individual in hall] == [0.1, 0.2]


@pytest.mark.parametrize("size", [1, 2, 3, 6])
def test_the_best_of_a_tournament_wins_as_often_as_it_is_in_it(size: int) -> None:
    population = individuals(*(i / 10 for i in range(10)))
    toolbox = make_toolbox(SearchSpace(), (28, 28), Variation(tournament_size=size))
    with isolated(1):
        wins = Counter(individual.id for individual in toolbox.select(population, 20_000))
    for rank in range(10):
        expected = ((10 - rank) / 10) ** size - ((9 - rank) / 10) ** size
        assert wins[rank] / 20_000 == pytest.approx(expected, abs=0.015)


def test_the_worst_beyond_the_population_size_are_discarded() -> None:
    state = SearchState(population=individuals(0.1, 0.4, 0.9))
    replace = discard_worst(3)
    assert [i.loss for i in replace(state, individuals(0.2, first_id=3))] == [0.1, 0.2, 0.4]
    assert replace(state, individuals(0.95, first_id=3)) == state.population


@pytest.mark.parametrize(("num_elite", "kept"), [(0, [3, 4, 5]), (1, [0, 3, 4]), (2, [0, 1, 3])])
def test_a_generation_is_replaced_but_for_its_elite(num_elite: int, kept: list[int]) -> None:
    state = SearchState(population=individuals(0.1, 0.2, 0.3))
    newcomers = individuals(0.5, 0.6, 0.7, first_id=3)
    assert [i.id for i in replace_generation(3, num_elite)(state, newcomers)] == kept
