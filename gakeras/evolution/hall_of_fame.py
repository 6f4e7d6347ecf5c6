"""The best individuals a search has seen."""

from __future__ import annotations

from collections.abc import Iterable

from deap import tools

from gakeras.evolution.individual import Individual


def hall_of_fame(individuals: Iterable[Individual], size: int) -> list[Individual]:
    """Return the best `size` individuals, best first, no two with equal genomes (DEAP's `HallOfFame`)."""
    hall = tools.HallOfFame(size, similar=lambda one, other: one.genome == other.genome)
    hall.update(list(individuals))
    return list(hall)
