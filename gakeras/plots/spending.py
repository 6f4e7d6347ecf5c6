"""What accuracy costs: the scores of every line of networks against the operations spent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import plotly.graph_objects as go

from gakeras.growth.history import GrownNetwork, GrowthHistory
from gakeras.plots.grown import network_hover
from gakeras.plots.style import BLUE, GREEN, GREY, empty, styled, switch
from gakeras.plots.text import percent

Score = Literal["accuracy", "loss"]
PARTS = ("validation", "training", "test")


def spending(history: GrowthHistory, score: Score = "accuracy") -> go.Figure:
    """Return a line for every network and what came of it: its score against the FLOPs spent by the run.

    A line begins at the network that its own was made of, and has a point for each training. Green is
    the way to the best network, blue are the others that there are in the end, grey what selection
    dropped. Buttons switch between the validation part, the training examples and the test set. The
    training loss is the mean over the steps of the training, and missing where there were none.

    Args:
        history: Of the growth.
        score: `"accuracy"`, in %, or `"loss"`.

    >>> figure = spending(growth, "loss")
    """
    best = history.best
    if best is None:
        return empty("No network has been trained yet.")
    way = history.line(best.number)
    led = {row.number for row in way}
    others = {
        number: line
        for number, line in _lines(history).items()
        if not led.issuperset(row.number for row in line)
    }
    alive = {row.network for row in history.networks if row.number in history.final}
    groups: dict[str, tuple[list[list[GrownNetwork]], str, float]] = {
        "dropped": ([line for network, line in others.items() if network not in alive], GREY, 1),
        "there in the end": ([line for network, line in others.items() if network in alive], BLUE, 2),
        "way to the best": ([way], GREEN, 3),
    }
    drawn = {
        name: (_joined(group), colour, width) for name, (group, colour, width) in groups.items() if group
    }
    traces: list[Any] = [
        go.Scatter(
            name=name,
            x=[None if row is None else row.total_flops for row in rows],
            y=[_value(row, score, "validation") for row in rows],
            mode="lines+markers",
            line={"color": colour, "width": width},
            marker={"color": colour, "size": 5 + width},
            hovertext=["" if row is None else network_hover(row) for row in rows],
            hoverinfo="text",
        )
        for name, (rows, colour, width) in drawn.items()
    ]
    parts = [part for part in PARTS if part != "test" or any(row.test for row in history.networks)]
    choices = {
        part: [
            {"y": [[_value(row, score, part) for row in rows] for rows, _, _ in drawn.values()]},
            {"yaxis.title.text": _title(score, part)},
        ]
        for part in parts
    }
    return styled(
        traces,
        xaxis={
            "title": {"text": "FLOPs spent by the run"},
            "rangemode": "tozero",
            "tickformat": "~s",
            "nticks": 6,
        },
        yaxis={"title": {"text": _title(score, "validation")}},
        updatemenus=switch(**choices),
    )


def _lines(history: GrowthHistory) -> dict[int, list[GrownNetwork]]:
    """Return what came of each network, after the network that it was made of."""
    lines: dict[int, list[GrownNetwork]] = {}
    for row in history.networks:
        if row.network not in lines:
            origin = history.origin(row.number)
            lines[row.network] = [] if origin is None else [origin]
        lines[row.network].append(row)
    return lines


def _joined(group: list[list[GrownNetwork]]) -> list[GrownNetwork | None]:
    """Return lines as one, with gaps."""
    return [row for line in group for row in (*line, None)][:-1]


def _value(row: GrownNetwork | None, score: Score, part: str) -> float | None:
    if row is None:
        return None
    values: dict[tuple[Score, str], Callable[[], float | None]] = {
        ("accuracy", "validation"): lambda: row.accuracy,
        ("accuracy", "training"): lambda: row.train_accuracy,
        ("accuracy", "test"): lambda: row.test.get("accuracy"),
        ("loss", "validation"): lambda: row.loss,
        ("loss", "training"): lambda: row.train_loss,
        ("loss", "test"): lambda: row.test.get("loss"),
    }
    value = values[score, part]()
    return value if value is None or score == "loss" else percent(value)


def _title(score: Score, part: str) -> str:
    return f"{part} {score}" + (", %" if score == "accuracy" else "")
