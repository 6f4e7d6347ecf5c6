"""What the figures of a growth say in words of its networks."""

from __future__ import annotations

from html import escape

from gakeras.growth.history import GrownNetwork, describe
from gakeras.growth.population import Training
from gakeras.jobs import JobResult
from gakeras.plots.text import MAX_REASON, count_text, lines, wrapped


def network_hover(network: GrownNetwork) -> str:
    """Return what is seen when pointing at a network: origin, sizes, scores, and what was spent."""
    test = network.test
    return lines(
        f"<b>#{network.number}</b> {escape(network.role)}, iteration {network.iteration}"
        + ("" if network.parent is None else f", of #{network.parent}"),
        *(line for transform in network.transforms for line in wrapped(describe(transform))),
        f"validation loss {network.loss:.4f}, {network.accuracy:.2%}",
        *([f"test loss {test['loss']:.4f}, {test['accuracy']:.2%}"] if "accuracy" in test else []),
        f"{network.parameters:,} parameters, {count_text(network.flops)} FLOPs",
        f"weights of {network.age:,} steps",
        f"spent by then: {count_text(network.total_flops)} FLOPs",
    )


def lost_hover(training: Training, result: JobResult) -> str:
    """Return what is seen when pointing at a training that failed."""
    return lines(
        f"<b>#{training.number}</b> {escape(training.role)}, iteration {training.iteration}",
        escape(result.status),
        *wrapped((result.reason or "")[:MAX_REASON]),
    )
