"""An individual as it is shown: a row of the leaderboard, and in words."""

from __future__ import annotations

import statistics

from gakeras.evolution import Individual
from gakeras.fitness.objectives import final_losses, fold_losses, fold_metrics, spread_text

COLUMNS = ("id", "loss", "metric", "parameters", "MFLOPs", "genome")
COLUMNS_WITH_FINALS = ("id", "final loss", "loss", "folds", *COLUMNS[2:])


def row(individual: Individual, *, has_finals: bool = False) -> tuple[object, ...]:
    """Return an individual under the `COLUMNS`, or those with finals, formatted."""
    loss = f"{individual.loss:.4f}"
    return (
        individual.id,
        *((final_loss_text(individual), loss, len(individual.measures["folds"])) if has_finals else (loss,)),
        f"{statistics.fmean(fold_metrics(individual.measures)):.4f}",
        f"{individual.parameters:,}",
        f"{individual.flops / 1e6:.2f}",
        "; ".join(map(str, individual.genome.blocks)),
    )


def final_loss_text(individual: Individual) -> str:
    """Return a finalist's mean loss at the length of the final training, by which they are ranked."""
    losses = final_losses(individual.measures)
    return f"{statistics.fmean(losses):.4f}" if losses else ""


def described(individual: Individual, metric: str) -> list[str]:
    """Return lines of what an individual is: its scores and size, and its blocks below."""
    age = "" if individual.age is None else f", trained for {individual.age} epochs with its ancestors"
    size = f"{individual.parameters:,} parameters, {individual.flops / 1e6:.2f} MFLOPs{age}"
    losses, metrics = fold_losses(individual.measures), fold_metrics(individual.measures)
    where = f"over {len(losses)} folds" if len(losses) > 1 else "on the first fold"
    scores = (
        f"validation loss {individual.loss:.4f}{spread_text(losses, '+-')}, {metric} "
        f"{statistics.fmean(metrics):.4f}{spread_text(metrics, '+-')} {where}"
    )
    final = final_loss_text(individual)
    at_length = f", loss {final} at the final length" if final else ""
    blocks = [f"  {block}" for block in individual.genome.blocks]
    return [f"individual {individual.id}, {scores}{at_length}, {size}", *blocks]
