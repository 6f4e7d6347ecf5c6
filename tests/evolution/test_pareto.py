"""Laws of several objectives: fronts, parents, and a population that nobody outside dominates."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field, replace

import pytest
from stub_search import Search

from gakeras.encoding import Genome, genome_cost
from gakeras.evolution import (
    Budget,
    Finished,
    Fitness,
    Individual,
    SearchState,
    Step,
    discard_dominated,
    discard_worst,
    make_toolbox,
    pareto_front,
    select_by_dominance,
    steady_state,
)
from gakeras.jobs import JobResult

SEARCH = Search(input_shape=(5,), population_size=12, min_population_size=12)

GENOME = Genome.parse("dense #3 activation=relu")


def people(number: int, seed: int = 1) -> list[Individual]:
    rng = random.Random(seed)
    return [
        Individual(n, GENOME, Fitness([rng.random(), float(rng.randrange(100))], [-1.0, -1.0]))
        for n in range(number)
    ]


def dominates(one: Individual, other: Individual) -> bool:
    pairs = list(zip(one.fitness.values, other.fitness.values, strict=True))
    return all(a <= b for a, b in pairs) and any(a < b for a, b in pairs)


def test_the_front_is_whom_nobody_dominates_the_best_loss_first() -> None:
    everyone = people(60)
    front = pareto_front(everyone)
    expected = {one.id for one in everyone if not any(dominates(other, one) for other in everyone)}
    assert {one.id for one in front} == expected
    assert [one.loss for one in front] == sorted(one.loss for one in front)
    assert pareto_front([]) == []


def test_arriving_one_by_one_the_front_is_kept_as_long_as_there_is_room() -> None:
    everyone, state, update = people(80), SearchState(), discard_dominated(20)
    for newcomer in everyone:
        state.population = update(state, [newcomer])
    front = pareto_front(everyone)
    assert len(front) <= 20 == len(state.population)
    assert {one.id for one in front} <= {one.id for one in state.population}
    assert {one.id for one in state.population[: len(front)]} == {one.id for one in front}


def test_one_by_one_with_one_objective_is_the_best() -> None:
    rng, state, update = random.Random(4), SearchState(), discard_dominated(5)
    losses = [rng.random() for _ in range(40)]
    for n, loss in enumerate(losses):
        state.population = update(state, [Individual(n, GENOME, Fitness([loss]))])
    assert sorted(one.loss for one in state.population) == sorted(losses)[:5]


def test_a_dominated_individual_never_wins_a_tournament_against_its_better() -> None:
    best, *others = (Individual(n, GENOME, Fitness([n / 9, float(n)], [-1.0, -1.0])) for n in range(4))
    state = SearchState(population=(best, *others))
    population = discard_dominated(4)(state, [])
    random.seed(3)
    chosen = Counter(select_by_dominance(population, 2)[0].id for _ in range(400))
    assert chosen[0] > chosen[1] > chosen[2] > chosen[3] == 0


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7, 20])
@pytest.mark.parametrize("k", [1, 2, 6])
def test_any_population_gives_any_number_of_parents(size: int, k: int) -> None:
    population = discard_dominated(size)(SearchState(), people(size))
    assert len(select_by_dominance(population, k)) == k


def tradeoff(genome: Genome) -> tuple[float, float]:
    """Return a loss that falls with the parameters, but for some luck, and the parameters, both below 1."""
    parameters = genome_cost(genome, SEARCH.input_shape, 10).parameters
    return 1 / (1 + parameters / 3000) + int(genome.digest, 16) % 97 / 970, parameters / 1e6


@dataclass
class Workers:
    """Workers that measure the trade-off, one at a time."""

    slots: int = 1
    running: list[Step] = field(default_factory=list)
    found: list[tuple[float, float]] = field(default_factory=list)

    def submit(self, step: Step) -> None:
        self.running = [step]

    def collect(self, timeout: float | None) -> list[Finished]:
        (step,), self.running = self.running, []
        self.found.append(tradeoff(step.genome))
        return [Finished(step.number, JobResult("", "ok", measures={"values": self.found[-1]}))]


def hypervolume_of_a_search(num_objectives: int) -> float:
    """Search on the first objectives; return the area that all it has found dominates, up to (1, 1)."""
    toolbox = make_toolbox(SEARCH.space, SEARCH.input_shape, SEARCH.variation)
    is_single = num_objectives == 1
    if not is_single:
        toolbox.register("select", select_by_dominance)
    workers = Workers()
    loop = steady_state(
        SearchState(),
        propose=replace(SEARCH.proposer, toolbox=toolbox),
        replace=discard_worst(12) if is_single else discard_dominated(12),
        assess=lambda result: Fitness(result.measures["values"][:num_objectives], [-1.0] * num_objectives),
        workers=workers,
        budget=Budget(max_evaluations=150),
    )
    assert sum(1 for _ in loop)
    area, lowest = 0.0, 1.0
    for loss, size in sorted(workers.found):
        area += max(0.0, 1 - loss) * max(0.0, lowest - size)
        lowest = min(lowest, size)
    return area


def test_a_search_on_two_objectives_finds_the_larger_hypervolume() -> None:
    assert hypervolume_of_a_search(2) > hypervolume_of_a_search(1)
