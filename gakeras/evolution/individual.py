"""An individual: a genome that has been evaluated, and what its fitness is."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from deap import base

from gakeras.encoding import Genome
from gakeras.evolution.pieces import fold_losses


class Fitness(base.Fitness):
    """DEAP's fitness with one weight a value, given per instance: -1 to minimise, +1 to maximise.

    `is_loss` tells whether the first value is the validation loss, with penalties.

    >>> Fitness([0.3], [-1.0]) > Fitness([0.4], [-1.0])
    True
    """

    def __init__(
        self, values: Sequence[float] = (), weights: Sequence[float] = (-1.0,), *, is_loss: bool = True
    ) -> None:
        self.weights, self.is_loss = tuple(weights), is_loss
        super().__init__(tuple(values))

    def __deepcopy__(self, memo: dict[int, Any]) -> Fitness:
        """Return a copy with the same weights; DEAP's own has those of the class."""
        return type(self)(self.values, self.weights, is_loss=self.is_loss)


@dataclass(frozen=True, eq=False)
class Individual:
    """A genome with its fitness and the measures that gave it. `id` is the number of its proposal."""

    id: int
    genome: Genome
    fitness: Fitness
    measures: Mapping[str, Any] = field(default_factory=dict, repr=False)
    parents: tuple[int, ...] = ()
    island: int = 0

    @property
    def loss(self) -> float:
        """The mean validation loss over the folds, with penalties where evolution is after the loss."""
        if self.fitness.is_loss:
            return float(self.fitness.values[0])
        return statistics.fmean(fold_losses(self.measures).values())

    @property
    def parameters(self) -> int:
        """Trainable parameters of the network."""
        return int(self.measures["parameters"])

    @property
    def flops(self) -> int:
        """Operations of one forward pass of one example; a multiply-accumulate is two."""
        return int(self.measures["flops"])

    @property
    def age(self) -> int | None:
        """Epochs a fold was trained for, those of whom it has its weights from included, where known."""
        ages = [fold["age"] for fold in self.measures.get("folds", ()) if "age" in fold]
        return max(ages, default=None)


def inhabitants(population: Sequence[Individual], island: int) -> list[Individual]:
    """Return those who live on an island, in their order."""
    return [individual for individual in population if individual.island == island]
