"""The family of the winner: which ancestors it has, and which operator gave what."""

from __future__ import annotations

from html import escape
from typing import Any

import plotly.graph_objects as go

from gakeras.fitness.objectives import decimals
from gakeras.history import History
from gakeras.plots.style import BLUE, GREEN, GREY, empty, row_label, styled
from gakeras.plots.text import individual_hover, lines, origin_lines

MAX_LETTERS = 36
ROW = 38
LANES = 0.18
"""The share of the width that the lines of descent take; the rest is for words."""


def family(history: History) -> go.Figure:
    """Return the winner and all its ancestors, a row each, the youngest on top, with lines of descent.

    A row says what evolution is after, the loss or the metric, how much it is below or above that of the
    better parent, and the operators. The further right an individual lies, the more generations are behind
    it: founders are at the very left. Green is better than both parents.

    >>> figure = family(history)
    """
    best = history.best
    if best is None:
        return empty("No evaluation has succeeded yet.")
    numbers = history.ancestors(best.id)
    rows = {number: row for row, number in enumerate(numbers)}
    depths = _depths(history, numbers)
    individuals = history.individuals
    edges_x: list[float | None] = []
    edges_y: list[float | None] = []
    for number in numbers:
        for parent in history.proposals[number].parents:
            if parent in rows:
                edges_x += [depths[number], depths[parent], None]
                edges_y += [rows[number], rows[parent], None]
    gains = {number: history.gain(number) for number in numbers}
    traces: list[Any] = [
        go.Scatter(x=edges_x, y=edges_y, mode="lines", line={"color": GREY, "width": 1}, hoverinfo="skip"),
        go.Scatter(
            name="ancestor",
            x=[depths[number] for number in numbers],
            y=[rows[number] for number in numbers],
            mode="markers",
            cliponaxis=False,
            marker={
                "size": 10,
                "color": [_colour(gains[number], number == best.id) for number in numbers],
                "symbol": ["star" if number == best.id else "circle" for number in numbers],
            },
            hovertext=[
                individual_hover(individuals[number], history.proposals[number])
                if number in individuals
                else lines(f"<b>#{number}</b>", *origin_lines(history.proposals[number]))
                for number in numbers
            ],
            hoverinfo="text",
        ),
    ]
    words = [
        row_label(_row_text(history, number, gains[number]), LANES + 0.03, rows[number]) for number in numbers
    ]
    deepest = max(depths.values())
    hidden = {"showgrid": False, "showticklabels": False, "showline": False}
    return styled(
        traces,
        height=ROW * len(numbers) + 32,
        margin={"l": 4, "r": 4, "t": 16, "b": 16},
        annotations=words,
        showlegend=False,
        xaxis={**hidden, "domain": [0, LANES], "range": [-0.5, max(deepest, 1) + 0.5], "fixedrange": True},
        yaxis={**hidden, "range": [len(numbers) - 0.5, -0.5], "fixedrange": True},
    )


def _depths(history: History, numbers: list[int]) -> dict[int, int]:
    depths: dict[int, int] = {}
    for number in sorted(numbers):  # parents are older than their children
        known = [depths[parent] for parent in history.proposals[number].parents if parent in depths]
        depths[number] = max(known, default=-1) + 1
    return depths


def _colour(improvement: float | None, is_best: bool) -> str:
    if is_best or (improvement is not None and improvement > 0):
        return GREEN
    return BLUE if improvement is None else GREY


def _row_text(history: History, number: int, improvement: float | None) -> str:
    individual = history.individuals.get(number)
    value = decimals(history.value(individual)) if individual else f"no {history.aim}"
    sign = 1 if history.settings.is_after_metric else -1  # a metric rises where it improves
    change = "" if improvement is None else f" ({sign * improvement:+.4f})"
    operators = ", ".join(history.proposals[number].operators)
    if len(operators) > MAX_LETTERS:
        operators = operators[:MAX_LETTERS] + "…"
    return f"<b>#{number}</b> {value}{change}<br>{escape(operators)}"
