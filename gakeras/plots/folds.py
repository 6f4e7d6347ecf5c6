"""How sure a score is: the leaders' loss on every fold."""

from __future__ import annotations

import math
import statistics
from typing import Any

import plotly.graph_objects as go

from gakeras.errors import InputError
from gakeras.fitness.objectives import fold_losses
from gakeras.history import History
from gakeras.plots.style import BLUE, GREY, ORANGE, ROW, empty, styled
from gakeras.plots.text import individual_hover


def folds(history: History, n: int = 10) -> go.Figure:
    """Return the validation loss of the `n` best networks on every fold, with its mean.

    Where the spreads of two networks overlap widely, their order is little more than chance.
    Raises `InputError` where `n` is below 1.

    >>> figure = folds(history, 5)
    """
    if n < 1:
        raise InputError("Leaders begin with the first.", expected="n >= 1", received=f"n={n}")
    leaders = history.leaders(n)
    if not leaders:
        return empty("No evaluation has succeeded yet.")
    losses = [[loss for loss in fold_losses(leader.measures) if math.isfinite(loss)] for leader in leaders]
    labels = [f"#{leader.id}" for leader in leaders]
    spans_x: list[float | None] = []
    spans_y: list[str | None] = []
    for label, values in zip(labels, losses, strict=True):
        spans_x += [min(values), max(values), None]
        spans_y += [label, label, None]
    traces: list[Any] = [
        go.Scatter(
            x=spans_x, y=spans_y, mode="lines", line={"color": GREY, "width": 1.5},
            hoverinfo="skip", showlegend=False,
        ),
        go.Scatter(
            name="one fold",
            x=[value for values in losses for value in values],
            y=[label for label, values in zip(labels, losses, strict=True) for _ in values],
            mode="markers",
            marker={"color": BLUE, "size": 7, "opacity": 0.7},
            hovertemplate="%{y}: %{x:.4f}<extra></extra>",
        ),
        go.Scatter(
            name="mean",
            x=[statistics.fmean(values) for values in losses],
            y=labels,
            mode="markers",
            marker={"color": ORANGE, "size": 11, "symbol": "diamond"},
            hovertext=[individual_hover(leader, history.proposals[leader.id]) for leader in leaders],
            hoverinfo="text",
        ),
    ]  # fmt: skip
    return styled(
        traces,
        height=ROW * len(leaders) + 120,
        margin={"l": 12, "r": 12, "t": 12, "b": 12},
        xaxis={"title": {"text": "validation loss"}},
        yaxis={"autorange": "reversed", "type": "category"},
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0},
    )
