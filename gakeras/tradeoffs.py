"""Which individuals of a search can be compared, and which of them is the best within limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gakeras.errors import InputError
from gakeras.evolution import Individual, rank_finalists
from gakeras.evolution.finalists import failed_on_a_fold
from gakeras.fitness.objectives import Objective, measure
from gakeras.replay import Replay


def comparable(past: Replay, num_finalists: int) -> list[Individual]:
    """Return the individuals whose losses are of the same folds, best first: the finalists, or else all.

    Those that have failed on another fold are left out, unless there are no others.
    """
    finalists = rank_finalists(past.evaluated, past.state.finals, num_finalists)
    failed = failed_on_a_fold(past.state.finals)
    sound = [individual for individual in past.evaluated if individual.id not in failed]
    return finalists or sorted(sound or past.evaluated, key=lambda each: each.fitness.values[0])


def best_within(individuals: Sequence[Individual], limits: Mapping[Objective, float]) -> Individual:
    """Return the first individual whose measures are at most the limits.

    Raises:
        InputError: None is within the limits.
    """
    fitting = [
        individual
        for individual in individuals
        if all(measure(individual.measures, name) <= limit for name, limit in limits.items())
    ]
    if not fitting:
        least = {
            name: min((measure(each.measures, name) for each in individuals), default=None) for name in limits
        }
        raise InputError(
            "The network that is selected is one that was evaluated.",
            expected=", ".join(f"max_{name} of at least {value}" for name, value in least.items()),
            received=", ".join(f"max_{name}={limit}" for name, limit in limits.items()),
            way_out="Allow more, or search with the measure among the objectives.",
        )
    return fitting[0]
