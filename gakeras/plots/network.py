"""A network, drawn layer by layer with shapes, parameters and FLOPs."""

from __future__ import annotations

import textwrap
from typing import Any

import plotly.graph_objects as go

from gakeras.encoding import (
    Conv,
    Dense,
    Genome,
    GlobalPool,
    Inception,
    Layer,
    MaxPool,
    genome_cost,
    trace_costs,
)
from gakeras.encoding.costs import image_shape
from gakeras.errors import RunError
from gakeras.history import History
from gakeras.plots.style import BLUE, CLEAR, GREEN, GREY, ORANGE, styled
from gakeras.plots.text import block_text, count_text, shape_text

ROW = 42
LINE = 14
MAX_WIDTH = 48
"""Letters of a bold line that a phone has room for."""
COLOURS = {Conv: BLUE, Inception: BLUE, MaxPool: ORANGE, GlobalPool: ORANGE, Dense: GREEN}


def network(history: History, genome: Genome | None = None) -> go.Figure:
    """Return a network from its input on top to its output, by default the winner.

    Every layer says the shape of its output, its trainable parameters and its FLOPs; the bar
    below is its share of the parameters of the network.

    Raises:
        InputError: A block does not fit the run's examples.
        RunError: There is no winner, since no evaluation has succeeded.

    >>> figure = network(history, history.settings.network("fashion_baseline"))
    """
    if genome is None:
        if history.best is None:
            raise RunError("There is no winner: no evaluation has succeeded.")
        genome = history.best.genome
    shape, outputs = history.input_shape, history.task.outputs
    layers = list(trace_costs(genome, shape, outputs))
    total = genome_cost(genome, shape, outputs)
    shapes: list[dict[str, Any]] = []
    notes: list[dict[str, Any]] = [
        _note(-1, f"input {shape_text(image_shape(shape) if genome.conv else shape)}", "")
    ]
    for row, layer in enumerate(layers):
        share = layer.cost.parameters / max(total.parameters, 1)
        shapes += _box(row, share, GREY if layer.block is None else COLOURS[type(layer.block)])
        notes.append(_note(row, _name(layer), _details(layer)))
    is_wide = any("<br>" in _name(layer) for layer in layers)
    height = (ROW + LINE * is_wide) * (len(layers) + 1) + 8
    hidden = {"visible": False, "fixedrange": True}
    return styled(
        [go.Scatter(x=[0.5], y=[0], mode="markers", marker={"color": CLEAR}, hoverinfo="skip")],
        height=height,
        margin={"l": 2, "r": 2, "t": 4, "b": 4},
        shapes=shapes,
        annotations=notes,
        showlegend=False,
        xaxis={**hidden, "range": [0, 1]},
        yaxis={**hidden, "range": [len(layers) - 0.5, -1.5]},
    )


def _box(row: int, share: float, colour: str) -> list[dict[str, Any]]:
    place = {"type": "rect", "x0": 0, "line": {"width": 0}, "fillcolor": colour}
    return [
        {**place, "x1": 1, "y0": row - 0.45, "y1": row + 0.45, "opacity": 0.18, "layer": "below"},
        {**place, "x1": share, "y0": row + 0.36, "y1": row + 0.45, "layer": "below"},
    ]


def _note(row: int, name: str, details: str) -> dict[str, Any]:
    text = f"<b>{name}</b>" + (f"<br>{details}" if details else "")
    return {
        "text": text,
        "x": 0,
        "xanchor": "left",
        "xshift": 6,
        "y": row,
        "yanchor": "middle",
        "align": "left",
        "showarrow": False,
        "font": {"size": 11},
    }


def _name(layer: Layer) -> str:
    text = "output" if layer.block is None else block_text(layer.block)
    return "<br>".join(textwrap.wrap(text, MAX_WIDTH, break_long_words=False))


def _details(layer: Layer) -> str:
    parts = [f"→ {shape_text(layer.output_shape)}"]
    if layer.cost.parameters:
        parts.append(f"{layer.cost.parameters:,} parameters")
    return ", ".join([*parts, f"{count_text(layer.cost.flops)} FLOPs"])
