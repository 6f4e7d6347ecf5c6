"""From measures to fitness: pure functions, so that an old journal can be read with new objectives."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping
from typing import Any

WEIGHTS = (-1.0,)
"""One weight an objective, as DEAP has them: the loss is minimised."""


def objectives(measures: Mapping[str, Any]) -> tuple[float, ...]:
    """Return the values selection looks at: the mean over the folds of the last epoch's validation loss."""
    return (statistics.fmean(fold_losses(measures)),)


def fold_losses(measures: Mapping[str, Any]) -> list[float]:
    """Return the last validation loss of every fold; a missing one counts as infinite."""
    return [_or_infinite(fold["epochs"][-1]["val_loss"]) for fold in measures["folds"]]


def fold_metrics(measures: Mapping[str, Any]) -> list[float]:
    """Return the last validation metric of every fold."""
    return [float(fold["epochs"][-1]["val_metric"]) for fold in measures["folds"]]


def spread(values: list[float]) -> float:
    """Return the standard deviation over folds or repeats, 0 for a single one."""
    return statistics.stdev(values) if len(values) > 1 else 0.0


def _or_infinite(value: float | None) -> float:
    return math.inf if value is None else value
