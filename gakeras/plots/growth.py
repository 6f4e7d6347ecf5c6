"""What a growth has spent and what came of it: accuracy against floating-point operations."""

from __future__ import annotations

from itertools import accumulate
from typing import Any

import plotly.graph_objects as go

from gakeras.growth import GrownNetwork, Growth
from gakeras.plots.style import BLUE, GREEN, GREY, ORANGE, empty, styled
from gakeras.plots.text import count_text, lines, wrapped


def growth(grown: Growth) -> go.Figure:
    """Return the accuracies of all networks over the FLOPs that had been spent when they were trained.

    Training and validation are both spent (Painter 2018, section 4). A line joins each network with
    its parent; the ensemble of the settings is a star at the end.
    """
    history = grown.history
    if not history:
        return empty("No network has been trained yet.")
    traces: list[Any] = [_descent(history)]
    parts: list[tuple[str, str, list[float | None]]] = [
        ("training", GREY, [row.train_accuracy for row in history]),
        ("validation", BLUE, [row.accuracy for row in history]),
    ]
    if history[0].test:
        parts.append(("test", ORANGE, [row.test.get("accuracy") for row in history]))
    for name, color, values in parts:
        traces.append(
            go.Scatter(
                name=name,
                x=[row.total_flops for row in history],
                y=values,
                mode="markers",
                marker={"color": color, "size": 7},
                hovertext=[_hover(row) for row in history],
                hoverinfo="text",
            )
        )
    best = list(accumulate((row.accuracy for row in history), max))
    line = {"color": BLUE, "width": 2, "shape": "hv"}
    spent = [row.total_flops for row in history]
    traces.append(go.Scatter(name="best so far", x=spent, y=best, mode="lines", line=line, hoverinfo="skip"))
    traces.append(_ensemble(grown))
    xaxis = {"title": {"text": "FLOPs spent on training and validation"}, "rangemode": "tozero"}
    return styled(traces, xaxis=xaxis, yaxis={"title": {"text": "accuracy"}, "tickformat": ".0%"})


def _descent(history: list[GrownNetwork]) -> go.Scatter:
    by_number = {row.number: row for row in history}
    x: list[float | None] = []
    y: list[float | None] = []
    for row in history:
        parent = by_number.get(-1 if row.parent is None else row.parent)
        if parent is not None:
            x += [parent.total_flops, row.total_flops, None]
            y += [parent.accuracy, row.accuracy, None]
    line = {"color": GREY, "width": 0.7}
    return go.Scatter(name="descent", x=x, y=y, mode="lines", line=line, hoverinfo="skip")


def _ensemble(grown: Growth) -> go.Scatter:
    ensemble = grown.ensemble
    accuracy = ensemble.accuracy if ensemble.test_accuracy is None else ensemble.test_accuracy
    where = "validation" if ensemble.test_accuracy is None else "test"
    return go.Scatter(
        name=f"ensemble, {where}",
        x=[grown.total_flops],
        y=[accuracy],
        mode="markers",
        marker={"color": GREEN, "size": 13, "symbol": "star"},
        hovertext=[lines(*wrapped(f"ensemble: {ensemble}"))],
        hoverinfo="text",
    )


def _hover(row: GrownNetwork) -> str:
    transforms = "; ".join(f"{transform['kind']} {transform['layer']}" for transform in row.transforms)
    return lines(
        f"<b>#{row.number}</b> iteration {row.iteration}, validation {100 * row.accuracy:.2f} %",
        f"{row.parameters:,} parameters, {count_text(row.flops)} FLOPs, {row.age} steps",
        *wrapped(transforms or row.role),
    )
