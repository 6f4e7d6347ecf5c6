"""When a worker stops an evaluation early: a network that does not learn, or that costs far too much."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from gakeras.data import Task

IsHopeless = Callable[[Sequence[Mapping[str, Any]]], str | None]
"""Says of the epochs of a fold so far why it is not worth going on; None where it is."""

TRACING_SECONDS = 5.0
"""The first epoch of a job also traces the model; so much more than any other it may take, in CPU-seconds."""


def stop_rule(
    payload: Mapping[str, Any],
    fold: int,
    task: Task,
    targets: np.ndarray,
    weights: np.ndarray | None = None,
) -> IsHopeless:
    """Return the rule by which an evaluation of this payload stops early.

    Args:
        payload: That of the evaluation; `dead` holds `after`, a number of epochs, and `share`: a
            network whose training loss on the first fold is then above that share of the loss
            of the best constant guess has not learnt; unless the lowest that was seen, `best`, is above it
            as well, for then the data have no more to learn in so few epochs. `max_epoch_seconds` are
            the CPU-seconds that an epoch may take.
        fold: The fold that is trained.
        task: The kind of targets.
        targets: Those the network is trained on, as they are stored.
        weights: How much each of them counts; None for all the same.
    """
    dead, limit = payload.get("dead", {}), payload.get("max_epoch_seconds")
    ceiling = dead["share"] * chance_loss(task, targets, weights) if dead and fold == 0 else math.inf
    if dead.get("best", 0.0) > ceiling:
        ceiling = math.inf

    def is_hopeless(epochs: Sequence[Mapping[str, Any]]) -> str | None:
        last = epochs[-1]
        done = last["epoch"] + 1
        if last["loss"] > ceiling and done == dead["after"]:
            return f"dead: training loss {last['loss']:.4g} after epoch {done}, above {ceiling:.4g}"
        allowed = None if limit is None else limit + (TRACING_SECONDS if len(epochs) == 1 else 0.0)
        if allowed is not None and min(epoch["cpu_seconds"] for epoch in epochs) > allowed:
            return f"dear: {last['cpu_seconds']:.3g} CPU-seconds an epoch, at most {allowed:.3g} are allowed"
        return None

    return is_hopeless


def chance_loss(task: Task, targets: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Return the loss of the best constant guess: the entropy of the classes, or the variance, as weighted.

    >>> round(chance_loss(Task("multiclass", 4), np.array([0, 1, 2, 3])), 3)  # log 4
    1.386
    >>> chance_loss(Task("regression", 1), np.array([[1.0], [3.0]]))
    1.0
    """
    if not task.is_classification:
        values = np.asarray(targets, dtype=float)
        best = np.average(values, axis=0, weights=weights)
        return float(np.mean(np.average((values - best) ** 2, axis=0, weights=weights)))
    if task.kind == "one_hot":
        shares = np.average(np.asarray(targets, dtype=float), axis=0, weights=weights)
    else:
        counts = np.bincount(np.ravel(targets).astype(int), weights)
        shares = counts / counts.sum()
    shares = shares[shares > 0]
    return float(-np.sum(shares * np.log(shares)))
