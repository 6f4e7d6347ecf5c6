"""Which epoch of a fold counts: the last one, or the best, as the measures of an evaluation say."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any, Literal

FitnessEpoch = Literal["last", "best"]


def validation_loss(epoch: Mapping[str, Any]) -> float:
    """Return the validation loss of an epoch; one that JSON could not hold is infinite."""
    loss = epoch["val_loss"]
    return math.inf if loss is None else float(loss)


def scored(fold: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the epoch of a fold that fitness is read from: the one it names, or else its last.

    >>> epochs = [{"epoch": 0, "val_loss": 0.4}, {"epoch": 1, "val_loss": 0.5}]
    >>> [scored({"epochs": epochs, **named})["val_loss"] for named in ({}, {"scored_epoch": 0})]
    [0.5, 0.4]
    """
    epochs: Sequence[Mapping[str, Any]] = fold["epochs"]
    if "scored_epoch" not in fold:
        return epochs[-1]
    return next(epoch for epoch in epochs if epoch["epoch"] == fold["scored_epoch"])


def fold_loss(fold: Mapping[str, Any]) -> float:
    """Return the validation loss of a fold that counts; that of one without epochs is infinite."""
    return validation_loss(scored(fold)) if fold["epochs"] else math.inf


def best_epoch(epochs: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return the epoch of the lowest validation loss, the first of equals."""
    return min(epochs, key=validation_loss)


def mean_best_epoch(folds: Sequence[Mapping[str, Any]]) -> int | None:
    """Return after how many epochs the validation loss was lowest, a mean over folds; None without any.

    It counts epochs, not steps: a training on more examples then shows each of them as often.

    >>> curves = [[0.9, 0.5, 0.6], [0.8, 0.4, 0.7], [0.9, 0.8, 0.7]]
    >>> folds = [{"epochs": [{"epoch": e, "val_loss": v} for e, v in enumerate(curve)]} for curve in curves]
    >>> mean_best_epoch(folds)
    2
    """
    done = [best_epoch(fold["epochs"])["epoch"] + 1 for fold in folds if fold["epochs"]]
    return round(statistics.fmean(done)) if done else None
