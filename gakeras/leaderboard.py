"""An individual as it is shown: a row of the leaderboard, and in words."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gakeras.evolution import Individual, penalty_of
from gakeras.fitness.objectives import (
    decimals,
    final_losses,
    fold_losses,
    fold_metrics,
    measure,
    spread_text,
)
from gakeras.tables import millions

if TYPE_CHECKING:
    from gakeras.config import Settings


@dataclass(frozen=True)
class Ranking:
    """By what a search ranks its networks, as far as that decides what is shown of them.

    Attributes:
        has_finals: Whether only finalists got all folds; their losses at the final length rank them.
        has_penalty: Whether other measures of a network are added to what ranks it.
        is_by_metric: Whether that is the metric, and not the loss.
    """

    has_finals: bool = False
    has_penalty: bool = False
    is_by_metric: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """What the columns of a leaderboard are."""
        return ("id", *self.loss_columns, *self.metric_columns("metric"), "parameters", "MFLOPs", "genome")

    def row(self, individual: Individual) -> tuple[object, ...]:
        """Return an individual under the `columns`, formatted."""
        return (
            individual.id,
            *self.loss_cells(individual, decimals(measure(individual.measures, "loss"))),
            *self.metric_cells(individual, decimals),
            f"{individual.parameters:,}",
            millions(individual.flops),
            individual.genome.one_line,
        )

    @property
    def loss_columns(self) -> tuple[str, ...]:
        """What the columns of losses are: where there are finals or a penalty, also those that rank."""
        names = ["final loss", "loss"] if self.has_finals else ["loss"]
        if self._penalises_loss:
            names = [each for name in names for each in (name, f"{name} + penalty")]
        return (*names, "folds") if self.has_finals else tuple(names)

    def loss_cells(self, individual: Individual, loss: str) -> tuple[str, ...]:
        """Return an individual's losses under the `loss_columns`; `loss` is as it is written."""
        cells = [loss, decimals(individual.loss)] if self._penalises_loss else [loss]
        if not self.has_finals:
            return tuple(cells)
        finals = [final_loss_text(individual)]
        if self._penalises_loss:
            finals.append(final_loss_text(individual, penalty_of(individual)))
        return (*finals, *cells, str(len(individual.measures["folds"])))

    def metric_columns(self, name: str) -> tuple[str, ...]:
        """Return what the columns of a metric are."""
        return (name, f"{name} - penalty") if self._penalises_metric else (name,)

    def metric_cells(self, individual: Individual, number: Callable[[float], str]) -> tuple[str, ...]:
        """Return an individual's metric under the `metric_columns`, written by `number`."""
        mean = number(statistics.fmean(fold_metrics(individual.measures)))
        return (mean, number(-individual.fitness.values[0])) if self._penalises_metric else (mean,)

    @property
    def _penalises_loss(self) -> bool:
        return self.has_penalty and not self.is_by_metric

    @property
    def _penalises_metric(self) -> bool:
        return self.has_penalty and self.is_by_metric


def ranking_of(settings: Settings) -> Ranking:
    """Return by what a search of these settings ranks its networks."""
    return Ranking(settings.has_finals, bool(settings.penalty), settings.is_after_metric)


def final_loss_text(individual: Individual, penalty: float = 0.0) -> str:
    """Return a finalist's mean loss at the length of the final training, by which they are ranked."""
    losses = final_losses(individual.measures)
    return decimals(statistics.fmean(losses) + penalty) if losses else ""


def described(individual: Individual, metric: str, ranking: Ranking) -> list[str]:
    """Return lines of what an individual is: its scores and size, and its genome below."""
    age = "" if individual.age is None else f", trained for {individual.age} epochs with its ancestors"
    size = f"{individual.parameters:,} parameters, {millions(individual.flops)} MFLOPs{age}"
    losses, metrics = fold_losses(individual.measures), fold_metrics(individual.measures)
    where = f"over {len(losses)} folds" if len(losses) > 1 else "on the first fold"
    scores = (
        f"validation loss {decimals(statistics.fmean(losses))}{spread_text(losses, '+-')}, {metric} "
        f"{decimals(statistics.fmean(metrics))}{spread_text(metrics, '+-')} {where}"
    )
    final = final_loss_text(individual)
    at_length = f", loss {final} at the final length" if final else ""
    ranked_by = _with_penalty(individual, metric, ranking) if ranking.has_penalty else ""
    lines = [f"  {line}" for line in str(individual.genome).splitlines()]
    return [f"individual {individual.id}, {scores}{at_length}{ranked_by}, {size}", *lines]


def _with_penalty(individual: Individual, metric: str, ranking: Ranking) -> str:
    """Say the value that an individual is ranked by, where that is more than a loss or a metric."""
    if ranking.is_by_metric:
        return f", {metric} - penalty {decimals(-individual.fitness.values[0])}"
    final = final_loss_text(individual, penalty_of(individual))
    return f", loss + penalty {final or decimals(individual.loss)}"
