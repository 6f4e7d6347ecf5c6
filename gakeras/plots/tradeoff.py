"""What accuracy costs: every network's loss against its size, and the Pareto front."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from gakeras.fitness.objectives import measure
from gakeras.history import History
from gakeras.plots.style import BLUE, GREEN, ORANGE, empty, loss_axis, styled, switch
from gakeras.plots.text import individual_hover

SIZES = ("parameters", "flops")


def pareto_front(points: Sequence[tuple[float, float]]) -> list[int]:
    """Return the indices of the points that no other dominates, by rising first value.

    A point dominates another that is at least as large in both values, and larger in one.
    Of equal points the first is taken.

    >>> pareto_front([(1, 5), (2, 2), (3, 3), (4, 1)])
    [0, 1, 3]
    """
    front: list[int] = []
    for index in sorted(range(len(points)), key=lambda index: points[index]):
        if not front or points[index][1] < points[front[-1]][1]:
            front.append(index)
    return front


def tradeoff(history: History) -> go.Figure:
    """Return a point for every network that was evaluated: its loss against its size.

    Two buttons switch between parameters and FLOPs of a forward pass. The line is the Pareto
    front, the networks that none beats in both; the winner is a star. A penalty, which would count the
    size twice, is left out. Pointing at a network
    shows its genome.

    >>> figure = tradeoff(history)
    """
    best = history.best
    if best is None:
        return empty("No evaluation has succeeded yet.")
    individuals = list(history.individuals.values())
    losses = [measure(individual.measures, "loss") for individual in individuals]
    sizes = {name: [getattr(individual, name) for individual in individuals] for name in SIZES}
    hover = [individual_hover(individual, history.proposals[individual.id]) for individual in individuals]
    fronts = {name: pareto_front(list(zip(sizes[name], losses, strict=True))) for name in SIZES}
    front = fronts["parameters"]
    place = [individual.id for individual in individuals].index(best.id)
    best_loss = losses[place]  # of the same folds as all, though finals may have decided
    traces: list[Any] = [
        go.Scatter(
            name="network",
            x=sizes["parameters"],
            y=losses,
            mode="markers",
            marker={"color": BLUE, "size": 7, "opacity": 0.65},
            hovertext=hover,
            hoverinfo="text",
        ),
        go.Scatter(
            name="Pareto front",
            x=[sizes["parameters"][index] for index in front],
            y=[losses[index] for index in front],
            mode="lines+markers",
            line={"color": ORANGE, "width": 1.5, "shape": "hv"},
            marker={"color": ORANGE, "size": 8},
            hoverinfo="skip",
        ),
        go.Scatter(
            name="winner",
            x=[best.parameters],
            y=[best_loss],
            mode="markers",
            marker={"color": GREEN, "size": 14, "symbol": "star"},
            hoverinfo="skip",
        ),
    ]
    choices = {}
    for name in SIZES:
        xs, ys = sizes[name], [losses[index] for index in fronts[name]]
        data = {"x": [xs, [xs[index] for index in fronts[name]], [xs[place]]], "y": [losses, ys, [best_loss]]}
        choices["FLOPs" if name == "flops" else name] = [data, {"xaxis.title.text": _title(name)}]
    axis = {"title": {"text": _title("parameters")}, "type": "log", "dtick": 1, "tickformat": "~s"}
    return styled(traces, xaxis=axis, yaxis=loss_axis(losses), updatemenus=switch(**choices))


def _title(size: str) -> str:
    return "FLOPs of a forward pass" if size == "flops" else "trainable parameters"
