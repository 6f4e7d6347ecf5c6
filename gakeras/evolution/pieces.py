"""An evaluation that was done in pieces: putting them together, and reading losses and times off them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from gakeras.jobs import JobResult
from gakeras.scores import fold_loss, scored, validation_loss


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

    Its start is the last one's too, for nobody may have worked on it before; CPU-seconds add up.
    """
    last = pieces[-1]
    if len(pieces) == 1:
        return last
    folds: dict[int, dict[str, Any]] = {}
    measures: dict[str, Any] = {}
    for piece in pieces:
        measures |= piece.measures
        for fold in piece.measures.get("folds", ()):
            folds[fold["fold"]] = _joined(folds[fold["fold"]], fold) if fold["fold"] in folds else fold
    measures["folds"] = list(folds.values())
    cpu_seconds = sum(piece.cpu_seconds for piece in pieces)
    return replace(last, measures=measures, cpu_seconds=cpu_seconds)


def _joined(fold: Mapping[str, Any], later: Mapping[str, Any]) -> dict[str, Any]:
    """Return a fold of two pieces; where each names the epoch that counts, the better one does."""
    whole = {"fold": fold["fold"], "epochs": [*fold["epochs"], *later["epochs"]]}
    named = [part for part in (fold, later) if "scored_epoch" in part]
    if not named:
        return whole
    best = min(named, key=lambda part: validation_loss(scored(part)))
    return whole | {"scored_epoch": best["scored_epoch"]}


def charged_cpu_seconds(last: JobResult, earlier: Sequence[JobResult] = ()) -> float:
    """Return what the last piece of an evaluation counts for a budget, in CPU-seconds.

    A worker that was killed cannot tell them: then it is the time the piece took.
    `last` is the whole evaluation, as `merge` gives it, and `earlier` all its pieces but one.
    """
    return _alone(last, earlier).charged_cpu_seconds


def busy_seconds(last: JobResult, earlier: Sequence[JobResult] = ()) -> float:
    """Return how long a worker was busy with the last piece of an evaluation."""
    alone = _alone(last, earlier)
    return max(0.0, alone.end - alone.start)


def _alone(last: JobResult, earlier: Sequence[JobResult]) -> JobResult:
    """Return the last piece with its own times; those of `last` are of the whole evaluation."""
    begin = max([last.start, *(piece.end for piece in earlier)])
    return replace(
        last, start=begin, cpu_seconds=last.cpu_seconds - sum(piece.cpu_seconds for piece in earlier)
    )


def total_busy_seconds(last: JobResult, earlier: Sequence[JobResult] = ()) -> float:
    """Return how long workers were busy with all pieces of an evaluation; it may have waited between them.

    >>> night = 40_000
    >>> first, last = JobResult("1", "ok", start=0, end=5), JobResult("1", "ok", start=night, end=night + 3)
    >>> total_busy_seconds(last, [first])
    8
    """
    return busy_seconds(last, earlier) + sum(piece.end - piece.start for piece in earlier)


def reached_epoch(whole: JobResult, earlier: Sequence[JobResult] = ()) -> tuple[int, float] | None:
    """Return (epochs done, validation loss) of the first fold where the last piece has trained it on."""
    reached, before = last_epoch(whole), last_epoch(merge(earlier)) if earlier else None
    return None if reached is None or (before is not None and reached[0] <= before[0]) else reached


def last_epoch(whole: JobResult) -> tuple[int, float] | None:
    """Return (epochs done, validation loss after them) of the first fold; None where there is none.

    A loss that is not finite counts as infinite.
    """
    folds: Sequence[Mapping[str, Any]] = whole.measures.get("folds") or ({},)
    epochs = folds[0].get("epochs")
    if not epochs:
        return None
    return len(epochs), validation_loss(epochs[-1])


def training_losses(whole: JobResult) -> list[tuple[int, float]]:
    """Return (epochs done, training loss in the last of them) of the first fold, for all its epochs."""
    folds: Sequence[Mapping[str, Any]] = whole.measures.get("folds") or ({},)
    losses = [(epoch["epoch"] + 1, epoch.get("loss")) for epoch in folds[0].get("epochs", ())]
    return [(epochs, float(loss)) for epochs, loss in losses if loss is not None and math.isfinite(loss)]


def fold_losses(whole: JobResult | Mapping[str, Any]) -> dict[int, float]:
    """Return the validation loss that counts of every fold; a missing one is infinite."""
    measures = whole.measures if isinstance(whole, JobResult) else whole
    return {fold["fold"]: fold_loss(fold) for fold in measures["folds"] if fold["epochs"]}


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
