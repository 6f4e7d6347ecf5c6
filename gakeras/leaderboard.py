"""An individual as it is shown: a row of the leaderboard, and in words."""

from __future__ import annotations

import statistics

from gakeras.evolution import Individual
from gakeras.fitness.objectives import fold_losses, fold_metrics, spread

COLUMNS = ("id", "loss", "metric", "parameters", "MFLOPs", "genome")


def row(individual: Individual) -> tuple[object, ...]:
    """Return an individual under the `COLUMNS`, formatted."""
    return (
        individual.id,
        f"{individual.loss:.4f}",
        f"{statistics.fmean(fold_metrics(individual.measures)):.4f}",
        f"{individual.parameters:,}",
        f"{individual.flops / 1e6:.2f}",
        "; ".join(map(str, individual.genome.blocks)),
    )


def described(individual: Individual, metric: str) -> list[str]:
    """Return lines of what an individual is: its scores and size, and its blocks below."""
    age = "" if individual.age is None else f", trained for {individual.age} epochs with its ancestors"
    size = f"{individual.parameters:,} parameters, {individual.flops / 1e6:.2f} MFLOPs{age}"
    losses, metrics = fold_losses(individual.measures), fold_metrics(individual.measures)
    scores = (
        f"validation loss {individual.loss:.4f} +- {spread(losses):.4f}, {metric} "
        f"{statistics.fmean(metrics):.4f} +- {spread(metrics):.4f} over {len(losses)} folds"
    )
    blocks = [f"  {block}" for block in individual.genome.blocks]
    return [f"individual {individual.id}, {scores}, {size}", *blocks]
