"""The population of every iteration: who went on, and who was dropped."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go

from gakeras.growth.history import GrownNetwork, GrowthHistory
from gakeras.plots.grown import network_hover
from gakeras.plots.style import BLUE, GREEN, GREY, empty, styled, switch
from gakeras.plots.text import percent

MEASURES = {
    "loss": "validation loss",
    "accuracy": "validation accuracy, %",
    "FLOPs": "FLOPs of a forward pass",
    "parameters": "parameters",
}
"""The buttons: titles of the axis."""

MAX_TICKS = 12


def population(history: GrowthHistory) -> go.Figure:
    """Return every network by the iteration of its training: who went on, and who was dropped.

    Newcomers are diamonds; the last leg is one to the right of the last iteration. Four buttons switch
    between validation loss and accuracy, FLOPs and parameters.

    >>> figure = population(growth)
    """
    if not history.networks:
        return empty("No network has been trained yet.")
    went_on, final = history.went_on, history.final
    groups = {
        "dropped": ([n for n in history.networks if n.number not in went_on | final], GREY),
        "went on": ([n for n in history.networks if n.number in went_on], BLUE),
        "there in the end": ([n for n in history.networks if n.number in final - went_on], GREEN),
    }
    drawn = {name: (rows, colour) for name, (rows, colour) in groups.items() if rows}
    traces: list[Any] = [
        go.Scatter(
            name=name,
            x=[_place(row) for row in rows],
            y=[_value(row, "loss") for row in rows],
            mode="markers",
            marker={
                "color": colour,
                "size": 9,
                "opacity": 0.8,
                "symbol": ["diamond" if row.role == "newcomer" else "circle" for row in rows],
            },
            hovertext=[network_hover(row) for row in rows],
            hoverinfo="text",
        )
        for name, (rows, colour) in drawn.items()
    ]
    choices = {
        label: [
            {"y": [[_value(row, label) for row in rows] for rows, _ in drawn.values()]},
            {"yaxis.title.text": title, "yaxis.tickformat": "~s" if label in ("FLOPs", "parameters") else ""},
        ]
        for label, title in MEASURES.items()
    }
    places = {_place(row): f"{row.iteration}{'+' if row.role == 'last' else ''}" for row in history.networks}
    every = -(-len(places) // MAX_TICKS)
    return styled(
        traces,
        xaxis={
            "title": {"text": "iteration"},
            "tickvals": list(places)[::every],
            "ticktext": list(places.values())[::every],
            "range": [-0.5, max(places) + 0.5],
        },
        yaxis={"title": {"text": MEASURES["loss"]}},
        updatemenus=switch(**choices),
    )


def _place(row: GrownNetwork) -> int:
    return row.iteration + (row.role == "last")


def _value(row: GrownNetwork, label: str) -> float:
    match label:
        case "loss":
            return row.loss
        case "accuracy":
            return percent(row.accuracy)
        case "FLOPs":
            return row.flops
    return row.parameters
