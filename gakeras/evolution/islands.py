"""Several populations on the same workers, with migration along a ring (DEAP's `migRing`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace as changed
from typing import Annotated

from deap import tools
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from gakeras.evolution.individual import Individual, inhabitants
from gakeras.evolution.loops import Replace
from gakeras.evolution.state import SearchState

PositiveInt = Annotated[int, Field(ge=1)]


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Islands:
    """How many populations there are, each of the population's size, and how they mix.

    Proposal n belongs to island n modulo `number`, whose individuals are its parents. After
    every `migration_interval` individuals that were accepted, copies of the `num_migrants` best
    of each island take the places of the worst of the next one.
    """

    number: PositiveInt = 1
    migration_interval: PositiveInt = 20
    num_migrants: PositiveInt = 1


def discard_worst_of_island(islands: Islands, population_size: int) -> Replace:
    """Return a replacement that adds each newcomer to its island, discards the worst there, and migrates.

    The population is that of all islands, the best first; `Individual.island` says where each lives.
    """

    def replace(state: SearchState, newcomers: Sequence[Individual]) -> tuple[Individual, ...]:
        populations = [inhabitants(state.population, island) for island in range(islands.number)]
        for newcomer in newcomers:
            home = newcomer.id % islands.number
            populations[home] = _best([*populations[home], changed(newcomer, island=home)], population_size)
        if state.num_accepted % islands.migration_interval == 0 and all(populations):
            populations = _migrate(populations, islands.num_migrants)
        return tuple(_best([each for population in populations for each in population]))

    return replace


def _migrate(populations: list[list[Individual]], num_migrants: int) -> list[list[Individual]]:
    """Return the populations after migration; nobody settles where an equal genome lives."""
    k = min(num_migrants, *(max(1, len(population) - 1) for population in populations))
    arrived = [list(population) for population in populations]
    tools.migRing(arrived, k, selection=tools.selBest, replacement=tools.selWorst)
    settled = []
    for island, (before, after) in enumerate(zip(populations, arrived, strict=True)):
        natives = {individual.genome for individual in before}
        newcomers = [each for each in after if each.island != island and each.genome not in natives]
        stayed = _best(before, len(before) - len(newcomers))
        settled.append(_best([*stayed, *(changed(each, island=island) for each in newcomers)]))
    return settled


def _best(individuals: Sequence[Individual], number: int | None = None) -> list[Individual]:
    return sorted(individuals, key=lambda individual: individual.fitness, reverse=True)[:number]
