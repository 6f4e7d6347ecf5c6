"""How much accuracy small networks keep: accuracy against architectural efficiency."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go

from gakeras.lineage.history import Descendant, SynthesisHistory
from gakeras.plots.descendants import descendant_hover, groups_of
from gakeras.plots.style import ORANGE, empty, styled, switch
from gakeras.plots.text import percent


def efficiency(history: SynthesisHistory) -> go.Figure:
    """Return a point for every network: its accuracy in % against its architectural efficiency.

    The architectural efficiency is the ancestor's synapses divided by the network's (Shafiee and
    Wong 2016, Table 1), without dead ones, on a logarithmic axis. The line joins the fittest of each
    generation; last trainings are stars; diamonds are the published networks that the settings name,
    by their test accuracy. Two buttons switch between the validation part and the test set.

    >>> figure = efficiency(synthesis)
    """
    if not history.descendants:
        return empty("No network has been measured yet.")
    groups = groups_of(history)
    traces: list[Any] = [
        go.Scatter(
            name=name,
            x=[row.efficiency for row in rows],
            y=[percent(row.accuracy) for row in rows],
            hovertext=[descendant_hover(row) for row in rows],
            hoverinfo="text",
            **look,
        )
        for name, (rows, look) in groups.items()
    ]
    published = history.settings.published
    paper = [] if published is None else [accuracy for _, _, accuracy in published.generations]
    if published is not None:
        traces.append(
            go.Scatter(
                name="published",
                x=[efficiency for _, efficiency, _ in published.generations],
                y=paper,
                mode="markers",
                marker={"color": ORANGE, "size": 9, "symbol": "diamond"},
                hovertext=[f"published, generation {number}" for number, *_ in published.generations],
                hoverinfo="text+x+y",
            )
        )
    choices = {
        part: [
            {
                "y": [[_accuracy(row, part) for row in rows] for rows, _ in groups.values()]
                + ([paper] if published is not None else [])
            },
            {"yaxis.title.text": _title(part)},
        ]
        for part in ("validation", "test")
        if part == "validation" or any(row.test for row in history.descendants)
    }
    axis = {
        "title": {"text": "architectural efficiency"},
        "type": "log",
        "dtick": "D2",
        "minorloglabels": "complete",
    }
    return styled(
        traces,
        xaxis=axis,
        yaxis={"title": {"text": _title("validation")}},
        updatemenus=switch(**choices) if len(choices) > 1 else [],
    )


def _accuracy(row: Descendant, part: str) -> float | None:
    accuracy = row.accuracy if part == "validation" else row.test.get("accuracy")
    return None if accuracy is None else percent(accuracy)


def _title(part: str) -> str:
    return f"{part} accuracy, %"
