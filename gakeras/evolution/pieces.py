"""An evaluation that was done in pieces: putting them together, and reading losses and times off them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from gakeras.jobs import JobResult


@dataclass(frozen=True)
class Timing:
    """What one epoch of one fold of a network took, in CPU-seconds, and what tracing it took beforehand."""

    macs: float
    activations: float
    parameters: float
    epoch_seconds: float
    tracing_seconds: float | None = None


def merge(pieces: Sequence[JobResult]) -> JobResult:
    """Return the pieces of one evaluation as one result: as the last one ended, with the epochs of all.

    It lasts from the start of the first to the end of the last; CPU-seconds add up.
    """
    first, last = pieces[0], pieces[-1]
    if len(pieces) == 1:
        return last
    epochs: dict[int, list[Any]] = {}
    measures: dict[str, Any] = {}
    for piece in pieces:
        measures |= piece.measures
        for fold in piece.measures.get("folds", ()):
            epochs.setdefault(fold["fold"], []).extend(fold["epochs"])
    measures["folds"] = [{"fold": fold, "epochs": scores} for fold, scores in epochs.items()]
    cpu_seconds = sum(piece.cpu_seconds for piece in pieces)
    return replace(last, measures=measures, start=first.start, cpu_seconds=cpu_seconds)


def last_epoch(whole: JobResult) -> tuple[int, float] | None:
    """Return (epochs done, validation loss after them) of the first fold; None where there is none.

    A loss that is not finite counts as infinite.
    """
    folds: Sequence[Mapping[str, Any]] = whole.measures.get("folds") or ({},)
    epochs = folds[0].get("epochs")
    if not epochs:
        return None
    loss = epochs[-1]["val_loss"]
    return len(epochs), math.inf if loss is None else float(loss)


def fold_losses(whole: JobResult | Mapping[str, Any]) -> dict[int, float]:
    """Return the last validation loss of every fold; a missing one is infinite."""
    measures = whole.measures if isinstance(whole, JobResult) else whole
    losses = {fold["fold"]: fold["epochs"][-1]["val_loss"] for fold in measures["folds"] if fold["epochs"]}
    return {fold: math.inf if loss is None else float(loss) for fold, loss in losses.items()}


def timing_of(whole: JobResult, earlier: Sequence[JobResult] = ()) -> Timing | None:
    """Return what an epoch took in the last piece of an evaluation; None where that cannot be told.

    The first epoch of a job that traces the model is left out, and tells what that took.
    """
    measures = whole.measures
    if not {"activations", "parameters", "flops"} <= measures.keys():
        return None
    before: Sequence[Mapping[str, Any]] = merge(earlier).measures.get("folds", ()) if earlier else ()
    done = {fold["fold"]: len(fold["epochs"]) for fold in before}
    seconds = [
        epoch["cpu_seconds"]
        for fold in measures.get("folds", ())
        for epoch in fold["epochs"][done.get(fold["fold"], 0) :]
    ]
    is_traced = measures.get("traced", True)
    others = seconds[1:] if is_traced else seconds
    if not others:
        return None
    usual = sum(others) / len(others)
    tracing = max(0.0, seconds[0] - usual) if is_traced else None
    return Timing(measures["flops"] / 2, measures["activations"], measures["parameters"], usual, tracing)
