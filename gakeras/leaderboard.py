"""An individual as it is shown: a row of the leaderboard, and in words."""

from __future__ import annotations

import statistics

from gakeras.evolution import Individual
from gakeras.fitness.objectives import final_losses, fold_losses, fold_metrics, spread_text


def columns(has_finals: bool) -> tuple[str, ...]:
    """Return what the columns of a leaderboard are."""
    return ("id", *loss_columns(has_finals), "metric", "parameters", "MFLOPs", "genome")


def row(individual: Individual, has_finals: bool) -> tuple[object, ...]:
    """Return an individual under the `columns`, formatted."""
    return (
        individual.id,
        *loss_cells(individual, f"{individual.loss:.4f}", has_finals),
        f"{statistics.fmean(fold_metrics(individual.measures)):.4f}",
        f"{individual.parameters:,}",
        f"{individual.flops / 1e6:.2f}",
        individual.genome.one_line,
    )


def loss_columns(has_finals: bool) -> tuple[str, ...]:
    """Return what the columns of losses are: where only finalists got all folds, those show who did."""
    return ("final loss", "loss", "folds") if has_finals else ("loss",)


def loss_cells(individual: Individual, loss: str, has_finals: bool) -> tuple[str, ...]:
    """Return an individual's loss, as it is written, under the `loss_columns`."""
    if not has_finals:
        return (loss,)
    return final_loss_text(individual), loss, str(len(individual.measures["folds"]))


def final_loss_text(individual: Individual) -> str:
    """Return a finalist's mean loss at the length of the final training, by which they are ranked."""
    losses = final_losses(individual.measures)
    return f"{statistics.fmean(losses):.4f}" if losses else ""


def described(individual: Individual, metric: str) -> list[str]:
    """Return lines of what an individual is: its scores and size, and its genome below."""
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
    lines = [f"  {line}" for line in str(individual.genome).splitlines()]
    return [f"individual {individual.id}, {scores}{at_length}, {size}", *lines]
