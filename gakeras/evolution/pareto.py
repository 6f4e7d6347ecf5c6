"""Several objectives: NSGA-II (Deb et al. 2002) by DEAP's operators, one newcomer at a time."""

from __future__ import annotations

import math
from collections.abc import Sequence

from deap import tools

from gakeras.evolution.individual import Individual
from gakeras.evolution.loops import Replace
from gakeras.evolution.state import SearchState


def select_by_dominance(population: Sequence[Individual], k: int) -> list[Individual]:
    """Return k parents by tournaments of two: who dominates wins, then who stands less crowded.

    DEAP's `selTournamentDCD` draws them by fours; of fewer than four individuals any is taken.
    """
    if len(population) < 4:
        return list(tools.selRandom(list(population), k))
    by_fours = [tools.selTournamentDCD(list(population), 4) for _ in range(math.ceil(k / 4))]
    return [parent for four in by_fours for parent in four][:k]


def discard_dominated(population_size: int) -> Replace:
    """Return a replacement that adds the newcomers and keeps the best fronts, the last by crowding.

    The population stands front by front; crowding distances are those within the population.
    """

    def replace(state: SearchState, newcomers: Sequence[Individual]) -> tuple[Individual, ...]:
        everyone = [*state.population, *newcomers]
        kept = tools.selNSGA2(everyone, min(population_size, len(everyone)))
        for front in tools.sortNondominated(kept, len(kept)):
            tools.emo.assignCrowdingDist(front)
        return tuple(kept)

    return replace


def pareto_front(individuals: Sequence[Individual]) -> list[Individual]:
    """Return those that no other dominates, the best first objective first, no two of equal fitness.

    One dominates another that is at least as good in every objective, and better in one.
    """
    if not individuals:
        return []
    front = tools.sortNondominated(list(individuals), len(individuals), first_front_only=True)[0]
    unique = {individual.fitness.values: individual for individual in reversed(front)}
    return [unique[values] for values in sorted(unique)]
