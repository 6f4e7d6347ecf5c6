"""Who came of whom: the tree of a growing population, with the transform of every branch."""

from __future__ import annotations

from html import escape
from typing import Any

import plotly.graph_objects as go

from gakeras.growth.history import GrownNetwork, GrowthHistory, describe
from gakeras.growth.population import Training
from gakeras.plots.grown import lost_hover, network_hover
from gakeras.plots.style import BLUE, GREEN, GREY, RED, empty, row_label, styled
from gakeras.plots.text import count_text

MAX_LETTERS = 36
ROW = 38
LANES = 0.3
"""The share of the width that the tree takes; the rest is for words."""


def descent(history: GrowthHistory) -> go.Figure:
    """Return the tree of all networks, a row each: by which transform they came of whom, and for how long.

    From left to right are the iterations, each point is a training; the last leg is one to the right
    of the last iteration. A row says the transform, and the network's scores and operations after its
    latest training. Green is the way to the best network, blue are the others that there are in the
    end, grey what selection dropped, and a cross is a training that failed.

    >>> figure = descent(growth)
    """
    trainings = [t for t in history.population.trainings if t.number not in history.population.in_flight]
    if not trainings:
        return empty("No network has been trained yet.")
    rows = {network.number: network for network in history.networks}
    order = _order(trainings)
    places = {network: place for place, network in enumerate(order)}
    points = {t.number: (t.iteration + (t.role == "last"), places[t.network]) for t in trainings}
    way = {row.number for row in history.line(history.best.number)} if history.best else set()
    edges_x: list[float | None] = []
    edges_y: list[float | None] = []
    for training in trainings:
        if training.parent in points:
            (x0, y0), (x1, y1) = points[training.parent], points[training.number]
            edges_x += [x0, x0, x1, None]
            edges_y += [y0, y1, y1, None]
    failed = history.population.failures
    traces: list[Any] = [
        go.Scatter(x=edges_x, y=edges_y, mode="lines", line={"color": GREY, "width": 1}, hoverinfo="skip"),
        go.Scatter(
            name="training",
            x=[points[training.number][0] for training in trainings],
            y=[points[training.number][1] for training in trainings],
            mode="markers",
            cliponaxis=False,
            marker={
                "size": [13 if history.best and t.number == history.best.number else 9 for t in trainings],
                "color": [_colour(training, way, history) for training in trainings],
                "symbol": [
                    "x" if t.number in failed
                    else "star" if history.best and t.number == history.best.number
                    else "circle"
                    for t in trainings
                ],
            },
            hovertext=[
                network_hover(rows[t.number]) if t.number in rows else lost_hover(t, failed[t.number])
                for t in trainings
            ],
            hoverinfo="text",
        ),
    ]  # fmt: skip
    words = [
        row_label(
            _row_text(network, [rows[t.number] for t in trainings if _is_of(t, network, rows)]),
            LANES + 0.04,
            places[network],
        )
        for network in order
    ]
    deepest = max(x for x, _ in points.values())
    hidden = {"showgrid": False, "showticklabels": False, "showline": False, "fixedrange": True}
    return styled(
        traces,
        height=ROW * len(order) + 32,
        margin={"l": 4, "r": 4, "t": 16, "b": 16},
        annotations=words,
        showlegend=False,
        xaxis={**hidden, "domain": [0, LANES], "range": [-0.5, max(deepest, 1) + 0.5]},
        yaxis={**hidden, "range": [len(order) - 0.5, -0.5]},
    )


def _order(trainings: list[Training]) -> list[int]:
    """Return the networks with those that came of each below it."""
    made_of = {t.number: t.network for t in trainings}
    children: dict[int, list[int]] = {}
    roots: list[int] = []
    for network in dict.fromkeys(t.network for t in trainings):
        first = next(t for t in trainings if t.network == network)
        parent = None if first.parent is None else made_of.get(first.parent)
        (roots if parent is None else children.setdefault(parent, [])).append(network)
    found: list[int] = []
    waiting = roots[::-1]
    while waiting:
        network = waiting.pop()
        found.append(network)
        waiting += children.get(network, [])[::-1]
    return found


def _is_of(training: Training, network: int, rows: dict[int, GrownNetwork]) -> bool:
    return training.network == network and training.number in rows


def _colour(training: Training, way: set[int], history: GrowthHistory) -> str:
    if training.number in history.population.failures:
        return RED
    if training.number in way:
        return GREEN
    return BLUE if training.number in history.final else GREY


def _row_text(network: int, rows: list[GrownNetwork]) -> str:
    if not rows:
        return f"<b>#{network}</b> failed"
    transform = describe(rows[0].transforms[-1]) if rows[0].transforms else "start"
    if len(transform) > MAX_LETTERS:
        transform = transform[:MAX_LETTERS] + "…"
    last = rows[-1]
    return (
        f"<b>#{network}</b> {escape(transform)}<br>"
        f"{last.accuracy:.2%}, loss {last.loss:.4f}, {count_text(last.flops)} FLOPs"
    )
