"""How the figures look: colours that are told apart by everyone and read on light and on dark."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go

BLUE, ORANGE, GREEN, RED, GREY = "#3987c9", "#e08e0b", "#1a9e77", "#d8562a", "#8a8f98"
PURPLE, TEAL = "#9467bd", "#17a2b8"
COLOURS = (BLUE, ORANGE, GREEN, PURPLE, RED, TEAL, GREY)
"""For lines that are told apart by their colours alone."""
GRID = "rgba(128, 128, 128, 0.25)"
CLEAR = "rgba(0, 0, 0, 0)"
ROW = 24
"""Pixels of a row of text."""


def styled(traces: list[Any], *, height: int = 420, **layout: Any) -> go.Figure:
    """Return a figure in the common style: clear background, thin grid, room for a phone."""
    axis = {"gridcolor": GRID, "zeroline": False, "automargin": True, "linecolor": GRID}
    common: dict[str, Any] = {
        "template": "none",
        "paper_bgcolor": CLEAR,
        "plot_bgcolor": CLEAR,
        "font": {"family": "system-ui, sans-serif", "size": 12},
        "margin": {"l": 12, "r": 12, "t": 48 if layout.get("updatemenus") else 12, "b": 92},
        "height": height,
        "hovermode": "closest",
        "hoverlabel": {"align": "left", "font": {"size": 11}},
        "legend": {"orientation": "h", "y": 0, "yref": "container", "yanchor": "bottom", "x": 0},
    }
    for name in ("xaxis", "yaxis"):
        layout[name] = axis | layout.get(name, {})
    return go.Figure(traces, common | layout)


def row_label(text: str, x: float, y: float) -> dict[str, Any]:
    """Return what stands beside a row: text that begins at a share `x` of the figure's width."""
    return {
        "text": text,
        "x": x,
        "xref": "paper",
        "xanchor": "left",
        "y": y,
        "showarrow": False,
        "align": "left",
        "font": {"size": 11},
    }


def switch(**choices: Mapping[str, Any] | list[Any]) -> list[dict[str, Any]]:
    """Return a row of buttons above the figure; each choice is what `Plotly.update` is called with."""
    buttons = [
        {"label": label.replace("_", " "), "method": "update", "args": args}
        for label, args in choices.items()
    ]
    return [
        {
            "type": "buttons",
            "direction": "right",
            "buttons": buttons,
            "x": 0,
            "xanchor": "left",
            "y": 1.02,
            "yanchor": "bottom",
            "pad": {"b": 4, "t": 0, "l": 0, "r": 0},
            "font": {"size": 11},
            "borderwidth": 1,
            "bordercolor": GRID,
            "bgcolor": "rgba(128, 128, 128, 0.12)",
        }
    ]


def loss_axis(losses: list[float], name: str = "loss") -> dict[str, Any]:
    """Return an axis of losses: logarithmic where they are positive and differ by more than ten times."""
    title = {"title": {"text": f"validation {name}"}}
    if losses and min(losses) > 0 and max(losses) > 10 * min(losses):
        return {**title, "type": "log", "dtick": "D2", "minorloglabels": "complete"}
    return title


def empty(text: str) -> go.Figure:
    """Return a figure that says why there is nothing to see."""
    note = {"text": text, "showarrow": False, "x": 0.5, "y": 0.5, "xref": "paper", "yref": "paper"}
    return styled([], height=120, annotations=[note], xaxis={"visible": False}, yaxis={"visible": False})
